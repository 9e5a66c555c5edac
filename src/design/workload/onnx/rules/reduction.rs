//! Operators that combine the elements along axes.

use super::super::error::NodeProblem;
use super::super::node::Node;
use super::super::tensor::Value;
use super::{Outcome, Output};
use crate::design::workload::VectorKind;

/// The shape of `shape` without, or with size 1 of, the axes named.
fn reduced(shape: &[u64], axes: &[usize], keep: bool) -> Vec<u64> {
    let each = |(axis, &size): (usize, &u64)| match axes.contains(&axis) {
        false => Some(size),
        true => keep.then_some(1),
    };
    shape.iter().enumerate().filter_map(each).collect()
}

/// A sum, product, mean, norm or extremum along `axes`, or all of them.
pub(super) fn reduce(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let named = node.integers("axes", 1, "axes")?.unwrap_or_default();
    along(node, &named)
}

/// The same with `named` axes.
pub(super) fn along(node: &Node<'_>, named: &[i64]) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let rank = input.shape.len();
    let keep = node.attribute_integer("keepdims").unwrap_or(1) != 0;
    let axes: Vec<usize> = if named.is_empty() {
        if node.attribute_integer("noop_with_empty_axes").unwrap_or(0) != 0 {
            return Ok(Outcome::view(0, input, input.shape.clone()));
        }
        (0..rank).collect()
    } else {
        named.iter().map(|&axis| node.axis(axis, rank)).collect::<Result<_, _>>()?
    };
    let shape = reduced(&input.shape, &axes, keep);
    let all = axes.len() == rank;
    let value = input.value.as_deref().and_then(Value::integers).filter(|_| all);
    let value = value.and_then(|values| fold(node.operator(), values));
    let mut outcome = Outcome::vector(VectorKind::REDUCTION, input.elements(), shape.clone());
    outcome.outputs =
        vec![Output::with_value(shape, value.map(|value| Value::Integers(vec![value])))];
    Ok(outcome)
}

fn fold(operator: &str, values: &[i64]) -> Option<i64> {
    let mut all = values.iter().copied();
    match operator {
        "ReduceProd" => all.try_fold(1i64, i64::checked_mul),
        "ReduceSum" => all.try_fold(0i64, i64::checked_add),
        "ReduceMax" => all.max(),
        "ReduceMin" => all.min(),
        _ => None,
    }
}

/// The place of an extremum along one axis.
pub(super) fn arg(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let axis = node.axis(node.attribute_integer("axis").unwrap_or(0), input.shape.len())?;
    let keep = node.attribute_integer("keepdims").unwrap_or(1) != 0;
    let shape = reduced(&input.shape, &[axis], keep);
    Ok(Outcome::vector(VectorKind::REDUCTION, input.elements(), shape))
}

/// The largest or smallest elements along an axis, and their places.
pub(super) fn top(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let axis = node.axis(node.attribute_integer("axis").unwrap_or(-1), input.shape.len())?;
    let size = node.integers("k", 1, "number of elements")?;
    let size = match (size.as_deref(), node.attribute_integer("k")) {
        (Some(&[size]), _) | (None, Some(size)) => size,
        _ => return Err(NodeProblem::Value { what: "number of elements" }),
    };
    let size = u64::try_from(size).ok().filter(|&size| size <= input.shape[axis]);
    let mut shape = input.shape.clone();
    shape[axis] = size.ok_or_else(|| {
        NodeProblem::Shape(format!(
            "its k does not fit the {} elements of axis {axis}",
            shape[axis]
        ))
    })?;
    let mut outcome = Outcome::vector(VectorKind::REDUCTION, input.elements(), shape.clone());
    outcome.outputs.push(Output::new(shape));
    Ok(outcome)
}
