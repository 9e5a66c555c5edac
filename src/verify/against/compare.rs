//! The comparison, tensor by tensor.

use super::ours::{Found, Ours};
use super::{Dump, INTEGERS, SUMS};
use crate::tensor::{Elements, Tensor};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// What a comparison found of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every element is equal, or within the tolerance.
    Equal,
    /// Some differ.
    Differs,
    /// The shapes do not fit.
    Shape,
    /// Integers are stored, but hwsim has reals there.
    Reals,
}

/// A compared tensor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name in the dump.
    pub tensor: String,
    /// The node that makes it.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// What was found.
    pub verdict: Verdict,
    /// Compared elements.
    pub elements: usize,
    /// Those that differ.
    pub differing: usize,
    /// The largest difference.
    pub largest: f64,
    /// The same in steps: of the scale for reals, of 1 for integers; `None` for reals without one scale.
    pub largest_steps: Option<f64>,
    /// Place of the first element that differs.
    pub first: Option<Vec<usize>>,
    /// What the dump has there.
    pub theirs: Option<f64>,
    /// What hwsim has there.
    pub ours: Option<f64>,
    /// Shape in the dump.
    pub their_shape: Vec<usize>,
    /// Shape here.
    pub our_shape: Vec<usize>,
}

/// All compared tensors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// In the order of execution.
    pub rows: Vec<Row>,
    /// Names in the dump that no node makes from the inputs: constants, inputs, or names of another network.
    pub unknown: Vec<String>,
}

impl Comparison {
    /// The first tensor in the order of execution that is not equal.
    pub fn first(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.verdict != Verdict::Equal)
    }

    /// Whether all are equal.
    pub fn is_equal(&self) -> bool {
        self.first().is_none()
    }
}

/// Compares `dump` with `ours`; reals are equal if they differ by no more than `tolerance` of the largest finite number of the
/// tensor in the dump.
pub fn compare(dump: &Dump, ours: Ours, tolerance: f64) -> Comparison {
    let Found { tensors, origins, reals } = ours.finish();
    let theirs: HashMap<&str, &Tensor> =
        dump.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut rows = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for (name, tensor) in &tensors {
        let (Some(stored), Some(origin)) = (theirs.get(name.as_str()), origins.get(name)) else {
            continue;
        };
        known.insert(name);
        let is_integer = name.ends_with(INTEGERS) || name.ends_with(SUMS);
        let mut row = row(name, stored, tensor, tolerance, is_integer);
        (row.node, row.operator) = (origin.node.clone(), origin.operator.clone());
        if row.largest_steps.is_none() {
            row.largest_steps = origin.step.map(|step| row.largest / step);
        }
        rows.push(row);
    }
    for (name, tensor) in dump.iter().filter(|(name, _)| reals.contains(name)) {
        known.insert(name);
        let mut row = empty(name, tensor.shape(), &[]);
        row.verdict = Verdict::Reals;
        if let Some(origin) = origins.get(name) {
            (row.node, row.operator) = (origin.node.clone(), origin.operator.clone());
        }
        rows.push(row);
    }
    let unknown = dump.iter().map(|(name, _)| name).filter(|name| !known.contains(name.as_str()));
    Comparison { unknown: unknown.cloned().collect(), rows }
}

fn empty(name: &str, theirs: &[usize], ours: &[usize]) -> Row {
    Row {
        tensor: name.to_owned(),
        node: String::new(),
        operator: String::new(),
        verdict: Verdict::Equal,
        elements: 0,
        differing: 0,
        largest: 0.0,
        largest_steps: None,
        first: None,
        theirs: None,
        ours: None,
        their_shape: theirs.to_vec(),
        our_shape: ours.to_vec(),
    }
}

/// How many elements of ours the dump has: all, or those of the first rows; `None` if the shapes do not fit.
fn shared(theirs: &[usize], ours: &[usize]) -> Option<usize> {
    let count: usize = theirs.iter().product();
    if theirs == ours {
        return Some(count);
    }
    let rows = theirs.first()? < ours.first()? && theirs[1..] == ours[1..];
    rows.then_some(count)
}

