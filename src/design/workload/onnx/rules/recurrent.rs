//! LSTM, GRU and plain recurrent layers.

use super::super::error::NodeProblem;
use super::super::fact::checked;
use super::super::node::Node;
use super::convolution::too_large;
use super::{Outcome, Output};
use crate::design::workload::{VectorKind, VectorWork, Work};
use hwmodel::product::{MatrixProduct, RightOperand};

/// Operations for a unit and a step besides the products: sums, functions and products of the gates.
const GRU_OPERATIONS: u64 = 11;
const RNN_OPERATIONS: u64 = 2;

/// `x[steps, samples, width]` with weights `w[directions, gates · hidden, width]` and `r[directions, gates · hidden, hidden]`.
///
/// As in a network that hwsim trains, the products with the inputs of all steps are one, and those with the states are one a
/// step, with the same weights: each needs the state before.
pub(super) fn recurrent(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    recurrent_with(node, 1)
}

/// The same with hidden units along axis `units` of the weights, 1 or 2.
pub(super) fn recurrent_with(node: &Node<'_>, units: usize) -> Result<Outcome, NodeProblem> {
    let (x, w, r) = (node.shape(0)?, node.shape(1)?, node.shape(2)?);
    let wrong = || {
        NodeProblem::Shape(format!("input {x:?} and weights {w:?} and {r:?} do not fit each other"))
    };
    let (&[first, second, width], &[directions, _, _], &[_, _, _]) = (x, w, r) else {
        return Err(wrong());
    };
    let batch_first = node.attribute_integer("layout").unwrap_or(0) != 0;
    let (samples, steps) = if batch_first { (first, second) } else { (second, first) };
    let gates: u64 = match node.operator() {
        "GRU" => 3,
        "RNN" => 1,
        _ => 4,
    };
    let hidden = r[3 - units];
    let rows = hidden.checked_mul(gates).ok_or_else(too_large)?;
    let of = |columns| {
        if units == 1 { [directions, rows, columns] } else { [directions, columns, rows] }
    };
    let both = node.attribute_text("direction") == "bidirectional";
    if w != of(width) || r != of(hidden) || directions != if both { 2 } else { 1 } {
        return Err(wrong());
    }
    let product = |factors: &[u64]| {
        factors.iter().try_fold(1u64, |n, &size| n.checked_mul(size)).ok_or_else(too_large)
    };
    let inputs =
        MatrixProduct::linear(product(&[steps, samples])?, product(&[rows, directions])?, width);
    let states = MatrixProduct {
        m: samples,
        n: rows,
        k: hidden,
        batch: product(&[steps, directions])?,
        right: RightOperand::Weight,
        wide_result: false,
    };
    let units = product(&[steps, directions, samples, hidden])?;
    let work = match node.operator() {
        "GRU" => VectorWork {
            kind: VectorKind::ELEMENT_WISE,
            elements: product(&[units, GRU_OPERATIONS])?,
        },
        "RNN" => VectorWork {
            kind: VectorKind::ELEMENT_WISE,
            elements: product(&[units, RNN_OPERATIONS])?,
        },
        _ => VectorWork { kind: VectorKind::LSTM_GATES, elements: units },
    };
    let works = vec![
        ("input", Work::MatrixProduct(inputs)),
        ("recurrent", Work::MatrixProduct(states)),
        ("gates", Work::Vector(work)),
    ];
    let (all, last) = if batch_first {
        (vec![samples, steps, directions, hidden], vec![samples, directions, hidden])
    } else {
        (vec![steps, directions, samples, hidden], vec![directions, samples, hidden])
    };
    let outputs = [checked(all)?, last.clone(), last].map(Output::new).into();
    Ok(Outcome { works, ..Outcome::new(outputs, None) }.with_parameters(&[1, 2, 3]))
}
