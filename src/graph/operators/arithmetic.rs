//! Arithmetic of several tensors with broadcasting.
#![expect(clippy::float_cmp, reason = "2 is the exponent itself")]

use super::grid::{Grid, rescale};
use crate::graph::axes::{broadcast, zip};
use crate::graph::operator::type_of;
use crate::graph::operators::Problem;
use crate::graph::{Alike, Call, Definition, Form, Integers, Kind, Operator, Place, Scaled, Value};
use crate::onnx::model::ElementType;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// The remainder has the sign of the divisor.
    Modulo,
    /// The remainder has the sign of the dividend.
    Remainder,
    Minimum,
    Maximum,
}

/// One of the rules, from the first input to the last.
struct Arithmetic {
    rule: Rule,
    mean: bool,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] =
    &["Add", "Div", "Max", "Mean", "Min", "Mod", "Mul", "Pow", "Sub", "Sum"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let name = definition.node.operator.as_str();
    let (least, most) = match name {
        "Min" | "Max" | "Sum" | "Mean" => (1, usize::MAX),
        _ => (2, 2),
    };
    definition.expect_inputs(least, most)?;
    let rule = match name {
        "Add" | "Sum" | "Mean" => Rule::Add,
        "Sub" => Rule::Subtract,
        "Mul" => Rule::Multiply,
        "Div" => Rule::Divide,
        "Mod" if definition.flag("fmod")? => Rule::Remainder,
        "Mod" => Rule::Modulo,
        "Min" => Rule::Minimum,
        "Max" => Rule::Maximum,
        "Pow" => return Ok(Box::new(Power)),
        _ => return Err(Problem::NoOperator),
    };
    Ok(Box::new(Arithmetic { rule, mean: name == "Mean" }))
}

impl Rule {
    fn real(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Remainder => a % b,
            Self::Modulo => {
                let rest = a % b;
                if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
            }
            // NaN wins, as in NumPy and ONNX Runtime.
            Self::Minimum if a.is_nan() || a < b => a,
            Self::Maximum if a.is_nan() || a > b => a,
            Self::Minimum | Self::Maximum => b,
        }
    }

    /// The divisor is not 0.
    fn integer(self, a: i128, b: i128) -> i128 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Remainder => a % b,
            Self::Modulo => (a % b + b) % b,
            Self::Minimum => a.min(b),
            Self::Maximum => a.max(b),
        }
    }

    fn integers(self, a: &Integers, b: &Integers) -> Result<Integers, Problem> {
        let divides = matches!(self, Self::Divide | Self::Modulo | Self::Remainder);
        if divides && !a.values.is_empty() && b.values.contains(&0) {
            return Err(Problem::Unsupported("an integer is divided by 0".to_owned()));
        }
        let to = broadcast(&[&a.shape, &b.shape])?;
        let values = zip((&a.values, &a.shape), (&b.values, &b.shape), &to, |a, b| {
            self.integer(a.into(), b.into())
        });
        Integers::wrapped(to, a.element, values)
    }

    /// Of tensors whose scales allow it.
    fn scaled(self, values: &[&Scaled]) -> Result<Option<Scaled>, Problem> {
        if !matches!(self, Self::Add | Self::Subtract | Self::Minimum | Self::Maximum) {
            return Ok(None);
        }
        let Some(mut grid) = Grid::of(values)? else { return Ok(None) };
        let mut terms = std::mem::take(&mut grid.terms).into_iter();
        let mut sum = terms.next().unwrap_or_default();
        for term in terms {
            for (sum, term) in sum.iter_mut().zip(term) {
                *sum = match self {
                    Self::Add => *sum + term,
                    Self::Subtract => *sum - term,
                    Self::Minimum => (*sum).min(term),
                    _ => (*sum).max(term),
                };
            }
        }
        let mut ranges = grid.ranges.iter().map(|&(low, high)| (i128::from(low), i128::from(high)));
        let first = ranges.next().unwrap_or((0, 0));
        let range = ranges.fold(first, |(low, high), other| match self {
            Self::Add => (low + other.0, high + other.1),
            Self::Subtract => (low - other.1, high - other.0),
            Self::Minimum => (low.min(other.0), high.min(other.1)),
            _ => (low.max(other.0), high.max(other.1)),
        });
        Ok(grid.tensor(sum, range))
    }
}

