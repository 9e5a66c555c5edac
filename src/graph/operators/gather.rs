//! Elements at indices that are given: Gather, GatherElements, GatherND, and ArrayFeatureExtractor.

use crate::graph::axes::{axis, elements, strides, walk};
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Integers, Operator, Value};
use hwmodel::cast::exact;

enum Rule {
    Gather(i64),
    Elements(i64),
    Nd {
        batch_axes: i64,
    },
    /// Columns of the last axis.
    Columns,
}

struct Gather(Rule);

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["Gather", "GatherElements", "GatherND"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(2, 2)?;
    Ok(Box::new(Gather(match definition.node.operator.as_str() {
        "Gather" => Rule::Gather(definition.integer("axis", 0)?),
        "GatherElements" => Rule::Elements(definition.integer("axis", 0)?),
        "GatherND" => Rule::Nd { batch_axes: definition.integer("batch_dims", 0)? },
        "ArrayFeatureExtractor" => Rule::Columns,
        _ => return Err(Problem::NoOperator),
    })))
}

/// `index` of an axis of `size`, counted from the front.
pub(super) fn place(index: i64, size: usize) -> Result<usize, Problem> {
    let size_: i64 = exact(size);
    let found = if index < 0 { index.saturating_add(size_) } else { index };
    usize::try_from(found)
        .ok()
        .filter(|&found| found < size)
        .ok_or_else(|| Problem::Shape(format!("index {index} is outside an axis of {size}")))
}

fn gathered(x: &Value, indices: &Integers, axis: usize) -> Result<Value, Problem> {
    let shape = x.shape();
    let found = indices.values.iter().map(|&index| place(index, shape[axis]));
    let found = found.collect::<Result<Vec<usize>, _>>()?;
    let mut to = shape[..axis].to_vec();
    to.extend_from_slice(&indices.shape);
    to.extend_from_slice(&shape[axis + 1..]);
    elements(&to)?;
    let mut lists: Vec<Vec<usize>> = shape.iter().map(|&size| (0..size).collect()).collect();
    lists[axis] = found;
    let mut result = x.selected(&lists);
    // The axis has become those of the indices.
    match &mut result {
        Value::Real(value) => value.shape = to,
        Value::Integer(value) => value.shape = to,
        Value::Scaled(value) => {
            if let Some(own) = &mut value.scale.axis
                && *own > axis
            {
                *own = *own + indices.shape.len() - 1;
            }
            value.shape = to;
        }
    }
    Ok(result)
}

