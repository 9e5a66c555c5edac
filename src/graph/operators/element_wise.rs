//! Functions of one number, element by element.

use crate::graph::operator::{type_of, wide_of};
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Form, Integers, Operator, Place, Scaled, Value};
use std::sync::Arc;

/// A function of one real number on the float unit.
pub(super) struct Function(pub(super) Box<dyn Fn(f64) -> f64 + Send + Sync>);

/// A function that integers have too.
struct Signed(Sign);

#[derive(Clone, Copy)]
enum Sign {
    Negated,
    Magnitude,
    Direction,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "Ceil",
    "Cos",
    "Cosh",
    "Erf",
    "Exp",
    "Floor",
    "Log",
    "Neg",
    "Reciprocal",
    "Round",
    "Sign",
    "Sin",
    "Sinh",
    "Sqrt",
    "Tan",
    "Tanh",
];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 1)?;
    let function: fn(f64) -> f64 = match definition.node.operator.as_str() {
        "Neg" => return Ok(Box::new(Signed(Sign::Negated))),
        "Abs" => return Ok(Box::new(Signed(Sign::Magnitude))),
        "Sign" => return Ok(Box::new(Signed(Sign::Direction))),
        "Acos" => libm::acos,
        "Acosh" => libm::acosh,
        "Asin" => libm::asin,
        "Asinh" => libm::asinh,
        "Atan" => libm::atan,
        "Atanh" => libm::atanh,
        "Ceil" => f64::ceil,
        "Cos" => libm::cos,
        "Cosh" => libm::cosh,
        "Erf" => libm::erf,
        "Exp" => libm::exp,
        "Floor" => f64::floor,
        "Log" => libm::log,
        "Reciprocal" => f64::recip,
        "Round" => f64::round_ties_even,
        "Sin" => libm::sin,
        "Sinh" => libm::sinh,
        "Sqrt" => f64::sqrt,
        "Tan" => libm::tan,
        "Tanh" => libm::tanh,
        _ => return Err(Problem::NoOperator),
    };
    Ok(Box::new(Function(Box::new(function))))
}

impl Operator for Function {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        let values = wide_of("input", x)?.iter().map(|&x| (self.0)(x)).collect();
        Ok(vec![call.reals(0, shape, values)?])
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::ElementWise
    }
}

impl Signed {
    fn real(&self, x: f64) -> f64 {
        match self.0 {
            Sign::Negated => -x,
            Sign::Magnitude => x.abs(),
            Sign::Direction if x == 0.0 || x.is_nan() => x,
            Sign::Direction => x.signum(),
        }
    }

    fn integer(&self, x: i64) -> i128 {
        let x = i128::from(x);
        match self.0 {
            Sign::Negated => -x,
            Sign::Magnitude => x.abs(),
            Sign::Direction => x.signum(),
        }
    }

    /// Of a quantised tensor, as far as its integers say it.
    fn scaled(&self, x: &Scaled) -> Option<Scaled> {
        let mut y = x.clone();
        let (low, high) = x.range;
        match self.0 {
            Sign::Negated => {
                y.range = (high.checked_neg()?, low.checked_neg()?);
                y.integers = Arc::new(x.integers.iter().map(|&integer| -integer).collect());
                for zero in &mut y.scale.zero_points {
                    *zero = zero.checked_neg()?;
                }
            }
            Sign::Magnitude => {
                let zeros = &x.scale.zero_points;
                let (first, last) = (zeros.iter().min()?, zeros.iter().max()?);
                let reach = low.checked_sub(*last)?.checked_abs()?;
                y.range = (0, reach.max(high.checked_sub(*first)?.checked_abs()?));
                let place = |index| x.scale.place(&x.shape, index);
                let magnitude =
                    |(index, &integer): (usize, &i64)| (integer - zeros[place(index)]).abs();
                y.integers = Arc::new(x.integers.iter().enumerate().map(magnitude).collect());
                y.scale.zero_points.fill(0);
            }
            Sign::Direction => return None,
        }
        Some(y)
    }
}

impl Operator for Signed {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        match call.input(0)? {
            Value::Integer(x) => {
                if x.element == crate::onnx::model::ElementType::Bool {
                    return Err(type_of("input", call.input(0)?, "of a type of numbers"));
                }
                let values = x.values.iter().map(|&x| self.integer(x));
                let y = Integers::wrapped(x.shape.clone(), x.element, values)?;
                return Ok(call.integer_result(y));
            }
            Value::Scaled(x) => {
                if let Some(y) = self.scaled(x) {
                    call.place = Place::Integers;
                    return Ok(vec![Value::Scaled(y)]);
                }
            }
            Value::Real(_) => {}
        }
        let x = call.input(0)?;
        let (shape, values) = (x.shape().to_vec(), x.wide());
        let values = values.iter().map(|&x| self.real(x)).collect();
        Ok(vec![call.reals(0, shape, values)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::graph::{Scale, Value};
    use crate::onnx::model::ElementType;

    #[test]
    fn functions_of_reals() {
        let y = |operator: &str, x: &[f64]| Case::new(operator).reals(&[x.len()], x).numbers();
        assert_eq!(y("Round", &[0.5, 1.5, -2.5]), [0.0, 2.0, -2.0]);
        assert_eq!(y("Sign", &[-3.0, 0.0, 2.0]), [-1.0, 0.0, 1.0]);
        assert_eq!(y("Floor", &[-0.5]), [-1.0]);
        assert_eq!(y("Reciprocal", &[4.0]), [0.25]);
        assert!((y("Erf", &[1.0])[0] - 0.842_700_792_949_714_9).abs() < 1e-15);
    }

    #[test]
    fn integers_stay_integers() {
        let y = |operator: &str| {
            Case::new(operator).integers(&[3], ElementType::Int8, &[-128, 0, 5]).numbers()
        };
        assert_eq!(y("Neg"), [-128.0, 0.0, -5.0]);
        assert_eq!(y("Abs"), [-128.0, 0.0, 5.0]);
        assert_eq!(y("Sign"), [-1.0, 0.0, 1.0]);
        assert!(Case::new("Exp").list(&[1]).run().is_err());
    }

    #[test]
    fn quantised_tensors_stay_quantised() {
        let x = Scale::per_tensor(0.5, 3);
        let y = |operator: &str| {
            Case::new(operator).scaled(&[2], &[0, 5], (0, 7), x.clone()).run().unwrap()
        };
        let Value::Scaled(negated) = &y("Neg")[0] else { panic!("quantised") };
        assert_eq!((negated.wide(), negated.range), (vec![1.5, -1.0], (-7, 0)));
        let Value::Scaled(magnitude) = &y("Abs")[0] else { panic!("quantised") };
        assert_eq!((magnitude.wide(), magnitude.range), (vec![1.5, 1.0], (0, 4)));
    }
}