pub(super) fn row(
    name: &str,
    stored: &Tensor,
    tensor: &Tensor,
    tolerance: f64,
    is_integer: bool,
) -> Row {
    let mut row = empty(name, stored.shape(), tensor.shape());
    let Some(count) = shared(stored.shape(), tensor.shape()) else {
        row.verdict = Verdict::Shape;
        return row;
    };
    row.elements = count;
    let both_integers = matches!(
        (stored.elements(), tensor.elements()),
        (Elements::Integers(_), Elements::Integers(_))
    );
    let exact = is_integer || both_integers;
    let (theirs, ours) = (stored.wide(), tensor.wide());
    let largest = theirs.iter().filter(|x| x.is_finite()).fold(0.0f64, |most, x| most.max(x.abs()));
    let allowed = if exact { 0.0 } else { tolerance * largest };
    for (place, (&a, &b)) in theirs.iter().zip(ours.iter()).enumerate() {
        // Equal infinities, and what is not a number in both.
        let equal = a.total_cmp(&b).is_eq() || (a.is_nan() && b.is_nan());
        let difference = (a - b).abs();
        if equal || difference <= allowed {
            continue;
        }
        row.differing += 1;
        row.largest = if difference.is_nan() { f64::INFINITY } else { row.largest.max(difference) };
        if row.first.is_none() {
            row.first = Some(index(place, stored.shape()));
            (row.theirs, row.ours) = (Some(a), Some(b));
        }
    }
    if row.differing > 0 {
        row.verdict = Verdict::Differs;
    }
    if exact {
        row.largest_steps = Some(row.largest);
    }
    row
}

/// The index along each axis of element `place` of a row-major tensor.
fn index(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut found = vec![0; shape.len()];
    for (axis, &size) in shape.iter().enumerate().rev() {
        found[axis] = place % size.max(1);
        place /= size.max(1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ElementType;

    fn reals(shape: &[usize], values: &[f64]) -> Tensor {
        let values = Elements::Float64(values.to_vec().into());
        Tensor::new(shape.to_vec(), ElementType::Float64, values).unwrap()
    }

    #[test]
    fn reals_have_a_tolerance_and_integers_none() {
        let found = row(
            "x",
            &reals(&[1, 3], &[100.0, 1.0, 2.0]),
            &reals(&[1, 3], &[100.0, 1.005, 2.5]),
            1e-4,
            false,
        );
        assert_eq!((found.verdict, found.differing, found.elements), (Verdict::Differs, 1, 3));
        assert_eq!(
            (found.first, found.theirs, found.ours),
            (Some(vec![0, 2]), Some(2.0), Some(2.5))
        );
        let found =
            row("x!int", &reals(&[2], &[1.0, 2.0]), &reals(&[2], &[1.0, 2.001]), 1e-4, true);
        assert_eq!(found.differing, 1);
        let nan = reals(&[2], &[f64::NAN, f64::INFINITY]);
        assert_eq!(row("x", &nan, &nan, 0.0, false).verdict, Verdict::Equal);
        assert_eq!(row("x", &nan, &reals(&[2], &[0.0, 0.0]), 1.0, false).differing, 2);
    }

    #[test]
    fn a_dump_may_have_the_first_rows_only() {
        let ours = reals(&[3, 1], &[1.0, 2.0, 3.0]);
        let found = row("x", &reals(&[2, 1], &[1.0, 2.0]), &ours, 0.0, false);
        assert_eq!((found.verdict, found.elements), (Verdict::Equal, 2));
        assert_eq!(
            row("x", &reals(&[3], &[1.0, 2.0, 3.0]), &ours, 0.0, false).verdict,
            Verdict::Shape
        );
        assert_eq!(index(5, &[2, 3]), [1, 2]);
    }
}
