//! Order and places of elements: TopK, ArgMax, ArgMin, NonZero, OneHot, CumSum, CumProd, ReverseSequence.

use crate::graph::axes::{axis, elements, strides, walk};
use crate::graph::operators::Problem;
use crate::graph::{Alike, Arithmetic, Call, Definition, Integers, Operator, Place, Value};
use crate::onnx::model::ElementType;
use hwmodel::cast::{exact, toward_zero};
use std::cmp::Ordering;

enum Rule {
    TopK { largest: bool, count: Option<i64> },
    Extreme { largest: bool, keep: bool, last: bool },
    NonZero,
    OneHot,
    Cumulate { product: bool, exclusive: bool, reverse: bool },
    Reverse { batch: i64 },
}

struct Order {
    rule: Rule,
    axis: i64,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] =
    &["ArgMax", "ArgMin", "CumProd", "CumSum", "NonZero", "OneHot", "ReverseSequence", "TopK"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let name = definition.node.operator.as_str();
    let (inputs, axis, rule) = match name {
        "TopK" => {
            let old = definition.version < 10;
            let count = if old { Some(definition.integer("k", 0)?) } else { None };
            let largest = definition.integer("largest", 1)? != 0;
            (if old { 1 } else { 2 }, -1, Rule::TopK { largest, count })
        }
        "ArgMax" | "ArgMin" => {
            let keep = definition.integer("keepdims", 1)? != 0;
            let last = definition.flag("select_last_index")?;
            (1, 0, Rule::Extreme { largest: name == "ArgMax", keep, last })
        }
        "NonZero" => (1, 0, Rule::NonZero),
        "OneHot" => (3, -1, Rule::OneHot),
        "CumSum" | "CumProd" => {
            let (exclusive, reverse) = (definition.flag("exclusive")?, definition.flag("reverse")?);
            (2, 0, Rule::Cumulate { product: name == "CumProd", exclusive, reverse })
        }
        "ReverseSequence" => (2, 0, Rule::Reverse { batch: definition.integer("batch_axis", 1)? }),
        _ => return Err(Problem::NoOperator),
    };
    definition.expect_inputs(inputs, inputs)?;
    let attribute = if name == "ReverseSequence" { "time_axis" } else { "axis" };
    Ok(Box::new(Order { rule, axis: definition.integer(attribute, axis)? }))
}

/// The places of the first element of each line along `axis`, in row-major order, the length of lines, and the step in them.
fn lines(shape: &[usize], axis: usize) -> (Vec<usize>, usize, usize) {
    let strides = strides(shape);
    let mut others = shape.to_vec();
    others[axis] = 1;
    (walk(&others, &strides, 0), shape[axis], strides[axis])
}

/// Numbers in an order that includes NaN, the largest of all.
fn ordered(x: &Value) -> Vec<(f64, i64)> {
    match x {
        Value::Integer(x) => x.values.iter().map(|&value| (0.0, value)).collect(),
        _ => x.wide().iter().map(|&value| (value + 0.0, 0)).collect(),
    }
}

fn compare(a: (f64, i64), b: (f64, i64)) -> Ordering {
    let numbers = a.0.partial_cmp(&b.0);
    numbers.unwrap_or_else(|| a.0.is_nan().cmp(&b.0.is_nan())).then(a.1.cmp(&b.1))
}

fn top(
    x: &Value,
    arithmetic: &Arithmetic,
    axis: usize,
    count: i64,
    largest: bool,
) -> Result<Vec<Value>, Problem> {
    let shape = x.shape();
    let (starts, length, step) = lines(shape, axis);
    let count = usize::try_from(count)
        .ok()
        .filter(|&count| count <= length)
        .ok_or_else(|| Problem::Shape(format!("the first {count} of an axis of {length}")))?;
    let numbers = ordered(x);
    let mut to = shape.to_vec();
    to[axis] = count;
    let (own, own_starts) = (strides(&to)[axis], lines(&to, axis).0);
    let total = elements(&to)?;
    let (mut places, mut indices) = (vec![0; total], vec![0; total]);
    for (line, start) in starts.iter().enumerate().filter(|_| total > 0) {
        let mut order: Vec<usize> = (0..length).collect();
        let number = |index: usize| numbers[start + index * step];
        // Stable: the lower index comes first among equals.
        order.sort_by(|&a, &b| {
            let order = compare(number(a), number(b));
            if largest { order.reverse() } else { order }
        });
        for (place, &index) in order.iter().take(count).enumerate() {
            let at = own_starts[line] + place * own;
            places[at] = start + index * step;
            indices[at] = exact(index);
        }
    }
    let values = x.uniform(arithmetic).picked(to.clone(), &places, None);
    Ok(vec![values, Value::Integer(Integers::new(to, ElementType::Int64, indices))])
}

