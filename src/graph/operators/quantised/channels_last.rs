//! Operators with the channels behind the spatial axes.

use crate::graph::operators::products::matmul::transposed;
use crate::graph::operators::{self, Problem};
use crate::graph::{Call, Definition, Operator, Value};
use crate::onnx::model::Node;

/// The operators of QONNX with the channels last.
pub(in crate::graph::operators) const NAMES: &[&str] =
    &["Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization"];

/// Moves the channels of the first inputs to axis 1 and those of the outputs back.
struct ChannelsLast {
    inner: Box<dyn Operator>,
    /// Inputs whose channels are last.
    moved: usize,
}

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    let (name, moved) = match definition.node.operator.as_str() {
        "Conv" | "NhwcConv" => ("Conv", 2),
        "NhwcMaxPool" => ("MaxPool", 1),
        other => (other, 1),
    };
    let node = Node { domain: String::new(), operator: name.to_owned(), ..definition.node.clone() };
    let mut constants = definition.constants.clone();
    for constant in constants.iter_mut().take(moved) {
        *constant = constant.as_ref().map(to_first);
    }
    let inner =
        Definition { node: &node, version: 13, constants, arithmetic: definition.arithmetic };
    Ok(Box::new(ChannelsLast { inner: operators::make(&inner)?, moved }))
}

/// `[n, ..., c]` as `[n, c, ...]`.
pub(super) fn to_first(value: &Value) -> Value {
    let rank = value.shape().len();
    let mut order: Vec<usize> = (0..rank).collect();
    if rank > 2 {
        order[1..].rotate_right(1);
    }
    transposed(value, &order)
}

/// `[n, c, ...]` as `[n, ..., c]`.
pub(super) fn to_last(value: &Value) -> Value {
    let rank = value.shape().len();
    let mut order: Vec<usize> = (0..rank).collect();
    if rank > 2 {
        order[1..].rotate_left(1);
    }
    transposed(value, &order)
}

impl Operator for ChannelsLast {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let mut inputs = call.inputs.clone();
        for input in inputs.iter_mut().take(self.moved) {
            *input = input.as_ref().map(to_first);
        }
        let mut part = Call { outputs: call.outputs, ..call.part(inputs) };
        let outputs = self.inner.run(&mut part)?;
        let counts = part.counts();
        call.add(counts);
        if let Some(sums) = call.sums.take() {
            call.sums = match to_last(&Value::Integer(sums)) {
                Value::Integer(sums) => Some(sums),
                _ => None,
            };
        }
        Ok(outputs.iter().map(to_last).collect())
    }
}
