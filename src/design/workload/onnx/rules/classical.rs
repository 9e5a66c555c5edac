//! Operators of `ai.onnx.ml` that come with networks: scalers before them, labels behind them.

use super::super::error::NodeProblem;
use super::super::fact::{checked, count};
use super::super::node::Node;
use super::{Outcome, Output, element_wise};
use crate::design::workload::VectorKind;

pub(super) fn apply(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    match node.operator() {
        // One subtraction and one product for each element.
        "Scaler" => {
            let shape = node.shape(0)?.to_vec();
            let elements =
                count(&shape).checked_mul(2).ok_or_else(|| NodeProblem::TooLarge(shape.clone()))?;
            Ok(Outcome::vector(VectorKind::ELEMENT_WISE, elements, shape))
        }
        "Normalizer" => element_wise::same(node, VectorKind::NORMALISATION),
        "Binarizer" | "Imputer" | "LabelEncoder" => {
            element_wise::same(node, VectorKind::ELEMENT_WISE)
        }
        "ArrayFeatureExtractor" => features(node),
        _ => Err(NodeProblem::NoRule),
    }
}

/// The elements of the last axis whose numbers are the second input; a single axis becomes two.
fn features(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let (x, picked) = (node.shape(0)?, node.input(1)?);
    let Some((_, rows)) = x.split_last() else {
        return Err(NodeProblem::Shape("its input has no axis".to_owned()));
    };
    let mut shape = if rows.is_empty() { vec![1] } else { rows.to_vec() };
    shape.push(picked.elements());
    Ok(Outcome::moved(Output::new(checked(shape)?)))
}
