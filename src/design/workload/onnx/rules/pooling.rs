//! Pooling.

use super::super::error::NodeProblem;
use super::super::fact::{checked, count};
use super::super::node::Node;
use super::convolution::{Window, too_large};
use super::{Outcome, Output};
use crate::design::workload::VectorKind;

fn kind(node: &Node<'_>) -> VectorKind {
    if node.operator().contains("Max") { VectorKind::MAX_POOL } else { VectorKind::AVERAGE_POOL }
}

/// Windows over `[n, c, ...]`.
pub(super) fn pool(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    pooled(node, node.shape(0)?)
}

/// Windows over `x`, `[n, c, ...]`.
pub(super) fn pooled(node: &Node<'_>, x: &[u64]) -> Result<Outcome, NodeProblem> {
    if x.len() < 3 {
        return Err(NodeProblem::Shape(format!("input {x:?} has no axes to pool over")));
    }
    let sizes = &x[2..];
    if node.attribute_integers("kernel_shape").is_none() {
        return Err(NodeProblem::Attribute {
            name: "kernel_shape",
            value: "missing".to_owned(),
            allowed: "one number from 1 on for each axis",
        });
    }
    let kernel = node.sizes("kernel_shape", sizes.len(), 1, 1)?;
    let window = Window::new(node, kernel, sizes)?;
    let ceil = node.attribute_integer("ceil_mode").unwrap_or(0) != 0;
    let mut shape = x[..2].to_vec();
    for (axis, &size) in sizes.iter().enumerate() {
        shape.push(output_size(&window, axis, size, ceil)?);
    }
    let shape = checked(shape)?;
    let elements = if kind(node) == VectorKind::MAX_POOL { count(&shape) } else { count(x) };
    let mut outcome = Outcome::vector(kind(node), elements, shape);
    // The places of the maxima.
    let places = Output::new(outcome.outputs[0].shape.clone());
    outcome.outputs.push(places);
    Ok(outcome)
}

/// ⌊(size + padding - extent) / stride⌋ + 1, or with the ceiling, where a window must not begin in
/// the padding after the input.
fn output_size(window: &Window, axis: usize, size: u64, ceil: bool) -> Result<u64, NodeProblem> {
    let [before, after] = window.padding[axis];
    let extent = window.extent(axis)?;
    let padded =
        size.checked_add(before).and_then(|sum| sum.checked_add(after)).ok_or_else(too_large)?;
    let last_offset = padded.checked_sub(extent).ok_or_else(|| {
        NodeProblem::Shape(format!("a window of {extent} does not fit {size} padded to {padded}"))
    })?;
    let stride = window.stride[axis];
    if !ceil {
        return Ok(last_offset / stride + 1);
    }
    let last = last_offset.div_ceil(stride);
    let begins_inside = last.checked_mul(stride).is_some_and(|start| start < size + before);
    Ok(if begins_inside { last + 1 } else { last })
}

/// One window over all of `[n, c, ...]`.
pub(super) fn global(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let x = node.shape(0)?;
    if x.len() < 3 {
        return Err(NodeProblem::Shape(format!("input {x:?} has no axes to pool over")));
    }
    let shape: Vec<u64> =
        x.iter().enumerate().map(|(axis, &size)| if axis < 2 { size } else { 1 }).collect();
    let elements = if kind(node) == VectorKind::MAX_POOL { count(&shape) } else { count(x) };
    Ok(Outcome::vector(kind(node), elements, shape))
}
