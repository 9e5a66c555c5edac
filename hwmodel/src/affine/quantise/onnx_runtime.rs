//! QuantizeLinear of ONNX Runtime.

use super::{Quantise, WordRange};

/// ONNX Runtime 1.32.0, CPU provider (MLAS): QuantizeLinear, and the words of DynamicQuantizeLinear.
///
/// ```text
/// v    = f32(x / scale)                      a division, never a product with the reciprocal
/// word = clamp(half_even(v) + zero point, lowest, highest)
/// ```
///
/// The zero point is added after the rounding. A NaN becomes the lowest word; ±∞ saturates.
#[derive(Debug)]
pub struct OnnxRuntime;

impl Quantise for OnnxRuntime {
    const NAME: &'static str = "onnx-runtime";

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "inside the words")]
    fn word(x: f32, scale: f32, range: WordRange) -> i32 {
        // In float64 the addition is exact wherever it matters.
        let word = f64::from((x / scale).round_ties_even()) + f64::from(range.zero_point);
        let (low, high) = (f64::from(range.lowest), f64::from(range.highest));
        let word = if word > high { high } else { word };
        // False of NaN.
        let word = if word >= low { word } else { low };
        word as i32
    }
}
