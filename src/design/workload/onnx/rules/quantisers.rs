//! Quantisers: they change elements on their way to or from the array and cost nothing.

use super::super::error::NodeProblem;
use super::super::node::Node;
use super::{Outcome, Output, element_wise};
use crate::design::workload::VectorKind;

/// The domains of QONNX's quantisers.
pub(in crate::design::workload::onnx) const DOMAINS: [&str; 3] =
    ["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"];

/// Operators of QONNX.
pub(super) fn apply(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    match node.operator() {
        "Quant" | "IntQuant" | "BipolarQuant" | "Trunc" | "FloatQuant" => quantise(node),
        // A comparison with every threshold in one step, as an activation.
        "MultiThreshold" => element_wise::same(node, VectorKind::ELEMENT_WISE),
        _ => Err(NodeProblem::NoRule),
    }
}

/// Other elements in the shape of the first input; weights stay weights.
pub(super) fn quantise(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shape = node.shape(0)?.to_vec();
    Ok(Outcome { renames: Some(0), ..Outcome::new(vec![Output::new(shape)], None) })
}

/// Integers, their scale and their zero point: the least and the largest element are sought.
pub(super) fn dynamic(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let mut outcome = element_wise::same(node, VectorKind::REDUCTION)?;
    outcome.outputs.extend([Output::new(Vec::new()), Output::new(Vec::new())]);
    Ok(outcome)
}
