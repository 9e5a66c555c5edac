//! BatchNormalization with fixed statistics, LRN and LpNormalization.

use crate::graph::axes::{axis, spread, strides, walk};
use crate::graph::operator::wide_of;
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Operator, Value};
use hwmodel::cast::exact;

/// (x - mean) / √(variance + epsilon) · scale + bias.
struct BatchNormalization {
    epsilon: f64,
    /// Whether there is one of each for a channel; otherwise for each element of a sample (opset < 9).
    by_channel: bool,
}

/// x / (bias + alpha / size · Σ x² over `size` neighbouring channels)^beta.
struct LocalResponse {
    alpha: f64,
    beta: f64,
    bias: f64,
    size: usize,
}

/// x / its norm along an axis.
struct LpNormalization {
    axis: i64,
    squares: bool,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["BatchNormalization", "LRN", "LpNormalization"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    match definition.node.operator.as_str() {
        "LRN" => {
            definition.expect_inputs(1, 1)?;
            let size = definition.integer("size", 0)?;
            let found = usize::try_from(size).ok().filter(|&size| size > 0);
            Ok(Box::new(LocalResponse {
                alpha: definition.real("alpha", 1e-4)?.into(),
                beta: definition.real("beta", 0.75)?.into(),
                bias: definition.real("bias", 1.0)?.into(),
                size: found.ok_or_else(|| Problem::Attribute {
                    name: "size",
                    value: size.to_string(),
                    allowed: "a number of channels above 0 is needed",
                })?,
            }))
        }
        "LpNormalization" => {
            definition.expect_inputs(1, 1)?;
            let squares = match definition.integer("p", 2)? {
                1 => false,
                2 => true,
                p => {
                    let (value, allowed) = (p.to_string(), "1 or 2 is needed");
                    return Err(Problem::Attribute { name: "p", value, allowed });
                }
            };
            Ok(Box::new(LpNormalization { axis: definition.integer("axis", -1)?, squares }))
        }
        _ => {
            definition.expect_inputs(5, 5)?;
            let named = definition.node.outputs.iter().filter(|name| !name.is_empty()).count();
            if definition.flag("training_mode")? || named > 1 {
                return Err(Problem::Unsupported(
                    "it is in training mode: export the network in evaluation mode".to_owned(),
                ));
            }
            Ok(Box::new(BatchNormalization {
                epsilon: definition.real("epsilon", 1e-5)?.into(),
                by_channel: definition.version >= 9 || definition.integer("spatial", 1)? != 0,
            }))
        }
    }
}

impl Operator for BatchNormalization {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        // One axis is that of the samples, of one channel.
        let mut of = match shape.len() {
            0 | 1 => vec![1],
            rank => {
                let mut of = vec![1; rank];
                of[1] = shape[1];
                of
            }
        };
        if !self.by_channel {
            of = shape.clone();
            if let Some(first) = of.first_mut() {
                *first = 1;
            }
        }
        let parameters: Vec<Vec<f64>> = (1..5)
            .map(|index| {
                let value = call.input(index)?;
                let numbers = wide_of("parameter", value)?;
                if numbers.len() != of.iter().product::<usize>() {
                    let given = value.shape();
                    let why =
                        format!("input {index} of shape {given:?} for an input of shape {shape:?}");
                    return Err(Problem::Shape(why));
                }
                Ok(numbers.into_owned())
            })
            .collect::<Result<_, _>>()?;
        let [scale, bias, mean, variance] = &parameters[..] else {
            return Err(Problem::NoInput(4));
        };
        let deviation: Vec<f64> = variance.iter().map(|x| (x + self.epsilon).sqrt()).collect();
        let places: Vec<usize> = (0..deviation.len()).collect();
        let places = spread((&places, &of), &shape);
        let values = wide_of("input", x)?;
        let values = values.iter().zip(places);
        let values = values.map(|(x, at)| (x - mean[at]) / deviation[at] * scale[at] + bias[at]);
        let values = values.collect();
        Ok(vec![call.reals(0, shape, values)?])
    }
}

