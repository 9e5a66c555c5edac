//! Matrix products of affine words.

use super::operand::sums_of_runs;
use super::{Adder, IntegerSums, RowSums, Words, pairs};
use crate::affine::AffineError;
use crate::array::{MacArray, ShapeError};
use crate::cast::low;
use crate::{FixedTensor, with_raw};
use std::borrow::Cow;

/// Σ_k (a[m, k] - za)·(b[k, n] - zb[n]) of a `[m, k]` and b `[k, n]`, modulo 2^32: ONNX's MatMulInteger, and the sums of
/// QLinearMatMul.
///
/// ```
/// use hwmodel::affine::product::{Adder, Words, matmul};
/// use hwmodel::array::MacArray;
/// use hwmodel::{Accumulator, FixedTensor, Format, SimdLevel};
/// let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
/// let a = FixedTensor::from_raw(&[1, 3], Format::unsigned(8, 0)?, &[210, 198, 234])?;
/// let b = FixedTensor::from_raw(&[3, 1], Format::new(8, 0)?, &[-81, -80, 127])?;
/// let sum = |adder| {
///     let (a, b) = (Words::new(&a, &[0]).unwrap(), Words::new(&b, &[0]).unwrap());
///     matmul(&array, adder, a, b).unwrap().sums()[0]
/// };
/// assert_eq!(sum(Adder::Array), -3132);
/// // -17010 - 15840 leaves 16 bits.
/// assert_eq!(sum(Adder::SaturatedPairs), -3050);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, a has more than one zero point, or b neither one nor one a column.
pub fn matmul(
    array: &MacArray,
    adder: Adder,
    a: Words<'_>,
    b: Words<'_>,
) -> Result<IntegerSums, AffineError> {
    let inner =
        || ShapeError::Inner { left: a.words.shape().to_vec(), right: b.words.shape().to_vec() };
    let (&[_, terms], &[of_b, columns]) = (a.words.shape(), b.words.shape()) else {
        return Err(inner().into());
    };
    if terms != of_b {
        return Err(inner().into());
    }
    a.single()?;
    b.check_columns(columns)?;
    let (mut sums, left, right, a, b) = match adder {
        Adder::Array => {
            let (a, b) = (a.signed()?, b.signed()?);
            let sums = IntegerSums::of_array(array.matmul(&a.words, &b.words)?);
            (sums, a.zero_points[0], b.zero_points, a.words, b.words)
        }
        Adder::SaturatedPairs => {
            let raw = |words: &FixedTensor| -> Vec<i32> {
                with_raw!(words.data(), raw => raw.iter().map(|&raw| low(raw)).collect())
            };
            let by_row = raw(b.words);
            let column = |n: usize| by_row.iter().skip(n).step_by(columns.max(1)).copied();
            let by_column: Vec<i32> = (0..columns).flat_map(column).collect();
            let (sums, report) = pairs::linear(&raw(a.words), &by_column, terms);
            let pixels = [a.words.shape()[0], 1];
            let sums = IntegerSums { sums, columns, pixels, report };
            let (left, right) = (a.zero_points[0], b.zero_points.to_vec());
            (sums, left, right, Cow::Borrowed(a.words), Cow::Borrowed(b.words))
        }
    };
    let needs_rows = right.iter().any(|&zero_point| zero_point != 0);
    let rows = needs_rows.then(|| RowSums { groups: 1, sums: sums_of_runs(&a, terms) });
    sums.correct(left, &right, terms, rows.as_ref(), &sums_of_columns(&b, columns));
    Ok(sums)
}

/// Σ of every column of `[k, columns]`, modulo 2^32.
fn sums_of_columns(b: &FixedTensor, columns: usize) -> Vec<i32> {
    let mut sums = vec![0i32; columns];
    with_raw!(b.data(), raw => {
        for row in raw.chunks_exact(columns.max(1)) {
            sums.iter_mut().zip(row).for_each(|(sum, &raw)| *sum = sum.wrapping_add(low::<i32>(raw)));
        }
    });
    sums
}
