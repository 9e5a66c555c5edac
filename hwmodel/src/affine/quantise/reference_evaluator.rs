//! QuantizeLinear of the reference evaluator of the onnx package.

use super::{Quantise, WordRange};

/// onnx 1.23.2, `reference/ops/op_quantize_linear.py`, with numpy on x86.
///
/// ```text
/// v    = f32(x / scale)
/// i    = int32(half_even(v))                 -2^31 for NaN, ±∞ and everything that int32 does not hold
/// word = clamp(wrap32(i + zero point), lowest, highest)
/// ```
///
/// +∞ therefore becomes the lowest word, or the highest one where a negative zero point makes the sum wrap.
#[derive(Debug)]
pub struct ReferenceEvaluator;

impl Quantise for ReferenceEvaluator {
    const NAME: &'static str = "onnx-reference";

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "inside the words")]
    fn word(x: f32, scale: f32, range: WordRange) -> i32 {
        const BEYOND: f32 = 2_147_483_648.0;
        let v = (x / scale).round_ties_even();
        let i = if (-BEYOND..BEYOND).contains(&v) { v as i32 } else { i32::MIN };
        i.wrapping_add(range.zero_point).clamp(range.lowest, range.highest)
    }
}
