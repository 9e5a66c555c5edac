//! Conversions between element types.

use super::constant::element_type;
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Integers, Operator, Reals, Value};
use crate::onnx::model::ElementType;
use hwmodel::cast::toward_zero;

/// `value` as the C compilers of processors convert it: toward zero, and modulo 2^bits of narrow types.
fn to_integer(value: f64, element: ElementType) -> i128 {
    let whole = value.trunc();
    match element {
        ElementType::Bool => i128::from(value != 0.0),
        ElementType::Int64 | ElementType::UInt64 | ElementType::UInt32 => {
            if whole.abs() < 2f64.powi(63) {
                toward_zero::<i64>(whole).into()
            } else {
                i64::MIN.into()
            }
        }
        _ if (-2f64.powi(31)..2f64.powi(31)).contains(&whole) => toward_zero::<i64>(whole).into(),
        _ => i32::MIN.into(),
    }
}

/// Another element type.
struct Cast(Option<ElementType>);

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["Cast", "CastLike"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    if definition.node.operator == "CastLike" {
        definition.expect_inputs(2, 2)?;
        return Ok(Box::new(Cast(None)));
    }
    definition.expect_inputs(1, 1)?;
    Ok(Box::new(Cast(Some(element_type(definition, "to")?))))
}

impl Operator for Cast {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let to = match self.0 {
            Some(to) => to,
            None => call.input(1)?.element(),
        };
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        let result = match x {
            Value::Integer(x) if to == ElementType::Bool => {
                Integers::truths(shape, x.values.iter().map(|&x| x != 0))
            }
            Value::Integer(x) if !to.is_real() => {
                Integers::wrapped(shape, to, x.values.iter().map(|&x| x.into()))?
            }
            // The numbers of quantised tensors are not rounded to an element type.
            Value::Scaled(_) if to.is_real() => return Ok(vec![x.clone()]),
            _ if to.is_real() => {
                let values = x.wide().into_owned();
                return Ok(vec![Value::Real(Reals::new(call.arithmetic, shape, to, values))]);
            }
            _ => Integers::wrapped(shape, to, x.wide().iter().map(|&x| to_integer(x, to)))?,
        };
        Ok(call.integer_result(result))
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::onnx::model::ElementType;

    #[test]
    fn casts_truncate_and_wrap() {
        let to = |element: ElementType, x: &[f64]| {
            let case = Case::new("Cast").int("to", element.number().into());
            case.reals(&[x.len()], x).numbers()
        };
        assert_eq!(to(ElementType::Int32, &[1.9, -1.9]), [1.0, -1.0]);
        assert_eq!(to(ElementType::UInt8, &[300.0, -1.0]), [44.0, 255.0]);
        assert_eq!(to(ElementType::Bool, &[0.0, 0.5]), [0.0, 1.0]);
        assert_eq!(to(ElementType::Int32, &[f64::NAN]), [-2f64.powi(31)]);
        let half = Case::new("Cast").narrow().int("to", ElementType::Float16.number().into());
        assert_eq!(half.reals(&[1], &[2049.0]).numbers(), [2048.0]);
        let bytes = Case::new("Cast").int("to", ElementType::Int8.number().into()).list(&[200]);
        assert_eq!(bytes.numbers(), [-56.0]);
        assert!(Case::new("Cast").int("to", 8).list(&[1]).run().is_err(), "strings");
        let like = Case::new("CastLike").list(&[1]).reals(&[], &[0.0]).run().unwrap();
        assert_eq!(like[0].element(), ElementType::Float32);
    }
}
