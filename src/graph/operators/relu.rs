//! Relu.

use crate::graph::operator::rescaled;
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Form, Integers, Operator, Place, Value};

/// max(x, 0): of a quantised tensor, the larger of integer and zero point.
struct Relu;

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 1)?;
    Ok(Box::new(Relu))
}

impl Operator for Relu {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let shape = call.input(0)?.shape().to_vec();
        let output = match call.input(0)? {
            Value::Scaled(x) => {
                let zero = |index| x.scale.zero_points[x.scale.place(&x.shape, index)];
                let larger = |(index, &integer): (usize, &i64)| integer.max(zero(index));
                let mut output =
                    rescaled(x, shape, x.integers.iter().enumerate().map(larger).collect());
                let lowest = x.scale.zero_points.iter().copied().min().unwrap_or(0);
                if let Value::Scaled(output) = &mut output {
                    output.range = (output.range.0.max(lowest), output.range.1.max(lowest));
                }
                call.place = Place::Integers;
                output
            }
            Value::Integer(x) => {
                let values = x.values.iter().map(|&value| value.max(0)).collect();
                let output = Value::Integer(Integers::new(shape, x.element, values));
                call.place = Place::Integers;
                output
            }
            Value::Real(x) => {
                // NaN stays NaN, as in PyTorch and ONNX Runtime.
                let values = x.wide().iter().map(|&x| if x < 0.0 { 0.0 } else { x }).collect();
                call.reals(0, shape, values)?
            }
        };
        Ok(vec![output])
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::Rising
    }
}
