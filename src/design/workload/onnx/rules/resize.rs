//! Resize and Upsample.

use super::super::error::NodeProblem;
use super::super::fact::{checked, count};
use super::super::node::Node;
use super::{Outcome, Output};
use crate::design::workload::VectorKind;
use hwmodel::cast::toward_zero;

/// The size that `sizes` says, or the input's times `scales`. Nearest neighbours are moved,
/// anything else is one operation an element.
pub(super) fn resize(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shape = node.shape(0)?;
    let rank = shape.len();
    // `Upsample` and the first `Resize` have scales as second input, later ones as third.
    let places: [usize; 2] = match (node.operator(), node.inputs.len()) {
        ("Upsample", _) | (_, 2) => [1, usize::MAX],
        _ => [2, 3],
    };
    let axes: Vec<usize> = match node.attribute_integers("axes") {
        None => (0..rank).collect(),
        Some(axes) => axes.iter().map(|&axis| node.axis(axis, rank)).collect::<Result<_, _>>()?,
    };
    let wrong = |found: &dyn std::fmt::Debug| {
        NodeProblem::Shape(format!("{found:?} does not fit shape {shape:?}"))
    };
    let mut resized = shape.to_vec();
    let has = |index: usize| node.optional(index).is_some_and(|fact| fact.elements() > 0);
    if has(places[1]) {
        let sizes = super::constants::sizes(node.value(places[1], "size")?)?;
        if sizes.len() != axes.len() {
            return Err(wrong(&sizes));
        }
        if !matches!(node.attribute_text("keep_aspect_ratio_policy"), "" | "stretch") {
            let what = "keep_aspect_ratio_policy other than stretch".to_owned();
            return Err(NodeProblem::Unsupported(what));
        }
        axes.iter().zip(sizes).for_each(|(&axis, size)| resized[axis] = size);
    } else {
        let stated = node.attribute_reals("scales");
        let scales: Vec<f64> = match stated {
            Some(scales) => scales.iter().map(|&scale| f64::from(scale)).collect(),
            None => node.value(places[0], "scales")?.reals(),
        };
        if scales.len() != axes.len() {
            return Err(wrong(&scales));
        }
        for (&axis, &scale) in axes.iter().zip(&scales) {
            let size = (shape[axis] as f64 * scale).floor();
            if !(0.0..=(1u64 << 48) as f64).contains(&size) {
                return Err(wrong(&scales));
            }
            resized[axis] = toward_zero::<u64>(size);
        }
    }
    let resized = checked(resized)?;
    if matches!(node.attribute_text("mode"), "" | "nearest") {
        return Ok(Outcome::moved(Output::new(resized)));
    }
    Ok(Outcome::vector(VectorKind::ELEMENT_WISE, count(&resized), resized))
}