impl Operator for Gather {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (x, indices) = (call.input(0)?, call.integers(1, "indices")?);
        let shape = x.shape();
        let uniform = || x.uniform(call.arithmetic);
        let result = match self.0 {
            Rule::Gather(own) => {
                let axis = axis(own, shape.len())?;
                // Scales for each index of the axis fit only a list of indices.
                let moved = matches!(x, Value::Scaled(x) if x.scale.axis == Some(axis));
                let x = if moved && indices.shape.len() != 1 { uniform() } else { x.clone() };
                gathered(&x, indices, axis)?
            }
            Rule::Columns => {
                let last = shape
                    .len()
                    .checked_sub(1)
                    .ok_or_else(|| Problem::Shape("its input has no axis".to_owned()))?;
                let list = Integers { shape: vec![indices.values.len()], ..indices.clone() };
                gathered(&uniform(), &list, last)?
            }
            Rule::Elements(own) => {
                let axis = axis(own, shape.len())?;
                let fits = indices.shape.len() == shape.len()
                    && (0..shape.len()).all(|at| at == axis || indices.shape[at] <= shape[at]);
                if !fits {
                    let why = format!(
                        "indices of shape {:?} for a tensor of shape {shape:?}",
                        indices.shape
                    );
                    return Err(Problem::Shape(why));
                }
                let mut steps = strides(shape);
                let step = std::mem::replace(&mut steps[axis], 0);
                let starts = walk(&indices.shape, &steps, 0);
                let found = starts.iter().zip(indices.values.iter());
                let found =
                    found.map(|(start, &index)| Ok(start + place(index, shape[axis])? * step));
                let found = found.collect::<Result<Vec<usize>, Problem>>()?;
                uniform().picked(indices.shape.clone(), &found, None)
            }
            Rule::Nd { batch_axes } => {
                let wrong = || {
                    let of = &indices.shape;
                    Problem::Shape(format!(
                        "indices of shape {of:?} for a tensor of shape {shape:?}"
                    ))
                };
                let batch = usize::try_from(batch_axes).map_err(|_| wrong())?;
                let (&depth, outer) = indices.shape.split_last().ok_or_else(wrong)?;
                if batch > outer.len()
                    || batch + depth > shape.len()
                    || outer[..batch] != shape[..batch]
                {
                    return Err(wrong());
                }
                let inner: usize = shape[batch + depth..].iter().product();
                let batches: usize = shape[..batch].iter().product();
                let (steps, all) = (strides(shape), elements(&shape[batch..])?);
                let mut to = outer.to_vec();
                to.extend_from_slice(&shape[batch + depth..]);
                let mut found = Vec::with_capacity(elements(&to)?);
                let tuples = elements(outer)?;
                for tuple in 0..tuples {
                    let mut start = tuple / (tuples / batches.max(1)).max(1) * all;
                    for part in 0..depth {
                        let index = indices.values[tuple * depth + part];
                        start += place(index, shape[batch + part])? * steps[batch + part];
                    }
                    found.extend(start..start + inner);
                }
                uniform().picked(to, &found, None)
            }
        };
        Ok(vec![result])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::graph::{Scale, Value};
    use crate::onnx::model::ElementType;

    #[test]
    fn indices_may_have_any_shape() {
        let x = |operator: &str| Case::new(operator).ramp(&[2, 3]);
        let y = x("Gather").int("axis", 1).integers(&[], ElementType::Int64, &[-1]).run().unwrap();
        assert_eq!((y[0].shape(), y[0].wide().to_vec()), (&[2][..], vec![2.0, 5.0]));
        let y = x("Gather").integers(&[1, 2], ElementType::Int32, &[1, 0]).run().unwrap();
        assert_eq!(y[0].shape(), [1, 2, 3]);
        assert!(x("Gather").list(&[2]).run().is_err());
        let y = x("GatherElements").int("axis", 1).integers(&[2, 1], ElementType::Int64, &[2, -3]);
        assert_eq!(y.numbers(), [2.0, 3.0]);
        let y = x("GatherND").integers(&[2, 2], ElementType::Int64, &[0, 1, 1, -1]);
        assert_eq!(y.numbers(), [1.0, 5.0]);
        let y = x("GatherND").int("batch_dims", 1).integers(&[2, 1], ElementType::Int64, &[2, 0]);
        assert_eq!(y.numbers(), [2.0, 3.0]);
        assert!(x("GatherND").integers(&[1, 3], ElementType::Int64, &[0, 1, 0]).run().is_err());
        let y = Case::new("ArrayFeatureExtractor").domain("ai.onnx.ml", 1).ramp(&[2, 3]);
        assert_eq!(y.list(&[2, 0]).numbers(), [2.0, 0.0, 5.0, 3.0]);
    }

    #[test]
    fn scales_follow_their_channels() {
        let scale = Scale { axis: Some(1), scales: vec![1.0, 2.0], zero_points: vec![0, 0] };
        let x = || Case::new("Gather").scaled(&[1, 2], &[1, 1], (0, 1), scale.clone());
        let y = x().int("axis", 1).list(&[1, 0]).run().unwrap();
        let Value::Scaled(y) = &y[0] else { panic!("quantised") };
        assert_eq!(y.wide(), [2.0, 1.0]);
        let y = x().integers(&[], ElementType::Int64, &[0]).run().unwrap();
        let Value::Scaled(y) = &y[0] else { panic!("quantised") };
        assert_eq!((y.scale.axis, y.wide()), (Some(0), vec![1.0, 2.0]));
    }
}
