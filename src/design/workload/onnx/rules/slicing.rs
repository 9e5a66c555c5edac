//! Operators that take parts of tensors or put them together.

use super::super::error::NodeProblem;
use super::super::fact::{Fact, checked, count};
use super::super::node::Node;
use super::super::tensor::{MAX_ELEMENTS, Value, strides};
use super::{Outcome, Output};
use crate::design::workload::{VectorKind, VectorWork, Work};
use hwmodel::cast::index;

/// All inputs, one after the other along `axis`.
pub(super) fn concat(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let shapes: Vec<&[u64]> =
        (0..node.inputs.len()).map(|index| node.shape(index)).collect::<Result<_, _>>()?;
    let shape = joined_shape(node, &shapes)?;
    let along_first = node.axis(node.attribute_integer("axis").unwrap_or(0), shape.len())? == 0;
    let value = if along_first { joined(&node.inputs) } else { None };
    Ok(Outcome::moved(Output::with_value(shape, value)))
}

/// The shape of `shapes` one after the other along the axis that `node` states.
pub(super) fn joined_shape(node: &Node<'_>, shapes: &[&[u64]]) -> Result<Vec<u64>, NodeProblem> {
    let (first, others) = shapes.split_first().ok_or(NodeProblem::NoInput(0))?;
    let axis = node.axis(node.attribute_integer("axis").unwrap_or(0), first.len())?;
    let mut shape = first.to_vec();
    for other in others {
        let fits = other.len() == shape.len()
            && (0..shape.len()).all(|at| at == axis || other[at] == shape[at]);
        if !fits {
            let why = format!("shapes {first:?} and {other:?} do not join along axis {axis}");
            return Err(NodeProblem::Shape(why));
        }
        shape[axis] = shape[axis].saturating_add(other[axis]);
    }
    checked(shape)
}

/// The elements of all `inputs`, if they are known and of one kind.
fn joined(inputs: &[Option<&Fact>]) -> Option<Value> {
    let values: Vec<&Value> = inputs
        .iter()
        .map(|input| input.and_then(|fact| fact.value.as_deref()))
        .collect::<Option<_>>()?;
    if values.iter().map(|value| value.len()).sum::<usize>() > MAX_ELEMENTS {
        return None;
    }
    if values.iter().all(|value| value.integers().is_some()) {
        let parts: Vec<&[i64]> = values.iter().filter_map(|value| value.integers()).collect();
        return Some(Value::Integers(parts.concat()));
    }
    Some(Value::Reals(values.iter().flat_map(|value| value.reals()).collect()))
}

/// Parts of stated or equal sizes along `axis`.
pub(super) fn split(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let input = node.input(0)?;
    let axis = node.axis(node.attribute_integer("axis").unwrap_or(0), input.shape.len())?;
    let size = input.shape[axis];
    let outputs = node.message.output.len() as u64;
    let wrong = |parts: &dyn std::fmt::Debug| {
        NodeProblem::Shape(format!("a size of {size} does not split into {parts:?}"))
    };
    let sizes: Vec<u64> = match node.integers("split", 1, "sizes of parts")? {
        Some(parts) => {
            let sizes: Option<Vec<u64>> =
                parts.iter().map(|&part| u64::try_from(part).ok()).collect();
            let sum = |sizes: &[u64]| sizes.iter().try_fold(0u64, |sum, &s| sum.checked_add(s));
            sizes
                .filter(|sizes| sum(sizes) == Some(size) && sizes.len() as u64 == outputs)
                .ok_or_else(|| wrong(&parts))?
        }
        None if outputs == 0 => Vec::new(),
        None => {
            // The last part may be shorter.
            let part = size.div_ceil(outputs);
            let each =
                |index: u64| size.checked_sub(part.checked_mul(index)?).map(|rest| rest.min(part));
            (0..outputs).map(each).collect::<Option<_>>().ok_or_else(|| wrong(&outputs))?
        }
    };
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for size in sizes {
        let mut shape = input.shape.clone();
        shape[axis] = size;
        let value = input.value.as_deref().filter(|_| input.shape.len() == 1);
        let range = index(start)..index(start + size);
        parts.push(Output::with_value(shape, value.map(|value| value.pick(range))));
        start += size;
    }
    let work =
        Work::Vector(VectorWork { kind: VectorKind::DATA_MOVEMENT, elements: input.elements() });
    Ok(Outcome::new(parts, Some(work)))
}