impl Arithmetic {
    /// A quantised tensor times or through positive numbers that change its scales only.
    fn rescaled(&self, a: &Value, b: &Value) -> Option<Scaled> {
        let (x, factor, divide) = match (self.rule, a, b) {
            (Rule::Multiply, Value::Scaled(x), Value::Real(factor))
            | (Rule::Multiply, Value::Real(factor), Value::Scaled(x)) => (x, factor, false),
            (Rule::Divide, Value::Scaled(x), Value::Real(factor)) => (x, factor, true),
            _ => return None,
        };
        rescale(x, &factor.wide(), &factor.shape, divide)
    }
}

impl Operator for Arithmetic {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let count = call.inputs.len();
        let values = match call.alike(0, count)? {
            Alike::Integers(values) if !self.mean => {
                if values[0].element == ElementType::Bool {
                    return Err(type_of("input", call.input(0)?, "of a type of numbers"));
                }
                let mut values = values.into_iter();
                let first = values.next().ok_or(Problem::NoInput(0))?;
                let result = values.try_fold(first, |a, b| self.rule.integers(&a, &b))?;
                return Ok(call.integer_result(result));
            }
            Alike::Integers(_) => return Err(type_of("input", call.input(0)?, "real")),
            Alike::Scaled(values) => {
                if let Some(result) = self.rule.scaled(&values)?.filter(|_| !self.mean) {
                    call.place = Place::Integers;
                    return Ok(vec![Value::Scaled(result)]);
                }
                call.inputs.iter().flatten().collect()
            }
            Alike::Reals(values) => values,
        };
        if let [a, b] = values[..]
            && let Some(result) = self.rescaled(a, b)
        {
            call.place = Place::Integers;
            return Ok(vec![Value::Scaled(result)]);
        }
        let (mut shape, mut sum) = (values[0].shape().to_vec(), values[0].wide());
        for value in &values[1..] {
            let to = broadcast(&[&shape, value.shape()])?;
            let next = zip((&sum, &shape), (&value.wide(), value.shape()), &to, |a, b| {
                self.rule.real(a, b)
            });
            (shape, sum) = (to, next.into());
        }
        let mut sum = sum.into_owned();
        if self.mean {
            sum.iter_mut().for_each(|sum| *sum /= count as f64);
        }
        Ok(vec![call.reals(0, shape, sum)?])
    }

    fn form(&self, constants: &[Option<&Value>]) -> Form<'_> {
        let positive = || {
            let mut values = constants.iter().flatten().flat_map(|value| value.wide().into_owned());
            values.all(|value| value > 0.0 && value.is_finite())
        };
        // Integers of a type wrap around.
        let reals = constants.iter().flatten().all(|value| value.kind() != Kind::Integer);
        let single = constants.iter().filter(|constant| constant.is_none()).count() == 1;
        let rising = match self.rule {
            Rule::Add | Rule::Minimum | Rule::Maximum => true,
            Rule::Subtract => constants.first().is_some_and(Option::is_none),
            Rule::Multiply => positive(),
            Rule::Divide => constants.first().is_some_and(Option::is_none) && positive(),
            Rule::Modulo | Rule::Remainder => false,
        };
        if single && rising && reals { Form::Rising } else { Form::ElementWise }
    }
}

/// Powers; the exponent may have another type than the base, which decides the type of the result.
struct Power;

fn power(base: f64, exponent: f64) -> f64 {
    if exponent == 2.0 { base * base } else { libm::pow(base, exponent) }
}

/// `base` to the power `exponent` modulo 2^64; toward zero for negative exponents.
fn integer_power(base: i64, exponent: i64) -> i64 {
    match (base, exponent) {
        (1, _) => 1,
        (-1, _) => 1 - 2 * (exponent & 1),
        (_, ..0) => 0,
        _ => {
            let (mut result, mut square, mut rest) = (1i64, base, exponent);
            while rest > 0 {
                if rest & 1 == 1 {
                    result = result.wrapping_mul(square);
                }
                square = square.wrapping_mul(square);
                rest >>= 1;
            }
            result
        }
    }
}

