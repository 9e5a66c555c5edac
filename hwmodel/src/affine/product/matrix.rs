//! Matrix products of affine words.

use super::operand::sums_of_runs;
use super::{Adder, IntegerSums, RowSums, Words};
use crate::affine::AffineError;
use crate::array::{MacArray, ShapeError};
use crate::cast::low;
use crate::{FixedTensor, with_raw};

/// Σ_k `(a[m, k] - za)·(b[k, n] - zb[n])` of a `[m, k]` and b `[k, n]`, modulo 2^32: ONNX's MatMulInteger, and the sums of
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
/// If the shapes do not fit, a has more than one zero point, b neither one nor one a column, or the array's accumulator has its
/// own fractional length.
pub fn matmul(
    array: &MacArray,
    adder: Adder,
    a: Words<'_>,
    b: Words<'_>,
) -> Result<IntegerSums, AffineError> {
    product(array, adder, [a, b], Order::ByTerm)
}

/// [`matmul`] of x `[m, k]` and the transpose of w `[n, k]`, as in a linear layer; a zero point of w is one for all or one for
/// each of its rows.
///
/// # Errors
/// As [`matmul`].
pub fn linear(
    array: &MacArray,
    adder: Adder,
    x: Words<'_>,
    w: Words<'_>,
) -> Result<IntegerSums, AffineError> {
    product(array, adder, [x, w], Order::ByColumn)
}

/// Memory layout of the right operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// `[k, n]`.
    ByTerm,
    /// `[n, k]`.
    ByColumn,
}

fn product(
    array: &MacArray,
    adder: Adder,
    [a, b]: [Words<'_>; 2],
    order: Order,
) -> Result<IntegerSums, AffineError> {
    let inner =
        || ShapeError::Inner { left: a.words.shape().to_vec(), right: b.words.shape().to_vec() };
    let (&[rows, terms], &[first, second]) = (a.words.shape(), b.words.shape()) else {
        return Err(inner().into());
    };
    let (of_b, columns) = match order {
        Order::ByTerm => (first, second),
        Order::ByColumn => (second, first),
    };
    if terms != of_b {
        return Err(inner().into());
    }
    a.single()?;
    b.check_columns(columns)?;
    let (a, b) = (adder.operand(a)?, adder.operand(b)?);
    let array = adder.on(array);
    let product = match order {
        Order::ByTerm => array.matmul(&a.words, &b.words)?,
        Order::ByColumn => array.linear(&a.words, &b.words)?,
    };
    let mut sums = IntegerSums::of_array(product)?;
    let needs_rows = b.zero_points.iter().any(|&zero_point| zero_point != 0);
    let of_rows =
        needs_rows.then(|| RowSums { groups: 1, sums: sums_of_runs(&a.words, rows, terms) });
    let of_columns = match order {
        Order::ByTerm => sums_of_columns(&b.words, columns),
        Order::ByColumn => sums_of_runs(&b.words, columns, terms),
    };
    sums.correct(a.zero_points[0], &b.zero_points, terms, of_rows.as_ref(), &of_columns);
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
