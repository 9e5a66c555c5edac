//! Operators that make constants, and shapes as values.

use super::super::error::NodeProblem;
use super::super::fact::{checked, count};
use super::super::fold;
use super::super::node::Node;
use super::super::tensor::{MAX_ELEMENTS, Value, element};
use super::{Outcome, Output};
use hwmodel::cast::{exact, index};

/// A constant written into the node.
pub(super) fn constant(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let damaged = |error: crate::onnx::OnnxError| NodeProblem::Shape(error.to_string());
    let list = |value: Value| Output::with_value(vec![value.len() as u64], Some(value));
    let output = if let Some(tensor) = node.attribute_tensor("value") {
        let shape = checked(tensor.shape().map_err(damaged)?)?;
        Output::with_value(shape, tensor.value().map_err(damaged)?)
    } else if let Some(integer) = node.attribute_integer("value_int") {
        Output::with_value(Vec::new(), Some(Value::Integers(vec![integer])))
    } else if let Some(real) = node.attribute_real("value_float") {
        Output::with_value(Vec::new(), Some(Value::Reals(vec![f64::from(real)])))
    } else if let Some(integers) = node.attribute_integers("value_ints") {
        list(Value::Integers(integers.to_vec()))
    } else if let Some(reals) = node.attribute_reals("value_floats") {
        list(Value::Reals(reals.iter().map(|&real| f64::from(real)).collect()))
    } else {
        return Err(NodeProblem::Unsupported("a constant that is no tensor of numbers".to_owned()));
    };
    let weight = match node.attribute_tensor("value") {
        Some(tensor) => element::can_be_trained(tensor.data_type),
        None => ["value_float", "value_floats"]
            .iter()
            .any(|name| node.message.attribute(name).is_some()),
    };
    Ok(Outcome { weight, ..Outcome::new(vec![output], None) })
}

/// One value, as often as a shape says.
pub(super) fn of_shape(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shape = sizes(node.value(0, "shape")?)?;
    let one = match node.attribute_tensor("value") {
        None => Some(Value::Reals(vec![0.0])),
        Some(tensor) => tensor.value().map_err(|error| NodeProblem::Shape(error.to_string()))?,
    };
    let elements = count(&shape);
    let value = one.filter(|one| one.len() == 1 && elements <= MAX_ELEMENTS as u64);
    let value = value.map(|one| one.pick(std::iter::repeat_n(0, index(elements))));
    let weight =
        node.attribute_tensor("value").is_none_or(|one| element::can_be_trained(one.data_type));
    Ok(Outcome { weight, ..Outcome::moved(Output::with_value(shape, value)) })
}

/// Numbers from start to limit.
pub(super) fn range(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    const LENGTH: &str = "length";
    let [start, limit, delta] =
        [node.value(0, LENGTH)?, node.value(1, LENGTH)?, node.value(2, LENGTH)?];
    let value = fold::range(start, limit, delta).ok_or(NodeProblem::Value { what: LENGTH })?;
    let shape = vec![value.len() as u64];
    Ok(Outcome::moved(Output::with_value(shape, Some(value))))
}

/// The sizes of the input's axes, from `start` to `end`.
pub(super) fn shape(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shape = node.shape(0)?;
    let rank = shape.len() as i64;
    let clamp = |axis: i64| {
        let counted = if axis < 0 { axis.saturating_add(rank) } else { axis };
        exact::<usize>(counted.clamp(0, rank))
    };
    let start = clamp(node.attribute_integer("start").unwrap_or(0));
    let end = clamp(node.attribute_integer("end").unwrap_or(rank));
    let sizes: Vec<i64> = shape[start..end.max(start)].iter().map(|&size| size as i64).collect();
    Ok(known(vec![sizes.len() as u64], sizes))
}

/// The number of the input's elements.
pub(super) fn size(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    Ok(known(Vec::new(), vec![node.input(0)?.elements() as i64]))
}

/// A value that depends on the input's shape only.
fn known(shape: Vec<u64>, values: Vec<i64>) -> Outcome {
    let output = Output::with_value(shape, Some(Value::Integers(values)));
    Outcome::new(vec![Output { constant: true, ..output }], None)
}

/// Another element type.
pub(super) fn cast(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let mut outcome = Outcome::view(0, input, input.shape.clone());
    if let Some(to) = node.attribute_integer("to") {
        let integer = element::is_integer(i32::try_from(to).unwrap_or(0));
        let value = input.value.as_deref().and_then(|value| fold::cast(value, integer));
        outcome.outputs = vec![Output::with_value(input.shape.clone(), value)];
    }
    Ok(outcome)
}

/// `value` as a shape.
pub(super) fn sizes(value: &Value) -> Result<Vec<u64>, NodeProblem> {
    let integers = value.integers().ok_or(NodeProblem::Value { what: "shape" })?;
    let sizes: Option<Vec<u64>> = integers.iter().map(|&size| u64::try_from(size).ok()).collect();
    checked(sizes.ok_or_else(|| NodeProblem::Shape(format!("{integers:?} is no shape")))?)
}