impl Operator for Power {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (base, exponent) = (call.input(0)?, call.input(1)?);
        let to = broadcast(&[base.shape(), exponent.shape()])?;
        match (base, exponent) {
            (Value::Integer(a), Value::Integer(b)) => {
                if b.values.iter().any(|&exponent| exponent < 0) && a.values.contains(&0) {
                    return Err(Problem::Unsupported("0 to a negative power".to_owned()));
                }
                let values = zip((&a.values, &a.shape), (&b.values, &b.shape), &to, |a, b| {
                    i128::from(integer_power(a, b))
                });
                let result = Integers::wrapped(to, a.element, values)?;
                Ok(call.integer_result(result))
            }
            (Value::Integer(a), _) => {
                let exponents = exponent.wide();
                let values =
                    zip((&base.wide(), &a.shape), (&exponents, exponent.shape()), &to, power);
                let range = a.range();
                let whole = values
                    .into_iter()
                    .map(|value| hwmodel::cast::toward_zero::<i64>(value).clamp(range.0, range.1));
                let result = Integers::new(to, a.element, whole.collect());
                Ok(call.integer_result(result))
            }
            _ => {
                debug_assert!(base.kind() != Kind::Integer);
                let values = zip(
                    (&base.wide(), base.shape()),
                    (&exponent.wide(), exponent.shape()),
                    &to,
                    power,
                );
                Ok(vec![call.reals(0, to, values)?])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::graph::{Scale, Value};
    use crate::onnx::model::ElementType;

    #[test]
    fn integer_division_truncates_and_remainders_have_both_signs() {
        let ints = |operator: &str, a: &[i64], b: &[i64]| Case::new(operator).list(a).list(b);
        assert_eq!(ints("Div", &[7, -7], &[2, 2]).numbers(), [3.0, -3.0]);
        assert_eq!(ints("Mod", &[7, -7], &[-4, 4]).numbers(), [-1.0, 1.0]);
        assert_eq!(ints("Mod", &[7, -7], &[-4, 4]).int("fmod", 1).numbers(), [3.0, -3.0]);
        assert_eq!(ints("Pow", &[3, -2], &[4, 3]).numbers(), [81.0, -8.0]);
        assert!(ints("Div", &[1], &[0]).run().unwrap_err().to_string().contains("divided by 0"));
        assert!(ints("Div", &[], &[0]).numbers().is_empty());
        let bytes = |x: &[i64]| Case::new("Add").integers(&[1], ElementType::UInt8, x);
        assert_eq!(bytes(&[200]).integers(&[1], ElementType::UInt8, &[100]).numbers(), [44.0]);
        assert!(bytes(&[200]).list(&[1]).run().is_err(), "two types");
        assert!(bytes(&[200]).reals(&[1], &[1.0]).run().is_err(), "integers and reals");
    }

    #[test]
    fn reals_are_broadcast_from_first_to_last() {
        let three = |operator: &str| {
            Case::new(operator)
                .reals(&[2, 1], &[1.0, 4.0])
                .reals(&[2], &[2.0, 3.0])
                .reals(&[], &[2.5])
        };
        assert_eq!(three("Max").numbers(), [2.5, 3.0, 4.0, 4.0]);
        assert_eq!(three("Min").numbers(), [1.0, 1.0, 2.0, 2.5]);
        assert_eq!(three("Sum").numbers(), [5.5, 6.5, 8.5, 9.5]);
        assert_eq!(Case::new("Mean").reals(&[1], &[1.0]).reals(&[1], &[2.0]).numbers(), [1.5]);
        assert!(
            Case::new("Max").reals(&[1], &[f64::NAN]).reals(&[1], &[2.0]).numbers()[0].is_nan()
        );
        assert!(Case::new("Add").reals(&[2], &[1.0, 2.0]).reals(&[3], &[0.0; 3]).run().is_err());
    }

    #[test]
    fn quantised_sums_stay_integers() {
        let scale = |zero| Scale::per_tensor(0.5, zero);
        let x = |operator| Case::new(operator).scaled(&[2], &[3, 7], (0, 7), scale(1));
        let sum = x("Add").scaled(&[2], &[2, -8], (-8, 7), scale(0)).run().unwrap();
        let Value::Scaled(sum) = &sum[0] else { panic!("quantised") };
        assert_eq!((sum.integers.to_vec(), sum.range), (vec![4, -2], (-9, 13)));
        let scaled = x("Mul").reals(&[], &[4.0]).run().unwrap();
        let Value::Scaled(scaled) = &scaled[0] else { panic!("quantised") };
        assert_eq!((scaled.integers.to_vec(), scaled.scale.scales[0]), (vec![3, 7], 2.0));
        assert_eq!(x("Div").reals(&[], &[-2.0]).numbers(), [-0.5, -1.5]);
    }
}
