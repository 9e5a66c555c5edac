//! Operators that give the same elements another shape.

use super::super::error::NodeProblem;
use super::super::fact::{checked, count};
use super::super::node::Node;
use super::super::tensor::Value;
use super::{Outcome, Output};

/// The shape given by the second input; -1 is inferred, 0 the size of the input's axis unless
/// `allowzero`.
pub(super) fn reshape(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let wanted = node.integers("shape", 1, "shape")?.ok_or(NodeProblem::NoInput(1))?;
    let keeps_zero = node.attribute_integer("allowzero").unwrap_or(0) != 0;
    let wrong = || {
        let (from, to) = (&input.shape, &wanted);
        NodeProblem::Shape(format!("shape {from:?} cannot become {to:?}"))
    };
    let mut shape = Vec::with_capacity(wanted.len());
    let mut free = None;
    for (axis, &size) in wanted.iter().enumerate() {
        shape.push(match size {
            -1 if free.is_none() => {
                free = Some(axis);
                1
            }
            0 if !keeps_zero => *input.shape.get(axis).ok_or_else(wrong)?,
            size => u64::try_from(size).map_err(|_| wrong())?,
        });
    }
    let mut shape = checked(shape)?;
    if let Some(axis) = free {
        let others = count(&shape);
        if others == 0 || !input.elements().is_multiple_of(others) {
            return Err(wrong());
        }
        shape[axis] = input.elements() / others;
    }
    if count(&shape) != input.elements() {
        return Err(wrong());
    }
    Ok(Outcome::view(0, input, shape))
}

/// Two axes: those before `axis`, and those from it on.
pub(super) fn flatten(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let rank = input.shape.len();
    let axis = node.attribute_integer("axis").unwrap_or(1);
    let axis = if axis == rank as i64 { rank } else { node.axis(axis, rank)? };
    let (rows, columns) = input.shape.split_at(axis);
    Ok(Outcome::view(0, input, vec![count(rows), count(columns)]))
}

/// Without the axes named, or without all of size 1.
pub(super) fn squeeze(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let rank = input.shape.len();
    let mut removed = vec![false; rank];
    match node.integers("axes", 1, "axes")? {
        None => input.shape.iter().zip(&mut removed).for_each(|(&size, gone)| *gone = size == 1),
        Some(axes) => {
            for &axis in axes.iter() {
                let axis = node.axis(axis, rank)?;
                if input.shape[axis] != 1 {
                    let why = format!("axis {axis} of {:?} is not of size 1", input.shape);
                    return Err(NodeProblem::Shape(why));
                }
                removed[axis] = true;
            }
        }
    }
    let kept = input.shape.iter().zip(removed).filter(|(_, removed)| !removed);
    Ok(Outcome::view(0, input, kept.map(|(&size, _)| size).collect()))
}

/// With axes of size 1 at the places named.
pub(super) fn unsqueeze(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let axes = node.integers("axes", 1, "axes")?.ok_or(NodeProblem::NoInput(1))?;
    let rank = input.shape.len() + axes.len();
    let mut inserted = vec![false; rank];
    for &axis in axes.iter() {
        let axis = node.axis(axis, rank)?;
        if std::mem::replace(&mut inserted[axis], true) {
            return Err(NodeProblem::Shape(format!("axes {axes:?} name an axis twice")));
        }
    }
    let mut sizes = input.shape.iter();
    let shape = inserted
        .iter()
        .map(|&inserted| if inserted { 1 } else { sizes.next().copied().unwrap_or(1) })
        .collect();
    Ok(Outcome::view(0, input, checked(shape)?))
}

/// The same elements.
pub(super) fn identity(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    Ok(Outcome::view(0, input, input.shape.clone()))
}

/// The same elements, and a mask of them; in training mode another operator.
pub(super) fn dropout(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let training =
        node.optional(2).and_then(|fact| fact.value.as_deref()).and_then(Value::integers);
    if training.is_some_and(|training| training.iter().any(|&value| value != 0)) {
        return Err(NodeProblem::Training);
    }
    let mut outcome = identity(node)?;
    outcome.outputs.push(Output::new(node.shape(0)?.to_vec()));
    Ok(outcome)
}
