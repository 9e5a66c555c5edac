//! QLinearMul (`com.microsoft`).

use super::super::requantise::{ExactFactor, Requantise, Scales};
use super::super::{AffineError, AffineTensor};
use super::Output;
use super::output::{check_short, single};
use crate::SimdLevel;

/// How two words become the word of their product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MulRule {
    /// ONNX Runtime 1.32.0: the zero point is added in float32 before the rounding.
    ///
    /// ```text
    /// m    = f32(f32(sa · sb) / sc)
    /// word = clamp(half_even(f32(f32(f32((a - za)(b - zb)) · m) + zc)), lowest, highest)
    /// ```
    OnnxRuntime,
    /// [`ExactFactor`] of (a - za)(b - zb).
    Exact,
}

/// a · b, element by element, of two tensors of the same shape, each with one scale and zero point.
///
/// # Errors
/// If the shapes differ, a tensor has more than one scale or words of more than 16 bits, or the factor is not a float32 above 0.
#[expect(clippy::cast_possible_truncation, reason = "inside the words")]
pub fn qlinear_mul(
    simd: SimdLevel,
    rule: MulRule,
    [a, b]: [&AffineTensor; 2],
    output: &Output,
) -> Result<AffineTensor, AffineError> {
    check_short(&[a, b])?;
    let ((input, za), (weight, zb)) = (single(a)?, single(b)?);
    let scales = Scales { input, weight, output: output.scale() };
    let range = output.range();
    match rule {
        MulRule::OnnxRuntime => {
            let factor = scales.float32()?;
            let (low, high) = (range.lowest as f32, range.highest as f32);
            let zero_point = range.zero_point as f32;
            output.of_pairs(
                simd,
                [a, b],
                #[inline(always)]
                |a, b| {
                    // 17 bits each.
                    let product = i64::from(a - za) * i64::from(b - zb);
                    let word = (product as f32 * factor + zero_point).round_ties_even();
                    let word = if word > high { high } else { word };
                    (if word < low { low } else { word }) as i32
                },
            )
        }
        MulRule::Exact => {
            let factor = ExactFactor::factor(scales)?;
            output.of_pairs(simd, [a, b], |a, b| {
                ExactFactor::word(i64::from(a - za) * i64::from(b - zb), factor, range)
            })
        }
    }
}