impl Operator for LocalResponse {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        let &[_, channels, ref rest @ ..] = shape.as_slice() else {
            return Err(Problem::Shape(format!("its input has shape {shape:?}")));
        };
        let inner: usize = rest.iter().product();
        let values = wide_of("input", x)?;
        let (before, after) = ((self.size - 1) / 2, self.size / 2);
        let mut results = vec![0.0; values.len()];
        let sample = (channels * inner).max(1);
        for (x, y) in values.chunks(sample).zip(results.chunks_mut(sample)) {
            for channel in 0..channels {
                let others = channel.saturating_sub(before)
                    ..channels.min(channel.saturating_add(after).saturating_add(1));
                for at in 0..inner {
                    let square = |other: usize| x[other * inner + at].powi(2);
                    let sum: f64 = others.clone().map(square).sum();
                    let size: f64 = exact::<u64>(self.size) as f64;
                    let base = self.bias + self.alpha / size * sum;
                    let place = channel * inner + at;
                    y[place] = x[place] / libm::pow(base, self.beta);
                }
            }
        }
        Ok(vec![call.reals(0, shape, results)?])
    }
}

impl Operator for LpNormalization {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        let axis = axis(self.axis, shape.len())?;
        let mut values = wide_of("input", x)?.into_owned();
        let steps = strides(&shape);
        let mut lines = shape.clone();
        lines[axis] = 1;
        for start in walk(&lines, &steps, 0) {
            let place = |index: usize| start + index * steps[axis];
            let line = || (0..shape[axis]).map(|index| values[place(index)]);
            let norm = match self.squares {
                true => line().map(|x| x * x).sum::<f64>().sqrt(),
                false => line().map(f64::abs).sum(),
            };
            // A line of zeros stays one.
            if norm != 0.0 {
                (0..shape[axis]).for_each(|index| values[place(index)] /= norm);
            }
        }
        Ok(vec![call.reals(0, shape, values)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;

    fn batch(opset: i64) -> Case {
        Case::new("BatchNormalization").opset(opset).float("epsilon", 0.0)
    }

    fn parameters(case: Case, count: usize) -> Case {
        let of = |values: [f64; 2]| values.into_iter().cycle().take(count).collect::<Vec<_>>();
        let case = case.reals(&[count], &of([1.0, 2.0])).reals(&[count], &of([0.0, 1.0]));
        case.reals(&[count], &of([1.0, 0.0])).reals(&[count], &of([4.0, 1.0]))
    }

    #[test]
    fn channels_have_their_statistics() {
        let x = || batch(15).reals(&[1, 2, 2], &[1.0, 3.0, 1.0, 2.0]);
        assert_eq!(parameters(x(), 2).numbers(), [0.0, 1.0, 3.0, 5.0]);
        assert!(parameters(x(), 3).run().is_err());
        let old = batch(7).int("spatial", 0).reals(&[1, 2, 1], &[3.0, 2.0]);
        assert_eq!(parameters(old, 2).numbers(), [1.0, 5.0]);
        let training = parameters(x(), 2).int("training_mode", 1).run().unwrap_err();
        assert!(training.to_string().contains("evaluation mode"));
    }

    #[test]
    fn neighbours_and_norms() {
        let y = Case::new("LRN").int("size", 3).float("alpha", 3.0).float("beta", 1.0);
        let y = y.reals(&[1, 3, 1], &[1.0, 2.0, 3.0]).numbers();
        assert_eq!(y, [1.0 / 6.0, 2.0 / 15.0, 3.0 / 14.0]);
        let y = Case::new("LpNormalization").int("p", 1).int("axis", 0);
        assert_eq!(y.reals(&[2, 2], &[1.0, 0.0, -3.0, 0.0]).numbers(), [0.25, 0.0, -0.75, 0.0]);
        assert!(Case::new("LpNormalization").int("p", 3).reals(&[1], &[1.0]).run().is_err());
        assert!(Case::new("LRN").reals(&[1, 1], &[1.0]).run().is_err());
    }
}
