//! Concat and Split.

use crate::graph::axes::{axis, elements};
use crate::graph::operators::Problem;
use crate::graph::{Alike, Call, Definition, Integers, Operator, Scale, Scaled, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// Tensors one after the other along an axis.
struct Concat {
    axis: i64,
}

/// A tensor cut along an axis.
struct Split {
    axis: i64,
    /// Sizes of the parts, if they are an attribute.
    sizes: Option<Vec<i64>>,
    parts: usize,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["Concat", "Split"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    if definition.node.operator == "Concat" {
        definition.expect_inputs(1, usize::MAX)?;
        if definition.node.attribute("axis").is_none() {
            let (value, allowed) = ("missing".to_owned(), "an axis is needed");
            return Err(Problem::Attribute { name: "axis", value, allowed });
        }
        return Ok(Box::new(Concat { axis: definition.integer("axis", 1)? }));
    }
    definition.expect_inputs(1, 2)?;
    let named = definition.node.outputs.len();
    let parts = definition.integer("num_outputs", named as i64)?;
    if usize::try_from(parts) != Ok(named) {
        let value = parts.to_string();
        let allowed = "it must be the number of outputs of the node";
        return Err(Problem::Attribute { name: "num_outputs", value, allowed });
    }
    let sizes = definition.integers("split")?.map(<[i64]>::to_vec);
    Ok(Box::new(Split { axis: definition.integer("axis", 0)?, sizes, parts: named }))
}

/// Rows of each tensor in turn; a row is all that lies within one index of the axes before `axis`.
fn joined<T: Copy>(parts: &[(&[T], usize)], outer: usize) -> Vec<T> {
    let mut all = Vec::with_capacity(parts.iter().map(|part| part.0.len()).sum());
    for index in 0..outer {
        for (values, row) in parts {
            all.extend_from_slice(&values[index * row..(index + 1) * row]);
        }
    }
    all
}

/// The scale of tensors of these scales along `axis`, if one says it.
fn common_scale(values: &[&Scaled], axis: usize) -> Option<Scale> {
    let first = &values[0].scale;
    if first.axis != Some(axis) && values.iter().all(|value| value.scale == *first) {
        return Some(first.clone());
    }
    let along = |value: &&Scaled| value.scale.axis.is_none_or(|own| own == axis);
    let some = values.iter().any(|value| value.scale.axis == Some(axis));
    if !(some && values.iter().all(along)) {
        return None;
    }
    let mut scale = Scale { axis: Some(axis), scales: Vec::new(), zero_points: Vec::new() };
    for value in values {
        for index in 0..value.shape[axis] {
            let place = if value.scale.axis.is_some() { index } else { 0 };
            scale.scales.push(value.scale.scales[place]);
            scale.zero_points.push(value.scale.zero_points[place]);
        }
    }
    Some(scale)
}

impl Operator for Concat {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let mut shape = call.input(0)?.shape().to_vec();
        let axis = axis(self.axis, shape.len())?;
        for value in call.inputs.iter().skip(1) {
            let other = value.as_ref().ok_or(Problem::NoInput(1))?.shape();
            let fits = other.len() == shape.len()
                && (0..shape.len()).all(|at| at == axis || other[at] == shape[at]);
            if !fits {
                let why = format!(
                    "shapes {:?} and {other:?} cannot be joined along axis {axis}",
                    call.input(0)?.shape()
                );
                return Err(Problem::Shape(why));
            }
            shape[axis] += other[axis];
        }
        elements(&shape)?;
        let outer: usize = shape[..axis].iter().product();
        let row = |shape: &[usize]| shape[axis..].iter().product();
        let result = match call.alike(0, call.inputs.len())? {
            Alike::Integers(values) => {
                let parts: Vec<(&[i64], usize)> =
                    values.iter().map(|value| (&value.values[..], row(&value.shape))).collect();
                Value::Integer(Integers::new(shape, values[0].element, joined(&parts, outer)))
            }
            Alike::Scaled(values) if common_scale(&values, axis).is_some() => {
                let parts: Vec<(&[i64], usize)> =
                    values.iter().map(|value| (&value.integers[..], row(&value.shape))).collect();
                let ranges = values.iter().map(|value| value.range);
                let range = ranges
                    .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
                    .unwrap_or((0, 0));
                let scale = common_scale(&values, axis).unwrap_or_else(|| values[0].scale.clone());
                let integers = Arc::new(joined(&parts, outer));
                Value::Scaled(Scaled { shape, integers, range, scale })
            }
            _ => {
                let wide: Vec<(Cow<'_, [f64]>, usize)> = call
                    .inputs
                    .iter()
                    .flatten()
                    .map(|value| (value.wide(), row(value.shape())))
                    .collect();
                let parts: Vec<(&[f64], usize)> =
                    wide.iter().map(|(values, row)| (&values[..], *row)).collect();
                let all = joined(&parts, outer);
                let place = call.place;
                let result = call.reals(0, shape, all)?;
                // Nothing was computed.
                call.place = place;
                result
            }
        };
        Ok(vec![result])
    }
}

impl Operator for Split {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape();
        let axis = axis(self.axis, shape.len())?;
        let size = shape[axis];
        let sizes: Vec<usize> = match call.list_or(self.sizes.as_ref(), 1, "sizes of the parts")? {
            Some(sizes) => {
                let given = sizes.iter().map(|&size| usize::try_from(size).ok());
                let given: Option<Vec<usize>> = given.collect();
                let total = |sizes: &Vec<usize>| {
                    sizes.iter().try_fold(0usize, |sum, &size| sum.checked_add(size))
                };
                given
                    .filter(|given| given.len() == self.parts && total(given) == Some(size))
                    .ok_or_else(|| {
                        let parts = self.parts;
                        let why =
                            format!("{size} indices cannot be cut into {parts} parts of {sizes:?}");
                        Problem::Shape(why)
                    })?
            }
            None => {
                // The last part is smaller if they cannot be equal.
                let each = size.div_ceil(self.parts.max(1));
                let sizes = (0..self.parts).map(|part| each.min(size.saturating_sub(part * each)));
                sizes.collect()
            }
        };
        let mut lists: Vec<Vec<usize>> = shape.iter().map(|&size| (0..size).collect()).collect();
        let mut start = 0;
        let mut outputs = Vec::with_capacity(sizes.len());
        for size in sizes {
            lists[axis] = (start..start + size).collect();
            outputs.push(x.selected(&lists));
            start += size;
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::graph::{Scale, Value};

    #[test]
    fn tensors_are_joined_and_cut() {
        let joined = Case::new("Concat").int("axis", -1).ramp(&[2, 1]).ramp(&[2, 2]);
        assert_eq!(joined.numbers(), [0.0, 0.0, 1.0, 1.0, 2.0, 3.0]);
        assert!(Case::new("Concat").int("axis", 0).ramp(&[2, 1]).ramp(&[2, 2]).run().is_err());
        let parts = |case: Case| -> Vec<Vec<f64>> {
            case.run().unwrap().iter().map(|part| part.wide().into_owned()).collect()
        };
        let split = Case::new("Split").outputs(2).ramp(&[3]);
        assert_eq!(parts(split), [vec![0.0, 1.0], vec![2.0]]);
        let split = Case::new("Split").outputs(2).int("axis", 1).ramp(&[1, 3]).list(&[1, 2]);
        assert_eq!(parts(split), [vec![0.0], vec![1.0, 2.0]]);
        let split = Case::new("Split").opset(11).outputs(2).ints("split", &[3, 0]).ramp(&[3]);
        assert_eq!(parts(split), [vec![0.0, 1.0, 2.0], vec![]]);
        assert!(Case::new("Split").outputs(2).ramp(&[3]).list(&[1, 1]).run().is_err());
        assert!(Case::new("Split").int("num_outputs", 3).ramp(&[3]).run().is_err());
    }

    #[test]
    fn equal_scales_stay_and_others_make_reals() {
        let joined = |axis: i64, other: Scale| {
            let first = Scale::per_tensor(0.5, 1);
            let case =
                Case::new("Concat").int("axis", axis).scaled(&[1, 2], &[1, 3], (0, 3), first);
            case.scaled(&[1, 2], &[7, -8], (-8, 7), other).run().unwrap().remove(0)
        };
        let Value::Scaled(y) = joined(0, Scale::per_tensor(0.5, 1)) else { panic!("quantised") };
        assert_eq!((y.integers.to_vec(), y.range), (vec![1, 3, 7, -8], (-8, 7)));
        let per = Scale { axis: Some(1), scales: vec![2.0, 4.0], zero_points: vec![0, 0] };
        let Value::Scaled(y) = joined(1, per.clone()) else { panic!("quantised") };
        assert_eq!(y.scale.scales, [0.5, 0.5, 2.0, 4.0]);
        assert_eq!(joined(0, per).wide().to_vec(), [0.0, 1.0, 14.0, -32.0]);
    }
}
