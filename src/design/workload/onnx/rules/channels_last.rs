//! QONNX's operators on tensors whose channels are the last axis, weights `[o, ..., c]`.

use super::super::error::NodeProblem;
use super::super::node::Node;
use super::{Outcome, convolution, element_wise, pooling};

pub(super) fn apply(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    match node.operator() {
        "Conv" => {
            let (x, w) = (channels_first(node.shape(0)?)?, channels_first(node.shape(1)?)?);
            Ok(channels_back(convolution::convolved(node, &x, &w, &[1, 2])?.of(&[[0, 1]])))
        }
        "MaxPool" | "AveragePool" => {
            Ok(channels_back(pooling::pooled(node, &channels_first(node.shape(0)?)?)?))
        }
        "BatchNormalization" => element_wise::batch_norm(node),
        _ => Err(NodeProblem::NoRule),
    }
}

/// `[n, ..., c]` as `[n, c, ...]`.
fn channels_first(shape: &[u64]) -> Result<Vec<u64>, NodeProblem> {
    let mut turned = shape.to_vec();
    if turned.len() < 3 {
        return Err(NodeProblem::Shape(format!(
            "shape {shape:?} has no axes besides batch and channels"
        )));
    }
    turned[1..].rotate_right(1);
    Ok(turned)
}

fn channels_back(mut outcome: Outcome) -> Outcome {
    for output in &mut outcome.outputs {
        if output.shape.len() > 2 {
            output.shape[1..].rotate_left(1);
        }
    }
    outcome
}
