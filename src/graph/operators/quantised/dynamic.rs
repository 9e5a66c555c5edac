//! DynamicQuantizeLinear.

use super::parameters::{Parameters, quantised as with};
use crate::graph::{
    Arithmetic, Call, Definition, Integers, Operator, Place, Problem, RealData, Reals, Value,
};
use crate::onnx::model::ElementType;
use hwmodel::cast::{nearest_f32, toward_zero};
use std::sync::Arc;

/// uint8 with the scale of the range of the tensor.
struct DynamicQuantizeLinear;

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 1)?;
    Ok(Box::new(DynamicQuantizeLinear))
}

impl Operator for DynamicQuantizeLinear {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let outputs = quantised(call.arithmetic, call.input(0)?)?;
        call.place = Place::Integers;
        Ok(outputs.into())
    }
}

/// Integers, scale and zero point of `x`: scale = f32(f32(max(x, 0) - min(x, 0)) / 255) by definition, 1 if that is 0, and zero
/// point = saturate(round(-min / scale)), in float64 in exact arithmetic.
///
/// # Errors
/// If the range of x is not finite.
pub(in crate::graph::operators) fn quantised(
    arithmetic: &Arithmetic,
    x: &Value,
) -> Result<[Value; 3], Problem> {
    let values = x.wide();
    let low = values.iter().copied().fold(0.0, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    let scale = (nearest_f32(high) - nearest_f32(low)) / 255.0;
    if !scale.is_finite() || values.iter().any(|value| value.is_nan()) {
        return Err(Problem::Unsupported(format!(
            "its input reaches from {low} to {high}: a finite range is needed"
        )));
    }
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let quotient = match arithmetic.wide_reals {
        true => -low / f64::from(scale),
        false => f64::from(-(nearest_f32(low) / scale)),
    };
    let zero: i64 = toward_zero::<i64>(quotient.round_ties_even()).clamp(0, 255);
    let scale = Value::Real(match arithmetic.wide_reals {
        true => Reals {
            shape: vec![],
            element: ElementType::Float32,
            data: RealData::Float64(Arc::new(vec![scale.into()])),
        },
        false => Reals::single(vec![], ElementType::Float32, vec![scale]),
    });
    let zero = Value::Integer(Integers::new(vec![], ElementType::UInt8, vec![zero]));
    let parameters = Parameters::new(x.shape(), 0, 0, &scale, Some(&zero))?;
    let integers = with(arithmetic, x, &parameters, ElementType::UInt8)?;
    Ok([Value::Integer(integers), scale, zero])
}
