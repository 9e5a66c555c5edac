//! Operators that work element by element, and normalisations, whose output has the shape of the
//! input.

use super::super::error::NodeProblem;
use super::super::fact::{checked, count};
use super::super::fold;
use super::super::node::Node;
use super::super::tensor::Value;
use super::{Outcome, Output};
use crate::design::workload::VectorKind;

/// Functions of one input that cost one operation an element.
const FUNCTIONS: [&str; 43] = [
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BitwiseNot",
    "Ceil",
    "Celu",
    "Cos",
    "Cosh",
    "CumSum",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "HardSigmoid",
    "HardSwish",
    "IsInf",
    "IsNaN",
    "Log",
    "Mish",
    "Neg",
    "Not",
    "Reciprocal",
    "Round",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Hardmax",
    "Bernoulli",
    "BitCast",
];

/// Applies the rule of an element-wise operator or a normalisation.
pub(super) fn apply(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let same = |kind, parameters| -> Result<Outcome, NodeProblem> {
        let shape = node.shape(0)?.to_vec();
        Ok(Outcome::vector(kind, count(&shape), shape).with_parameters(parameters))
    };
    match node.operator() {
        "Relu" => same(VectorKind::RELU, &[]),
        // The integers of weights of fewer than 8 bits pass one.
        "Clip" => Ok(Outcome { renames: Some(0), ..same(VectorKind::RELU, &[])? }),
        "LeakyRelu" => same(VectorKind::LEAKY_RELU, &[]),
        "Gelu" => same(VectorKind::GELU, &[]),
        "Softmax" | "LogSoftmax" => same(VectorKind::SOFTMAX, &[]),
        "BatchNormalization" => batch_norm(node),
        "InstanceNormalization" | "GroupNormalization" => same(VectorKind::NORMALISATION, &[1, 2]),
        "LRN" | "LpNormalization" | "MeanVarianceNormalization" => {
            same(VectorKind::NORMALISATION, &[])
        }
        "LayerNormalization" | "RMSNormalization" => layer_norm(node),
        "Where" => choose(node),
        "Sum" | "Mean" | "Min" | "Max" => many(node),
        "Add" | "Sub" => two(node, VectorKind::ADD, &[0, 1]),
        "Mul" | "Div" => two(node, VectorKind::ELEMENT_WISE, &[0, 1]),
        "PRelu" => two(node, VectorKind::ELEMENT_WISE, &[1]),
        "Pow" | "Mod" | "And" | "Or" | "Xor" | "Equal" | "Less" | "LessOrEqual" | "Greater"
        | "GreaterOrEqual" | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" => {
            two(node, VectorKind::ELEMENT_WISE, &[])
        }
        name if FUNCTIONS.contains(&name) => {
            let mut outcome = same(VectorKind::ELEMENT_WISE, &[])?;
            let value = node.input(0)?.value.as_deref();
            let shape = outcome.outputs[0].shape.clone();
            let value = value.and_then(|value| fold::unary(name, value));
            outcome.outputs = vec![Output::with_value(shape, value)];
            Ok(outcome)
        }
        _ => Err(NodeProblem::NoRule),
    }
}

/// Statistics are constants of the model.
pub(super) fn batch_norm(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    if node.attribute_integer("training_mode").unwrap_or(0) != 0 {
        return Err(NodeProblem::Training);
    }
    let shape = node.shape(0)?.to_vec();
    Ok(Outcome::vector(VectorKind::BATCH_NORM, count(&shape), shape).with_parameters(&[1, 2]))
}

/// `kind` of work on each element of the first input.
pub(super) fn same(node: &Node<'_>, kind: VectorKind) -> Result<Outcome, NodeProblem> {
    let shape = node.shape(0)?.to_vec();
    Ok(Outcome::vector(kind, count(&shape), shape))
}

/// `kind` of work on the elements that `shapes` are broadcast to.
pub(super) fn broadcast_work(
    kind: VectorKind,
    shapes: [&[u64]; 2],
) -> Result<Outcome, NodeProblem> {
    let [a, b] = shapes;
    let shape = broadcast(a, b)
        .ok_or_else(|| NodeProblem::Shape(format!("shapes {a:?} and {b:?} cannot be broadcast")))?;
    let shape = checked(shape)?;
    Ok(Outcome::vector(kind, count(&shape), shape))
}

/// The shape that `a` and `b` are broadcast to.
pub(super) fn broadcast(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[u64], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis])
    };
    let size = |axis| match (at(a, axis), at(b, axis)) {
        (x, y) if x == y => Some(x),
        (1, y) => Some(y),
        (x, 1) => Some(x),
        _ => None,
    };
    (0..rank).map(size).collect()
}

