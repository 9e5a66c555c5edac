//! QLinearMatMul.

use super::super::product::{Adder, Words, matmul};
use super::super::requantise::RequantiseRule;
use super::super::{AffineError, AffineTensor};
use super::Output;
use super::output::single;
use crate::array::{MacArray, MacReport};

/// The product of a `[m, k]` and b `[k, n]`, whose scales and zero points are those of the tensor or of its columns.
///
/// The sums are those of [`matmul`](super::super::product::matmul()) in int32; a rule makes them words, with the factor
/// f32(f32(a · b) / output) of ONNX Runtime or another.
///
/// # Errors
/// If shapes, scales or zero points do not fit.
pub fn qlinear_mat_mul(
    array: &MacArray,
    adder: Adder,
    rule: RequantiseRule,
    [a, b]: [&AffineTensor; 2],
    output: &Output,
) -> Result<(AffineTensor, MacReport), AffineError> {
    let (input, _) = single(a)?;
    let sums = matmul(array, adder, Words::of(a, 0)?, Words::of(b, 1)?)?;
    let scales = output.scales_of_sums(input, b);
    let data = sums.requantised(array.simd, rule, &scales, output.range(), output.format())?;
    let shape = [sums.rows(), sums.columns()];
    Ok((output.tensor(&shape, data)?, sums.report()))
}
