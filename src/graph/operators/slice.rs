//! Parts and repetitions of a tensor: Slice, Expand, Tile, Trilu.

use super::fill::filled;
use crate::graph::axes::{broadcast, distinct, elements, shape_of};
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Operator, Value};
use hwmodel::cast::exact;

enum Rule {
    /// Bounds that are attributes (opset 1): starts, ends, axes.
    Slice(Option<[Option<Vec<i64>>; 3]>),
    Expand,
    Tile,
    /// Whether what lies above the diagonal is kept.
    Trilu(bool),
}

struct Select(Rule);

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["Expand", "Slice", "Tile", "Trilu"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let name = definition.node.operator.as_str();
    let rule = match name {
        "Slice" if definition.version < 10 => {
            definition.expect_inputs(1, 1)?;
            let list = |name| definition.integers(name).map(|list| list.map(<[i64]>::to_vec));
            Rule::Slice(Some([list("starts")?, list("ends")?, list("axes")?]))
        }
        "Slice" => {
            definition.expect_inputs(3, 5)?;
            Rule::Slice(None)
        }
        "Expand" | "Tile" => {
            definition.expect_inputs(2, 2)?;
            if name == "Expand" { Rule::Expand } else { Rule::Tile }
        }
        "Trilu" => {
            definition.expect_inputs(1, 2)?;
            Rule::Trilu(definition.integer("upper", 1)? != 0)
        }
        _ => return Err(Problem::NoOperator),
    };
    Ok(Box::new(Select(rule)))
}

/// The indices from `start` to before `end` of an axis of `size`, as Python counts them.
fn indices(size: usize, start: i64, end: i64, step: i64) -> Result<Vec<usize>, Problem> {
    if step == 0 {
        return Err(Problem::Unsupported("a step of 0".to_owned()));
    }
    let size: i64 = exact(size);
    let counted = |bound: i64| if bound < 0 { bound.saturating_add(size) } else { bound };
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let (start, end) =
        (counted(start).clamp(low.max(0).min(high), high), counted(end).clamp(low, high));
    let mut found = Vec::new();
    let mut at = start;
    while if step > 0 { at < end } else { at > end } {
        found.push(exact(at));
        at = at.saturating_add(step);
    }
    Ok(found)
}

fn sliced(
    x: &Value,
    starts: &[i64],
    ends: &[i64],
    axes: Option<Vec<i64>>,
    steps: Option<Vec<i64>>,
) -> Result<Value, Problem> {
    let shape = x.shape();
    let axes = axes.unwrap_or_else(|| (0..exact(starts.len())).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        let why = format!(
            "{} starts, {} ends, {} axes and {} steps: as many of each are needed",
            starts.len(),
            ends.len(),
            axes.len(),
            steps.len()
        );
        return Err(Problem::Shape(why));
    }
    let mut lists: Vec<Vec<usize>> = shape.iter().map(|&size| (0..size).collect()).collect();
    for (place, axis) in distinct(&axes, shape.len())?.into_iter().enumerate() {
        lists[axis] = indices(shape[axis], starts[place], ends[place], steps[place])?;
    }
    Ok(x.selected(&lists))
}

fn triangle(x: &Value, above: bool, offset: i64) -> Result<Vec<Option<usize>>, Problem> {
    let [.., rows, columns] = *x.shape() else {
        let why = format!("its input has shape {:?}: at least two axes are needed", x.shape());
        return Err(Problem::Shape(why));
    };
    let kept = |place: usize| {
        let (row, column): (i64, i64) = (exact(place / columns % rows), exact(place % columns));
        let right = i128::from(column) - i128::from(row);
        if above { right >= offset.into() } else { right <= offset.into() }
    };
    Ok((0..x.len()).map(|place| kept(place).then_some(place)).collect())
}