fn broadcast_inputs(node: &Node<'_>) -> Result<Vec<u64>, NodeProblem> {
    let mut shape = node.shape(0)?.to_vec();
    for index in 1..node.inputs.len() {
        let other = node.shape(index)?;
        shape = broadcast(&shape, other).ok_or_else(|| {
            NodeProblem::Shape(format!("shapes {shape:?} and {other:?} cannot be broadcast"))
        })?;
    }
    checked(shape)
}

fn two(
    node: &Node<'_>,
    kind: VectorKind,
    parameters: &'static [usize],
) -> Result<Outcome, NodeProblem> {
    let (left, right) = (node.input(0)?, node.input(1)?);
    let shape = broadcast_inputs(node)?;
    let value = match (&left.value, &right.value) {
        (Some(a), Some(b)) => fold::binary(node.operator(), a, b),
        _ => None,
    };
    let value = value.filter(|value| value.len() as u64 == count(&shape));
    let mut outcome =
        Outcome::vector(kind, count(&shape), shape.clone()).with_parameters(parameters);
    outcome.outputs = vec![Output::with_value(shape, value)];
    Ok(outcome)
}

/// A sum, mean or extremum of any number of inputs.
fn many(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let kind = if node.operator() == "Sum" { VectorKind::ADD } else { VectorKind::ELEMENT_WISE };
    if node.inputs.len() == 2 {
        return two(node, kind, &[0, 1]);
    }
    let shape = broadcast_inputs(node)?;
    let operations = (node.inputs.len() as u64).saturating_sub(1);
    let elements = count(&shape).checked_mul(operations);
    let elements = elements.ok_or_else(|| NodeProblem::TooLarge(shape.clone()))?;
    Ok(Outcome::vector(kind, elements, shape))
}

/// Elements of one of two inputs, as a third says.
fn choose(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shape = broadcast_inputs(node)?;
    let values = |index| node.optional(index).and_then(|fact| fact.value.as_deref());
    let value = match (values(0), values(1), values(2)) {
        (Some(Value::Integers(condition)), Some(yes), Some(no)) => {
            pick(condition, yes, no, count(&shape))
        }
        _ => None,
    };
    let mut outcome = Outcome::vector(VectorKind::ELEMENT_WISE, count(&shape), shape.clone());
    outcome.outputs = vec![Output::with_value(shape, value)];
    Ok(outcome)
}

fn pick(condition: &[i64], yes: &Value, no: &Value, elements: u64) -> Option<Value> {
    let elements = usize::try_from(elements).ok()?;
    let fits = |length: usize| length == 1 || length == elements;
    if ![condition.len(), yes.len(), no.len()].into_iter().all(fits) {
        return None;
    }
    let at = |index: usize, length: usize| if length == 1 { 0 } else { index };
    let chosen = |index: usize| condition[at(index, condition.len())] != 0;
    if let (Value::Integers(yes), Value::Integers(no)) = (yes, no) {
        let each = |i| if chosen(i) { yes[at(i, yes.len())] } else { no[at(i, no.len())] };
        return Some(Value::Integers((0..elements).map(each).collect()));
    }
    let (yes, no) = (yes.reals(), no.reals());
    let each = |i| if chosen(i) { yes[at(i, yes.len())] } else { no[at(i, no.len())] };
    Some(Value::Reals((0..elements).map(each).collect()))
}

/// A normalisation over the axes from `axis` on, with the statistics as further outputs.
fn layer_norm(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shape = node.shape(0)?.to_vec();
    let axis = node.axis(node.attribute_integer("axis").unwrap_or(-1), shape.len())?;
    let statistics: Vec<u64> =
        shape.iter().enumerate().map(|(at, &size)| if at < axis { size } else { 1 }).collect();
    let mut outcome =
        Outcome::vector(VectorKind::NORMALISATION, count(&shape), shape).with_parameters(&[1, 2]);
    outcome.outputs.extend([Output::new(statistics.clone()), Output::new(statistics)]);
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_broadcast_from_the_right() {
        assert_eq!(broadcast(&[8, 1, 6], &[7, 1]), Some(vec![8, 7, 6]));
        assert_eq!(broadcast(&[], &[3]), Some(vec![3]));
        assert_eq!(broadcast(&[2], &[3]), None);
        assert_eq!(broadcast(&[0, 1], &[1, 5]), Some(vec![0, 5]));
    }
}
