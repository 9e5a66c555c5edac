//! MUL.

use super::add::operands;
use super::operand::{is_int8, words_of_pairs};
use super::{KernelSet, Output, TfliteError};
use crate::SimdLevel;
use crate::affine::AffineTensor;
use crate::affine::requantise::{DoubleRounding, Float32Factor, RealRule, Requantise, Scales};

/// The product, element by element, of two tensors of one shape and type.
///
/// The factor is f32(f32(sa · sb) / sc). `ref` and `opt`, and every set for int16, make it an integer multiplier
/// (double_rounding); `xnn` multiplies by it in float32 for int8.
///
/// # Errors
/// If the tensors do not have one type, shape and a scale each, a zero point of int16 is not 0, or the factor is not finite, 0,
/// or 2^30 and more.
pub fn multiply(
    simd: SimdLevel,
    kernels: KernelSet,
    a: &AffineTensor,
    b: &AffineTensor,
    output: &Output,
) -> Result<AffineTensor, TfliteError> {
    let (left, right) = operands("MUL", a, b, output)?;
    let range = output.range()?;
    let factor =
        Scales { input: left.scale, weight: right.scale, output: output.scale }.float32()?;
    let (both, format) = ([&left, &right], output.format);
    let data = if kernels == KernelSet::Xnnpack && is_int8(format) {
        words_of_pairs(
            simd,
            both,
            format,
            #[inline(always)]
            |a, b| Float32Factor::word(product(a, b), factor, range),
        )
    } else {
        let factor = DoubleRounding::of_real(factor.into())?;
        words_of_pairs(
            simd,
            both,
            format,
            #[inline(always)]
            |a, b| DoubleRounding::word(product(a, b), factor, range),
        )
    };
    output.tensor(a.shape(), data)
}

#[inline(always)]
fn product(a: i32, b: i32) -> i64 {
    i64::from(a) * i64::from(b)
}