impl Operator for Select {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape();
        let result = match &self.0 {
            Rule::Slice(Some([starts, ends, axes])) => {
                let bound = |list: &Option<Vec<i64>>| list.clone().unwrap_or_default();
                sliced(x, &bound(starts), &bound(ends), axes.clone(), None)?
            }
            Rule::Slice(None) => {
                let starts = call.list(1, "starts")?.ok_or(Problem::NoInput(1))?;
                let ends = call.list(2, "ends")?.ok_or(Problem::NoInput(2))?;
                sliced(x, &starts, &ends, call.list(3, "axes")?, call.list(4, "steps")?)?
            }
            Rule::Expand => {
                let to = shape_of(&call.list(1, "shape")?.ok_or(Problem::NoInput(1))?)?;
                let to = broadcast(&[shape, &to])?;
                let mut own = vec![1; to.len() - shape.len()];
                own.extend_from_slice(shape);
                let list = |(&own, &to): (&usize, &usize)| {
                    if own == 1 { vec![0; to] } else { (0..own).collect() }
                };
                let lists: Vec<Vec<usize>> = own.iter().zip(&to).map(list).collect();
                x.reshaped(call.arithmetic, own).selected(&lists)
            }
            Rule::Tile => {
                let repeats = call.list(1, "repeats")?.ok_or(Problem::NoInput(1))?;
                let repeats = shape_of(&repeats)?;
                if repeats.len() != shape.len() {
                    let why = format!("{} repeats for a tensor of shape {shape:?}", repeats.len());
                    return Err(Problem::Shape(why));
                }
                let sizes: Vec<usize> = shape
                    .iter()
                    .zip(&repeats)
                    .map(|(&size, &times)| size.saturating_mul(times))
                    .collect();
                elements(&sizes)?;
                let list = |(&own, &to): (&usize, &usize)| (0..own).cycle().take(to).collect();
                let lists: Vec<Vec<usize>> = shape.iter().zip(&sizes).map(list).collect();
                x.selected(&lists)
            }
            Rule::Trilu(above) => {
                let offset = match call.optional(1) {
                    Some(_) => call.integers(1, "diagonal")?.single("diagonal")?,
                    None => 0,
                };
                let places = triangle(x, *above, offset)?;
                filled(x, call.arithmetic, shape.to_vec(), &places, None)?
            }
        };
        Ok(vec![result])
    }
}

#[cfg(test)]
mod tests {
    use super::indices;
    use crate::graph::testing::Case;

    #[test]
    fn indices_are_those_of_python() {
        let of = |start, end, step| indices(5, start, end, step).unwrap();
        assert_eq!(of(1, 4, 2), [1, 3]);
        assert_eq!(of(-3, i64::MAX, 1), [2, 3, 4]);
        assert_eq!(of(-1, i64::MIN, -2), [4, 2, 0]);
        assert_eq!(of(9, -9, -1), [4, 3, 2, 1, 0]);
        assert_eq!(of(3, 3, 1), [0; 0]);
        assert_eq!(of(0, 5, i64::MAX), [0]);
        assert!(indices(5, 0, 1, 0).is_err());
        assert_eq!(indices(0, 0, 5, 1).unwrap(), [0; 0]);
        assert_eq!(indices(0, -1, -9, -1).unwrap(), [0; 0]);
    }

    #[test]
    fn slices_of_old_and_new_opsets() {
        let old = Case::new("Slice").opset(9).ramp(&[2, 3]).ints("axes", &[1]);
        assert_eq!(old.ints("starts", &[1]).ints("ends", &[-1]).numbers(), [1.0, 4.0]);
        let new = || Case::new("Slice").ramp(&[2, 3]).list(&[-1]).list(&[-9]);
        assert_eq!(new().list(&[1]).list(&[-1]).numbers(), [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
        assert!(new().list(&[1, 0]).run().is_err());
        assert!(new().list(&[7]).run().is_err());
    }

    #[test]
    fn repetitions() {
        let y = Case::new("Expand").ramp(&[2, 1]).list(&[2, 1, 2]).run().unwrap();
        assert_eq!(y[0].shape(), [2, 2, 2]);
        assert_eq!(y[0].wide().to_vec(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(Case::new("Tile").ramp(&[2]).list(&[2]).numbers(), [0.0, 1.0, 0.0, 1.0]);
        assert!(Case::new("Tile").ramp(&[2]).list(&[i64::MAX]).run().is_err());
        assert!(Case::new("Expand").ramp(&[2]).list(&[-1]).run().is_err());
    }

    #[test]
    fn triangles() {
        let y =
            |upper: i64, k: i64| Case::new("Trilu").int("upper", upper).ramp(&[2, 2]).list(&[k]);
        assert_eq!(y(1, 0).numbers(), [0.0, 1.0, 0.0, 3.0]);
        assert_eq!(y(0, 0).numbers(), [0.0, 0.0, 2.0, 3.0]);
        assert_eq!(y(1, 1).numbers(), [0.0, 1.0, 0.0, 0.0]);
    }
}
