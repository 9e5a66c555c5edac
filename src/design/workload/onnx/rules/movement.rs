//! Operators that copy elements to other places.

use super::super::error::NodeProblem;
use super::super::fact::checked;
use super::super::node::Node;
use super::super::tensor::strides;
use super::constants::sizes;
use super::element_wise::broadcast;
use super::{Outcome, Output};

/// The axes in the order of `perm`, or reversed.
pub(super) fn transpose(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let rank = input.shape.len();
    let order: Vec<usize> = match node.attribute_integers("perm") {
        None => (0..rank).rev().collect(),
        Some(order) => order.iter().map(|&axis| node.axis(axis, rank)).collect::<Result<_, _>>()?,
    };
    let mut seen = vec![false; rank];
    order.iter().for_each(|&axis| seen[axis] = true);
    if order.len() != rank || seen.contains(&false) {
        let why = format!("{order:?} is no order of the axes of {:?}", input.shape);
        return Err(NodeProblem::Shape(why));
    }
    let shape: Vec<u64> = order.iter().map(|&axis| input.shape[axis]).collect();
    let turned: Vec<i64> = {
        let strides = strides(&input.shape);
        order.iter().map(|&axis| strides[axis]).collect()
    };
    let value = input.value.as_deref().and_then(|value| value.strided(&shape, 0, &turned));
    let mut outcome = Outcome::moved(Output::with_value(shape, value));
    outcome.renames = Some(0);
    Ok(outcome)
}

/// Broadcast to a shape.
pub(super) fn expand(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let wanted = sizes(node.value(1, "shape")?)?;
    let shape = broadcast(&input.shape, &wanted).ok_or_else(|| {
        NodeProblem::Shape(format!("shape {:?} cannot be expanded to {wanted:?}", input.shape))
    })?;
    let shape = checked(shape)?;
    // Axes that the input does not have repeat it.
    let mut spread = vec![0; shape.len() - input.shape.len()];
    spread.extend(strides(&input.shape));
    let value = input.value.as_deref().and_then(|value| value.strided(&shape, 0, &spread));
    Ok(Outcome::moved(Output::with_value(shape, value)))
}

/// Repeated along each axis.
pub(super) fn tile(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shape = node.shape(0)?;
    let repeats = sizes(node.value(1, "repeats")?)?;
    if repeats.len() != shape.len() {
        let why = format!("{repeats:?} repeats do not fit shape {shape:?}");
        return Err(NodeProblem::Shape(why));
    }
    let sizes = shape.iter().zip(&repeats).map(|(&size, &times)| size.saturating_mul(times));
    Ok(Outcome::moved(Output::new(checked(sizes.collect())?)))
}

/// Longer, or shorter, at both ends of each axis.
pub(super) fn pad(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shape = node.shape(0)?;
    let rank = shape.len();
    let pads = node.integers("pads", 1, "padding")?.ok_or(NodeProblem::NoInput(1))?;
    let axes: Vec<usize> = match node.integers("axes", 3, "axes")? {
        None => (0..rank).collect(),
        Some(axes) => axes.iter().map(|&axis| node.axis(axis, rank)).collect::<Result<_, _>>()?,
    };
    let wrong = || NodeProblem::Shape(format!("padding {pads:?} does not fit shape {shape:?}"));
    if pads.len() != 2 * axes.len() {
        return Err(wrong());
    }
    let mut padded = shape.to_vec();
    for (index, &axis) in axes.iter().enumerate() {
        let sum = i128::from(padded[axis])
            + i128::from(pads[index])
            + i128::from(pads[axes.len() + index]);
        padded[axis] = u64::try_from(sum).map_err(|_| wrong())?;
    }
    Ok(Outcome::moved(Output::new(checked(padded)?)))
}

/// Blocks of pixels as channels, or channels as blocks of pixels.
pub(super) fn depth_space(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shape = node.shape(0)?;
    let block = node.attribute_integer("blocksize").unwrap_or(0);
    let block = u64::try_from(block).ok().filter(|block| (1..=1 << 16).contains(block));
    let (Some(b), &[n, c, h, w]) = (block, shape) else {
        let why = format!("blocks of {block:?} pixels do not fit shape {shape:?}");
        return Err(NodeProblem::Shape(why));
    };
    let (long, short): (&[u64], u64) =
        if node.operator() == "DepthToSpace" { (&[c], b * b) } else { (&[h, w], b) };
    if long.iter().any(|size| !size.is_multiple_of(short)) {
        let why = format!("blocks of {b} pixels do not divide shape {shape:?}");
        return Err(NodeProblem::Shape(why));
    }
    let sizes = if node.operator() == "DepthToSpace" {
        vec![n, c / short, h.saturating_mul(b), w.saturating_mul(b)]
    } else {
        vec![n, c.saturating_mul(b * b), h / b, w / b]
    };
    Ok(Outcome::moved(Output::new(checked(sizes)?)))
}

/// The shape of the first input.
pub(super) fn in_place(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    Ok(Outcome::moved(Output::new(node.shape(0)?.to_vec())))
}