/// Every `step`th element from `start` to before `end` along some axes.
pub(super) fn slice(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    const BOUNDS: &str = "bounds";
    let input = node.input(0)?;
    let rank = input.shape.len();
    let starts = node.integers("starts", 1, BOUNDS)?.ok_or(NodeProblem::NoInput(1))?;
    let ends = node.integers("ends", 2, BOUNDS)?.ok_or(NodeProblem::NoInput(2))?;
    let axes = node.integers("axes", 3, BOUNDS)?;
    let steps = node.integers("steps", 4, BOUNDS)?;
    let given = [Some(&ends), axes.as_ref(), steps.as_ref()];
    if given.into_iter().flatten().any(|list| list.len() != starts.len()) {
        return Err(NodeProblem::Shape("starts, ends, axes and steps differ in length".to_owned()));
    }
    let mut shape = input.shape.clone();
    let mut strides = strides(&input.shape);
    let mut offset = 0i64;
    for index in 0..starts.len() {
        let axis = axes.as_ref().map_or(index as i64, |axes| axes[index]);
        let axis = node.axis(axis, rank)?;
        let step = steps.as_ref().map_or(1, |steps| steps[index]);
        let (start, size) = bounds(shape[axis], starts[index], ends[index], step)
            .ok_or_else(|| NodeProblem::Shape("a step of 0 slices nothing".to_owned()))?;
        shape[axis] = size;
        // Strides that overflow belong to axes of one element or to values that are not kept.
        offset = offset.saturating_add(start.saturating_mul(strides[axis]));
        strides[axis] = strides[axis].saturating_mul(step);
    }
    let value = input.value.as_deref();
    let value = value.and_then(|value| value.strided(&shape, offset, &strides));
    Ok(Outcome::moved(Output::with_value(shape, value)))
}

/// First element and number of elements of a slice of an axis of `size`; `None` if the step is 0.
fn bounds(size: u64, start: i64, end: i64, step: i64) -> Option<(i64, u64)> {
    let size = i64::try_from(size).ok()?;
    let counted = |index: i64| if index < 0 { index.saturating_add(size) } else { index };
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    // Going backwards, the start is an element, so it cannot be before the first.
    let start = counted(start).clamp(low.max(0), high.max(0));
    let end = counted(end).clamp(low, high);
    let span = if step > 0 { end - start } else { start - end };
    let stride = step.unsigned_abs();
    if stride == 0 {
        return None;
    }
    let count = if size == 0 || span <= 0 { 0 } else { span.cast_unsigned().div_ceil(stride) };
    Some((start, count))
}

/// Slices of the first input along `axis` at the second's indices; rows of weights are an embedding.
pub(super) fn gather(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let (input, indices) = (node.input(0)?, node.input(1)?);
    let axis = node.axis(node.attribute_integer("axis").unwrap_or(0), input.shape.len())?;
    let shape = [&input.shape[..axis], &indices.shape, &input.shape[axis + 1..]].concat();
    let shape = checked(shape)?;
    let picked = |value: &Value, places: &[i64]| -> Option<Value> {
        let length = value.len() as i64;
        let each = |&place: &i64| {
            let place = if place < 0 { place.checked_add(length)? } else { place };
            usize::try_from(place).ok().filter(|&place| place < value.len())
        };
        let places: Vec<usize> = places.iter().map(each).collect::<Option<_>>()?;
        Some(value.pick(places.into_iter()))
    };
    let places = indices.value.as_deref().and_then(Value::integers);
    let value = match (input.value.as_deref().filter(|_| input.shape.len() == 1), places) {
        (Some(value), Some(places)) => picked(value, places),
        _ => None,
    };
    let kind = if input.weight.is_some() && !indices.constant {
        VectorKind::EMBEDDING
    } else {
        VectorKind::DATA_MOVEMENT
    };
    let work = Work::Vector(VectorWork { kind, elements: count(&shape) });
    let output = Output::with_value(shape, value);
    Ok(Outcome::new(vec![output], Some(work)).with_parameters(&[0]))
}

/// Single elements of the first input; the second's shape.
pub(super) fn gather_elements(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    node.input(0)?;
    Ok(Outcome::moved(Output::new(node.shape(1)?.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_have_the_bounds_of_python() {
        assert_eq!(bounds(10, 0, i64::MAX, 1), Some((0, 10)));
        assert_eq!(bounds(10, -3, i64::MAX, 1), Some((7, 3)));
        assert_eq!(bounds(10, 2, 9, 3), Some((2, 3)));
        assert_eq!(bounds(10, 8, 3, 1), Some((8, 0)));
        assert_eq!(bounds(10, -1, i64::MIN, -1), Some((9, 10)));
        assert_eq!(bounds(10, 7, 1, -2), Some((7, 3)));
        assert_eq!(bounds(0, 0, 5, 1), Some((0, 0)));
        assert_eq!(bounds(0, -1, i64::MIN, -1), Some((0, 0)));
        assert_eq!(bounds(4, 0, 4, 0), None);
    }
}
