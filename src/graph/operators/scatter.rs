//! Elements put at indices that are given: ScatterElements, its older name Scatter, and ScatterND.

use super::gather::place;
use crate::graph::axes::{axis, elements, strides, walk};
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Integers, Operator, Value};

/// What becomes of an element that has been put and one that is there.
#[derive(Clone, Copy)]
enum Reduction {
    None,
    Add,
    Mul,
    Max,
    Min,
}

struct Scatter {
    /// Axis of the indices; none for tuples of indices.
    axis: Option<i64>,
    reduction: Reduction,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["Scatter", "ScatterElements", "ScatterND"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(3, 3)?;
    let reductions = [
        ("none", Reduction::None),
        ("add", Reduction::Add),
        ("mul", Reduction::Mul),
        ("max", Reduction::Max),
        ("min", Reduction::Min),
    ];
    let allowed = "none, add, mul, max or min";
    let axis = match definition.node.operator.as_str() {
        "ScatterND" => None,
        _ => Some(definition.integer("axis", 0)?),
    };
    let reduction = definition.choice("reduction", &reductions, allowed)?;
    Ok(Box::new(Scatter { axis, reduction }))
}

impl Scatter {
    /// Places in the data of the elements of the updates.
    fn places(
        &self,
        data: &[usize],
        indices: &Integers,
        updates: &[usize],
    ) -> Result<Vec<usize>, Problem> {
        let of = &indices.shape;
        let wrong = || {
            Problem::Shape(format!(
                "indices of shape {of:?} and updates of shape {updates:?} for a tensor of shape {data:?}"
            ))
        };
        let mut steps = strides(data);
        if let Some(own) = self.axis {
            let axis = axis(own, data.len())?;
            let inside = |at: usize| at == axis || of[at] <= data[at];
            if of != updates || of.len() != data.len() || !(0..data.len()).all(inside) {
                return Err(wrong());
            }
            let step = std::mem::replace(&mut steps[axis], 0);
            let starts = walk(of, &steps, 0);
            let found = starts.iter().zip(indices.values.iter());
            return found
                .map(|(start, &index)| Ok(start + place(index, data[axis])? * step))
                .collect();
        }
        let (&depth, outer) = of.split_last().ok_or_else(wrong)?;
        if depth > data.len()
            || updates.len() != outer.len() + data.len() - depth
            || updates[..outer.len()] != *outer
            || updates[outer.len()..] != data[depth..]
        {
            return Err(wrong());
        }
        let inner: usize = data[depth..].iter().product();
        let mut places = Vec::with_capacity(elements(updates)?);
        for tuple in 0..elements(outer)? {
            let mut start = 0;
            for part in 0..depth {
                let index = indices.values[tuple * depth + part];
                start += place(index, data[part])? * steps[part];
            }
            places.extend(start..start + inner);
        }
        Ok(places)
    }
}

/// `data` with `updates` at `places`, in their order.
fn put<T: Copy>(
    mut data: Vec<T>,
    places: &[usize],
    updates: &[T],
    combine: impl Fn(T, T) -> T,
) -> Vec<T> {
    for (&place, &update) in places.iter().zip(updates) {
        data[place] = combine(data[place], update);
    }
    data
}

impl Operator for Scatter {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (data, indices) = (call.input(0)?, call.integers(1, "indices")?);
        let updates = call.input(2)?;
        let shape = data.shape().to_vec();
        let places = self.places(&shape, indices, updates.shape())?;
        if let (Value::Integer(data), Value::Integer(updates)) = (data, updates) {
            if data.element != updates.element {
                let why = format!("updates of {} for data of {}", updates.element, data.element);
                return Err(Problem::Unsupported(why));
            }
            // A product is taken modulo 2^64 in between, which changes no bit of a shorter type.
            let values = put(data.values.to_vec(), &places, &updates.values, |old, new| match self
                .reduction
            {
                Reduction::None => new,
                Reduction::Add => old.wrapping_add(new),
                Reduction::Mul => old.wrapping_mul(new),
                Reduction::Max => old.max(new),
                Reduction::Min => old.min(new),
            });
            let element = data.element;
            let result = Integers::wrapped(shape, element, values.into_iter().map(i128::from))?;
            return Ok(call.integer_result(result));
        }
        let values = put(data.wide().into_owned(), &places, &updates.wide(), |old, new| match self
            .reduction
        {
            Reduction::None => new,
            Reduction::Add => old + new,
            Reduction::Mul => old * new,
            Reduction::Max => old.max(new),
            Reduction::Min => old.min(new),
        });
        Ok(vec![call.reals(0, shape, values)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::onnx::model::ElementType;

    #[test]
    fn elements_go_to_their_indices() {
        let case = |reduction: &str| {
            let case = Case::new("ScatterElements").text("reduction", reduction).int("axis", 1);
            let case = case.reals(&[1, 5], &[1.0, 2.0, 3.0, 4.0, 5.0]);
            case.integers(&[1, 3], ElementType::Int64, &[1, -2, 1]).reals(&[1, 3], &[2.5, 7.0, 3.0])
        };
        assert_eq!(case("none").numbers(), [1.0, 3.0, 3.0, 7.0, 5.0]);
        assert_eq!(case("add").numbers(), [1.0, 7.5, 3.0, 11.0, 5.0]);
        assert_eq!(case("mul").numbers(), [1.0, 15.0, 3.0, 28.0, 5.0]);
        assert_eq!(case("max").numbers(), [1.0, 3.0, 3.0, 7.0, 5.0]);
        assert_eq!(case("min").numbers(), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(case("mean").run().is_err());
    }

    #[test]
    fn tuples_name_slices() {
        let case = |indices: &[i64], shape: &[usize]| {
            Case::new("ScatterND").ramp(&[3, 2]).integers(shape, ElementType::Int64, indices)
        };
        let rows = case(&[2, 0], &[2, 1]).integers(&[2, 2], ElementType::Int64, &[9, 8, 7, 6]);
        assert_eq!(rows.numbers(), [7.0, 6.0, 2.0, 3.0, 9.0, 8.0]);
        let single = case(&[1, -1], &[1, 2]).integers(&[1], ElementType::Int64, &[9]);
        assert_eq!(single.numbers(), [0.0, 1.0, 2.0, 9.0, 4.0, 5.0]);
        let outside = case(&[3, 0], &[1, 2]).integers(&[1], ElementType::Int64, &[9]);
        assert!(outside.run().is_err());
        let shape = case(&[1, 0], &[1, 2]).integers(&[2], ElementType::Int64, &[9, 9]);
        assert!(shape.run().is_err());
    }
}
