//! The float32 factor of ONNX Runtime.

use super::{Requantise, Scales};
use crate::affine::{AffineError, WordRange};
use crate::cast::toward_zero;

/// ONNX Runtime 1.32.0, CPU provider (MLAS): QLinearConv, QLinearMatMul, QLinearGlobalAveragePool.
///
/// ```text
/// m    = f32(f32(input · weight) / output)
/// v    = f32(f32(sum) · m)
/// word = half_even(clamp(v, lowest - zero point, highest - zero point)) + zero point
/// ```
///
/// f32(·) is the nearest float32, ties to even; above 2^24 the conversion of the sum rounds. The limits are integers, so it does
/// not matter that they act before the rounding: XNNPACK's rule is the same function.
#[derive(Debug)]
pub struct Float32Factor;

impl Float32Factor {
    /// half_even(f32(f32(sum) · factor)): the rule without limits and zero point; beyond 2^63 the limit of the type.
    #[expect(clippy::cast_precision_loss, reason = "the rule rounds")]
    pub fn scaled(sum: i64, factor: f32) -> i64 {
        toward_zero((sum as f32 * factor).round_ties_even().into())
    }
}

impl Requantise for Float32Factor {
    const NAME: &'static str = "onnx-runtime";
    const ALIASES: &'static [&'static str] = &["float32", "xnnpack"];
    type Factor = f32;
    /// So that the limits are float32 numbers; ONNX has words of 8 bits here.
    const WORD_BITS: u32 = 24;

    fn factor(scales: Scales) -> Result<f32, AffineError> {
        scales.float32()
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the rule rounds")]
    fn word(sum: i64, factor: f32, range: WordRange) -> i32 {
        let v = sum as f32 * factor;
        let zero_point = range.zero_point;
        let (low, high) = ((range.lowest - zero_point) as f32, (range.highest - zero_point) as f32);
        let v = if v > high { high } else { v };
        let v = if v < low { low } else { v };
        v.round_ties_even() as i32 + zero_point
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_even_before_the_zero_point_is_added() {
        let words = |zero_point| {
            [-3i64, -1, 1, 3, 5]
                .map(|sum| Float32Factor::word(sum, 0.5, WordRange::int8(zero_point)))
        };
        assert_eq!(words(0), [-2, 0, 0, 2, 2]);
        assert_eq!(words(1), [-1, 1, 1, 3, 3]);
        assert_eq!(words(127), [125, 127, 127, 127, 127]);
        assert_eq!(words(-128), [-128, -128, -128, -126, -126]);
    }

    #[test]
    fn limits_before_and_after_the_rounding_are_the_same() {
        let range = WordRange { zero_point: -3, lowest: -100, highest: 90 };
        for sum in -3000..3000 {
            for factor in [0.5, 0.037, 1.0 / 64.0] {
                let expected = range.limit(Float32Factor::scaled(sum, factor) - 3);
                assert_eq!(Float32Factor::word(sum, factor, range), expected);
            }
        }
    }

    #[test]
    fn sums_above_24_bits_are_rounded_first() {
        // 2^24 + 1 is a tie of float32 and becomes 2^24; the real number is above the tie of the words.
        let sum = (1 << 24) + 1;
        let factor = 0.5f32.powi(25);
        assert_eq!(Float32Factor::word(sum, factor, WordRange::int8(0)), 0);
        assert_eq!(Float32Factor::word(sum + 1, factor, WordRange::int8(0)), 1);
        assert_eq!(Float32Factor::word(i64::from(i32::MIN), 1.0, WordRange::uint8(7)), 0);
        assert_eq!(Float32Factor::word(i64::from(i32::MAX), 1.0, WordRange::uint8(7)), 255);
    }
}
