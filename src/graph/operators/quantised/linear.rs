//! QuantizeLinear and DequantizeLinear, of ONNX and of com.microsoft.

use super::parameters::{Parameters, quantised};
use crate::graph::operator::type_of;
use crate::graph::{
    Call, Definition, Form, Integers, Operator, Place, Problem, RealData, Reals, Scaled, Value,
};
use crate::onnx::model::ElementType;
use std::sync::Arc;

/// The operators of this file.
pub(in crate::graph::operators) const NAMES: &[&str] = &["QuantizeLinear", "DequantizeLinear"];

/// Attributes of both.
struct Attributes {
    axis: i64,
    blocks: usize,
    /// Type of the result, if an attribute states it.
    element: Option<ElementType>,
}

struct QuantizeLinear(Attributes);

struct DequantizeLinear {
    attributes: Attributes,
    /// Whether the integers are constants, whose own range holds.
    is_constant: bool,
}

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(2, 3)?;
    let blocks = definition.integer("block_size", 0)?;
    let blocks = usize::try_from(blocks).map_err(|_| Problem::Attribute {
        name: "block_size",
        value: blocks.to_string(),
        allowed: "0, or the number of elements of a block",
    })?;
    let element = match definition.integer("output_dtype", 0)? {
        0 => None,
        number => {
            let found = i32::try_from(number).ok().and_then(ElementType::from_number);
            Some(found.ok_or_else(|| Problem::Attribute {
                name: "output_dtype",
                value: number.to_string(),
                allowed: "an integer or a float type; 8-bit floats are not supported",
            })?)
        }
    };
    let attributes = Attributes { axis: definition.integer("axis", 1)?, blocks, element };
    // Constant scales are checked before any work.
    if let Some(scale) = definition.constant(1) {
        super::parameters::check_scales(&scale.wide())?;
    }
    Ok(match definition.node.operator.as_str() {
        "QuantizeLinear" => Box::new(QuantizeLinear(attributes)),
        "DequantizeLinear" => {
            Box::new(DequantizeLinear { attributes, is_constant: definition.constant(0).is_some() })
        }
        _ => return Err(Problem::NoOperator),
    })
}

impl Operator for QuantizeLinear {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let Attributes { axis, blocks, element } = self.0;
        let zero = call.optional(2);
        let parameters = Parameters::new(x.shape(), axis, blocks, call.input(1)?, zero)?;
        let element = zero.map(Value::element).or(element).unwrap_or(ElementType::UInt8);
        let output = quantised(call.arithmetic, x, &parameters, element)?;
        call.place = Place::Integers;
        Ok(vec![Value::Integer(output)])
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::Rising
    }

    fn result_quantiser(&self) -> Option<[usize; 2]> {
        Some([1, 2])
    }
}

impl Operator for DequantizeLinear {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let Value::Integer(x) = call.input(0)? else {
            return Err(type_of("input", call.input(0)?, "an integer"));
        };
        let Attributes { axis, blocks, element } = self.attributes;
        let scale = call.input(1)?;
        let parameters = Parameters::new(&x.shape, axis, blocks, scale, call.optional(2))?;
        let element = element.unwrap_or_else(|| scale.element());
        dequantised(x, &parameters, element, self.is_constant).map(|output| vec![output])
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::Rising
    }
}

/// The real numbers (x - zero point) · scale: quantised, unless the scale is that of blocks.
///
/// # Errors
/// If the result is not a float.
pub(super) fn dequantised(
    x: &Integers,
    parameters: &Parameters,
    element: ElementType,
    is_constant: bool,
) -> Result<Value, Problem> {
    if let Some(scale) = parameters.scale() {
        scale.check(&x.shape)?;
        let range = match is_constant {
            true => own_range(&x.values),
            false => x.range(),
        };
        let integers = Arc::clone(&x.values);
        return Ok(Value::Scaled(Scaled { shape: x.shape.clone(), integers, range, scale }));
    }
    let value = |(index, &x): (usize, &i64)| {
        let (scale, zero) = parameters.at(index);
        x.saturating_sub(zero) as f64 * scale
    };
    let values = x.values.iter().enumerate().map(value).collect();
    let data = RealData::Float64(Arc::new(values));
    Ok(Value::Real(Reals { shape: x.shape.clone(), element, data }))
}

/// The lowest and the highest of these integers.
pub(super) fn own_range(values: &[i64]) -> (i64, i64) {
    let (low, high) = (values.iter().min(), values.iter().max());
    (low.copied().unwrap_or(0), high.copied().unwrap_or(0))
}
