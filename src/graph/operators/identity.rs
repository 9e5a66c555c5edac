//! Identity, and Dropout in inference.

use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Form, Integers, Operator, Value};
use crate::onnx::model::ElementType;

/// Hands its first input on. A second output is Dropout's mask, all true.
struct Identity;

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 3)?;
    let training = match definition.constant(2) {
        Some(value) => value.wide().iter().any(|&value| value != 0.0),
        None if definition.has_input(2) => return Err(Problem::NotConstant("training_mode")),
        None => false,
    };
    if training {
        return Err(Problem::Unsupported(
            "it is in training mode: export the network in evaluation mode".to_owned(),
        ));
    }
    Ok(Box::new(Identity))
}

impl Operator for Identity {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let value = call.input(0)?.clone();
        let shape = value.shape().to_vec();
        let mut outputs = vec![value];
        if call.outputs > 1 {
            let ones = vec![1; shape.iter().product()];
            outputs.push(Value::Integer(Integers::new(shape, ElementType::Bool, ones)));
        }
        Ok(outputs)
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::Rising
    }
}
