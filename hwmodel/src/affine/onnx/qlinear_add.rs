//! QLinearAdd (`com.microsoft`).

use super::super::rational::{Float, Rational};
use super::super::{AffineError, AffineTensor};
use super::Output;
use super::output::{check_short, single};
use crate::cast::exact;
use crate::{Rounding, SimdLevel};

/// How two words become the word of their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddRule {
    /// ONNX Runtime 1.32.0 on x86 with AVX2 or better: all zero points in one float32 number, one fused multiply-add for each
    /// operand, b first.
    ///
    /// ```text
    /// ra, rb = f32(sa / sc), f32(sb / sc)
    /// c      = f32(zc - f32(f32(ra · za) + f32(rb · zb)))
    /// word   = clamp(half_even(fma(a, ra, fma(b, rb, c))), lowest, highest)
    /// ```
    ///
    /// The zero point is inside the rounding: ties of an odd zc differ from the definition.
    OnnxRuntime,
    /// clamp(half_even(((a - za)·sa + (b - zb)·sb) / sc) + zc, lowest, highest) with real numbers.
    Exact,
}

/// a + b of two tensors of the same shape, each with one scale and zero point.
///
/// ```
/// use hwmodel::affine::onnx::{AddRule, Output, qlinear_add};
/// use hwmodel::affine::{AffineTensor, Quantisation};
/// use hwmodel::{FixedTensor, Format, SimdLevel};
/// let bytes = Format::new(8, 0)?;
/// let tensor = |raw: &[i32]| -> Result<_, Box<dyn std::error::Error>> {
///     let words = FixedTensor::from_raw(&[raw.len()], bytes, raw)?;
///     Ok(AffineTensor::new(words, Quantisation::per_tensor(0.25, 0)?)?)
/// };
/// let (a, b) = (tensor(&[1, 3, 100])?, tensor(&[0, 0, 100])?);
/// let output = Output::new(0.5, 1, bytes)?;
/// let sum = |rule| qlinear_add(SimdLevel::best(), rule, [&a, &b], &output).unwrap().words().data().to_i32();
/// // 0.5 and 1.5 steps: to even after or before the zero point is added.
/// assert_eq!(sum(AddRule::OnnxRuntime), [2, 2, 101]);
/// assert_eq!(sum(AddRule::Exact), [1, 3, 101]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the shapes differ, a tensor has more than one scale or words of more than 16 bits, or a scale divided by the output's is
/// not a float32 above 0.
#[expect(clippy::cast_possible_truncation, reason = "inside the words")]
pub fn qlinear_add(
    simd: SimdLevel,
    rule: AddRule,
    [a, b]: [&AffineTensor; 2],
    output: &Output,
) -> Result<AffineTensor, AffineError> {
    check_short(&[a, b])?;
    let ((sa, za), (sb, zb)) = (single(a)?, single(b)?);
    let range = output.range();
    match rule {
        AddRule::OnnxRuntime => {
            let (ra, rb) = (sa / output.scale(), sb / output.scale());
            super::super::requantise::check_scales(&[ra, rb])?;
            let (low, high) = (range.lowest as f32, range.highest as f32);
            let c = range.zero_point as f32 - (ra * za as f32 + rb * zb as f32);
            output.of_pairs(
                simd,
                [a, b],
                #[inline(always)]
                |a, b| {
                    let sum = (a as f32).mul_add(ra, (b as f32).mul_add(rb, c)).round_ties_even();
                    let sum = if sum > high { high } else { sum };
                    (if sum < low { low } else { sum }) as i32
                },
            )
        }
        AddRule::Exact => {
            let scales = [sa, sb, output.scale()].map(Float::new);
            output.of_pairs(simd, [a, b], |a, b| {
                let sum = Rational::sum_of_products([a - za, b - zb], scales);
                range.limit(
                    exact::<i64>(sum.round(Rounding::NearestEven)) + i64::from(range.zero_point),
                )
            })
        }
    }
}