fn extreme(
    x: &Value,
    axis: usize,
    (largest, keep, last): (bool, bool, bool),
) -> Result<Integers, Problem> {
    let (starts, length, step) = lines(x.shape(), axis);
    if length == 0 && !starts.is_empty() {
        return Err(Problem::Shape("its axis is empty".to_owned()));
    }
    let numbers = ordered(x);
    let best = starts.iter().map(|start| {
        let mut best = 0;
        for index in 1..length {
            let order = compare(numbers[start + index * step], numbers[start + best * step]);
            let order = if largest { order } else { order.reverse() };
            if order == Ordering::Greater || last && order == Ordering::Equal {
                best = index;
            }
        }
        exact(best)
    });
    let mut shape = x.shape().to_vec();
    if keep {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    Ok(Integers::new(shape, ElementType::Int64, best.collect()))
}

fn non_zero(x: &Value) -> Integers {
    let values = x.wide();
    let places: Vec<usize> = (0..values.len()).filter(|&place| values[place] != 0.0).collect();
    let (shape, strides) = (x.shape(), strides(x.shape()));
    let index = |axis: usize| {
        let strides = &strides;
        places.iter().map(move |place| exact(place / strides[axis] % shape[axis]))
    };
    let indices = (0..shape.len()).flat_map(index).collect();
    Integers::new(vec![shape.len(), places.len()], ElementType::Int64, indices)
}

fn one_hot(call: &Call<'_>, own: i64) -> Result<Value, Problem> {
    let (indices, values) = (call.input(0)?, call.input(2)?);
    let depth: i64 = toward_zero(call.number(1, "depth")?.ok_or(Problem::NoInput(1))?);
    let depth_ = usize::try_from(depth).ok().filter(|&depth| depth > 0);
    let depth_ = depth_.ok_or_else(|| Problem::Shape(format!("a depth of {depth}")))?;
    if values.len() != 2 {
        let why = format!("{} values: those for off and on are needed", values.len());
        return Err(Problem::Shape(why));
    }
    let mut shape = indices.shape().to_vec();
    let axis = axis(own, shape.len() + 1)?;
    let inner: usize = shape[axis..].iter().product();
    shape.insert(axis, depth_);
    let total = elements(&shape)?;
    let hot: Vec<i64> = indices.wide().iter().map(|&index| toward_zero(index)).collect();
    let place = |place: usize| {
        let (outer, rest) = (place / inner / depth_, place % inner);
        let level: i64 = exact(place / inner % depth_);
        let index = hot[outer * inner + rest];
        usize::from(level == if index < 0 { index.saturating_add(depth) } else { index })
    };
    let places: Vec<usize> = (0..total).map(place).collect();
    Ok(values.uniform(call.arithmetic).picked(shape, &places, None))
}

/// Sums or products of the elements up to each one of a line.
fn cumulated<T: Copy>(
    values: &[T],
    (starts, length, step): (Vec<usize>, usize, usize),
    (exclusive, reverse): (bool, bool),
    first: T,
    add: impl Fn(T, T) -> T,
) -> Vec<T> {
    let mut results = vec![first; values.len()];
    for start in starts.into_iter().filter(|_| !values.is_empty()) {
        let mut sum = first;
        for index in 0..length {
            let place = start + if reverse { length - 1 - index } else { index } * step;
            let before = sum;
            sum = add(sum, values[place]);
            results[place] = if exclusive { before } else { sum };
        }
    }
    results
}

fn reversed(x: &Value, call: &Call<'_>, time: usize, batch: usize) -> Result<Value, Problem> {
    let shape = x.shape();
    let lengths = call.list(1, "sequence lengths")?.ok_or(Problem::NoInput(1))?;
    let most = shape[time];
    let fits = |&length: &i64| usize::try_from(length).is_ok_and(|length| length <= most);
    if time == batch || lengths.len() != shape[batch] || !lengths.iter().all(fits) {
        let why = format!("sequence lengths {lengths:?} for a tensor of shape {shape:?}");
        return Err(Problem::Shape(why));
    }
    let strides = strides(shape);
    let place = |place: usize| {
        let at = place / strides[time] % most;
        let length: usize = exact(lengths[place / strides[batch] % shape[batch]]);
        if at < length {
            place - at * strides[time] + (length - 1 - at) * strides[time]
        } else {
            place
        }
    };
    let places: Vec<usize> = (0..x.len()).map(place).collect();
    Ok(x.uniform(call.arithmetic).picked(shape.to_vec(), &places, None))
}

impl Operator for Order {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let rank = x.shape().len();
        let axis = || axis(self.axis, rank);
        Ok(match &self.rule {
            Rule::TopK { largest, count } => {
                let count = match count {
                    Some(count) => *count,
                    None => call.integers(1, "k")?.single("k")?,
                };
                let found = top(x, call.arithmetic, axis()?, count, *largest)?;
                call.place = Place::Integers;
                found
            }
            Rule::Extreme { largest, keep, last } => {
                let found = extreme(x, axis()?, (*largest, *keep, *last))?;
                call.integer_result(found)
            }
            Rule::NonZero => {
                let found = non_zero(x);
                call.integer_result(found)
            }
            Rule::OneHot => vec![one_hot(call, self.axis)?],
            Rule::Cumulate { product, exclusive, reverse } => {
                let own = call.integers(1, "axis")?.single("axis")?;
                let lines = lines(x.shape(), crate::graph::axes::axis(own, rank)?);
                let shape = x.shape().to_vec();
                let order = (*exclusive, *reverse);
                if let Alike::Integers(values) = call.alike(0, 1)? {
                    let (values, element) = (&values[0].values, values[0].element);
                    let sums = match product {
                        true => cumulated(values, lines, order, 1, i64::wrapping_mul),
                        false => cumulated(values, lines, order, 0, i64::wrapping_add),
                    };
                    let sums = sums.into_iter().map(i128::from);
                    let result = Integers::wrapped(shape, element, sums)?;
                    return Ok(call.integer_result(result));
                }
                let sums = match product {
                    true => cumulated(&x.wide(), lines, order, 1.0, |a, b| a * b),
                    false => cumulated(&x.wide(), lines, order, 0.0, |a, b| a + b),
                };
                vec![call.reals(0, shape, sums)?]
            }
            Rule::Reverse { batch } => {
                let batch = crate::graph::axes::axis(*batch, rank)?;
                vec![reversed(x, call, axis()?, batch)?]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::onnx::model::ElementType;

    fn x(operator: &str) -> Case {
        Case::new(operator).reals(&[2, 3], &[1.0, 3.0, 3.0, 2.0, 0.0, -1.0])
    }

    #[test]
    fn first_of_equals_wins() {
        let y = x("TopK").outputs(2).list(&[2]).run().unwrap();
        assert_eq!(y[0].wide().to_vec(), [3.0, 3.0, 2.0, 0.0]);
        assert_eq!(y[1].wide().to_vec(), [1.0, 2.0, 0.0, 1.0]);
        let y = x("TopK").int("largest", 0).int("axis", 0).list(&[1]).run().unwrap();
        assert_eq!(y[0].wide().to_vec(), [1.0, 0.0, -1.0]);
        assert!(x("TopK").list(&[4]).run().is_err());
        assert_eq!(x("ArgMax").int("axis", 1).numbers(), [1.0, 0.0]);
        assert_eq!(x("ArgMax").int("axis", 1).int("select_last_index", 1).numbers(), [2.0, 0.0]);
        assert_eq!(x("ArgMin").int("keepdims", 0).run().unwrap()[0].shape(), [3]);
        assert!(Case::new("ArgMax").reals(&[0, 1], &[]).run().is_err());
    }

    #[test]
    fn places_and_levels() {
        let y = x("NonZero").run().unwrap();
        assert_eq!(y[0].shape(), [2, 5]);
        assert_eq!(y[0].wide()[5..], [0.0, 1.0, 2.0, 0.0, 2.0]);
        let hot = |axis: i64| {
            let case = Case::new("OneHot").int("axis", axis).list(&[1, -1, 5]);
            case.list(&[2]).reals(&[2], &[-1.0, 9.0]).run().unwrap().remove(0)
        };
        assert_eq!(hot(-1).wide().to_vec(), [-1.0, 9.0, -1.0, 9.0, -1.0, -1.0]);
        assert_eq!(hot(0).wide().to_vec(), [-1.0, -1.0, -1.0, 9.0, 9.0, -1.0]);
    }

    #[test]
    fn running_sums() {
        let axis = |case: Case| case.integers(&[], ElementType::Int64, &[1]);
        let sums = || axis(Case::new("CumSum").ramp(&[1, 4]));
        assert_eq!(sums().numbers(), [0.0, 1.0, 3.0, 6.0]);
        assert_eq!(sums().int("exclusive", 1).numbers(), [0.0, 0.0, 1.0, 3.0]);
        assert_eq!(sums().int("reverse", 1).numbers(), [6.0, 6.0, 5.0, 3.0]);
        let y = Case::new("ReverseSequence").int("time_axis", 1).int("batch_axis", 0);
        let y = y.ramp(&[2, 3]).list(&[2, 3]);
        assert_eq!(y.numbers(), [1.0, 0.0, 2.0, 5.0, 4.0, 3.0]);
    }
}
