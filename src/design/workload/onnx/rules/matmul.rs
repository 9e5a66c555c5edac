//! Matrix products.

use super::super::error::NodeProblem;
use super::super::fact::{Fact, checked};
use super::super::node::Node;
use super::convolution::too_large;
use super::element_wise::broadcast;
use super::{Outcome, Output};
use crate::design::workload::Work;
use hwmodel::product::{MatrixProduct, RightOperand};

/// y[..., m, n] from inputs a[..., m, k] and b[..., k, n], whose first axes are broadcast; `operands` are a and b, and b and a.
///
/// Weights are the right operand: with weights on the left the product is transposed. Matrices of
/// the left operand that share a right operand are rows of one product.
pub(super) fn matmul(
    node: &Node<'_>,
    operands: &'static [[usize; 2]; 2],
) -> Result<Outcome, NodeProblem> {
    let [[a, b], _] = *operands;
    let (left, right) = (node.input(a)?, node.input(b)?);
    let wrong = || {
        let (a, b) = (&left.shape, &right.shape);
        NodeProblem::Shape(format!("shapes {a:?} and {b:?} cannot be multiplied"))
    };
    let (left_batch, m, left_k) = match left.shape.as_slice() {
        [] => return Err(wrong()),
        &[k] => (&[][..], None, k),
        [batch @ .., m, k] => (batch, Some(*m), *k),
    };
    let (right_batch, right_k, n) = match right.shape.as_slice() {
        [] => return Err(wrong()),
        &[k] => (&[][..], k, None),
        [batch @ .., k, n] => (batch, *k, Some(*n)),
    };
    if left_k != right_k {
        return Err(wrong());
    }
    let batch = broadcast(left_batch, right_batch).ok_or_else(wrong)?;
    let mut shape = batch.clone();
    shape.extend(m.iter().chain(n.iter()));
    let size = |sizes: &[u64]| {
        sizes
            .iter()
            .try_fold(1u64, |product, &size| product.checked_mul(size))
            .ok_or_else(too_large)
    };
    let (m, n) = (m.unwrap_or(1), n.unwrap_or(1));
    let transposed = left.constant && !right.constant;
    let own = if transposed { size(left_batch)? } else { size(right_batch)? };
    // Products that share a right operand; an empty batch has none.
    let shared = size(&batch)?.checked_div(own).unwrap_or(0);
    let (rows, columns) = if transposed { (n, m) } else { (m, n) };
    let matrix = MatrixProduct {
        m: rows.checked_mul(shared).ok_or_else(too_large)?,
        n: columns,
        k: left_k,
        batch: own,
        right: operand(left, right),
        wide_result: false,
    };
    let outputs = vec![Output::new(checked(shape)?)];
    Ok(Outcome::new(outputs, Some(Work::MatrixProduct(matrix)))
        .of(chosen(operands, transposed))
        .with_parameters(&[0, 1, 3]))
}

/// The operands in their order, or the other one.
fn chosen(operands: &'static [[usize; 2]; 2], transposed: bool) -> &'static [[usize; 2]] {
    let [plain, turned] = operands;
    std::slice::from_ref(if transposed { turned } else { plain })
}

fn operand(left: &Fact, right: &Fact) -> RightOperand {
    if left.constant || right.constant { RightOperand::Weight } else { RightOperand::Activation }
}

/// y[m, n] = a·b + c, either operand transposed if its attribute says so.
pub(super) fn gemm(
    node: &Node<'_>,
    operands: &'static [[usize; 2]; 2],
    parameters: &'static [usize],
) -> Result<Outcome, NodeProblem> {
    let [[a, b], _] = *operands;
    let (left, right) = (node.input(a)?, node.input(b)?);
    let (&[a0, a1], &[b0, b1]) = (left.shape.as_slice(), right.shape.as_slice()) else {
        let (a, b) = (&left.shape, &right.shape);
        return Err(NodeProblem::Shape(format!("operands {a:?} and {b:?} are not two matrices")));
    };
    let turned = |name: &str| node.attribute_integer(name).unwrap_or(0) != 0;
    let (m, k) = if turned("transA") { (a1, a0) } else { (a0, a1) };
    let (terms, n) = if turned("transB") { (b1, b0) } else { (b0, b1) };
    if k != terms {
        let (a, b) = (&left.shape, &right.shape);
        return Err(NodeProblem::Shape(format!("shapes {a:?} and {b:?} cannot be multiplied")));
    }
    let transposed = left.constant && !right.constant;
    let (rows, columns) = if transposed { (n, m) } else { (m, n) };
    let right = operand(left, right);
    let matrix = MatrixProduct { right, ..MatrixProduct::linear(rows, columns, k) };
    let outputs = vec![Output::new(checked(vec![m, n])?)];
    Ok(Outcome::new(outputs, Some(Work::MatrixProduct(matrix)))
        .of(chosen(operands, transposed))
        .with_parameters(parameters))
}
