//! Softmax, LogSoftmax and Hardmax.
#![expect(clippy::float_cmp, reason = "the largest is one of the numbers")]

use crate::graph::axes::axis;
use crate::graph::operator::wide_of;
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Operator, Value};

#[derive(Clone, Copy)]
enum Rule {
    Softmax,
    Logarithm,
    Hard,
}

struct Softmax {
    rule: Rule,
    axis: i64,
    /// Before opset 13 all axes from `axis` on are one.
    flat: bool,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["Hardmax", "LogSoftmax", "Softmax"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 1)?;
    let rule = match definition.node.operator.as_str() {
        "Softmax" => Rule::Softmax,
        "LogSoftmax" => Rule::Logarithm,
        _ => Rule::Hard,
    };
    let flat = definition.version < 13;
    let axis = definition.integer("axis", if flat { 1 } else { -1 })?;
    Ok(Box::new(Softmax { rule, axis, flat }))
}

/// Replaces the numbers of a line.
fn apply(rule: Rule, line: &mut [f64]) {
    let top = line.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match rule {
        Rule::Hard => {
            let first = line.iter().position(|&x| x == top);
            line.fill(0.0);
            if let Some(first) = first {
                line[first] = 1.0;
            }
        }
        Rule::Softmax => {
            line.iter_mut().for_each(|x| *x = libm::exp(*x - top));
            let sum: f64 = line.iter().sum();
            line.iter_mut().for_each(|x| *x /= sum);
        }
        Rule::Logarithm => {
            let sum: f64 = line.iter().map(|&x| libm::exp(x - top)).sum();
            let shift = top + libm::log(sum);
            line.iter_mut().for_each(|x| *x -= shift);
        }
    }
}

impl Operator for Softmax {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        let mut values = wide_of("input", x)?.into_owned();
        let (length, inner) = if self.flat && usize::try_from(self.axis) == Ok(shape.len()) {
            (1, 1)
        } else {
            let axis = match shape.len() {
                0 => 0,
                rank => axis(self.axis, rank)?,
            };
            match self.flat {
                true => (shape[axis..].iter().product(), 1),
                false => {
                    let after = shape.get(axis + 1..).unwrap_or(&[]);
                    (shape.get(axis).copied().unwrap_or(1), after.iter().product())
                }
            }
        };
        let mut line = vec![0.0; length];
        for block in values.chunks_mut((length * inner).max(1)) {
            for first in 0..inner {
                let places = (first..block.len()).step_by(inner);
                line.iter_mut().zip(places.clone()).for_each(|(x, place)| *x = block[place]);
                apply(self.rule, &mut line);
                line.iter().zip(places).for_each(|(&x, place)| block[place] = x);
            }
        }
        Ok(vec![call.reals(0, shape, values)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;

    fn y(operator: &str, axis: i64, opset: i64) -> Vec<f64> {
        let x = [0.0, 1.0, 0.0, 1.0f64].map(|x| x * std::f64::consts::LN_2);
        Case::new(operator).opset(opset).int("axis", axis).reals(&[1, 2, 2], &x).numbers()
    }

    #[test]
    fn along_an_axis_or_over_all_later_ones() {
        let near = |a: Vec<f64>, b: &[f64]| {
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15), "{a:?} is not {b:?}");
        };
        near(y("Softmax", -1, 13), &[1.0 / 3.0, 2.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0]);
        near(y("Softmax", 1, 13), &[0.5; 4]);
        near(y("Softmax", 1, 12), &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 6.0, 1.0 / 3.0]);
        near(y("LogSoftmax", 1, 13), &[-std::f64::consts::LN_2; 4]);
        assert_eq!(y("Hardmax", 2, 13), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(y("Hardmax", 0, 12), [0.0, 1.0, 0.0, 0.0]);
        let large = Case::new("Softmax").reals(&[2], &[1e300, 1e300]);
        assert_eq!(large.numbers(), [0.5, 0.5]);
        assert!(Case::new("Softmax").int("axis", 3).reals(&[2], &[0.0; 2]).run().is_err());
    }
}
