//! The reference evaluator of the onnx package.

use super::{Requantise, Scales};
use crate::affine::{AffineError, WordRange};

/// onnx 1.23.2, `reference/ops/op_qlinear_conv.py` and `op_qlinear_matmul.py`, with numpy 2.
///
/// ```text
/// m    = f32(f32(input · weight) / output)
/// word = half_even(clamp(f64(f64(sum · m) + zero point), lowest, highest))
/// ```
///
/// The product is float64, since numpy makes it of int32 and float32, and the zero point is added before the rounding: with an
/// odd zero point every tie goes the other way.
#[derive(Debug)]
pub struct ReferenceEvaluator;

impl Requantise for ReferenceEvaluator {
    const NAME: &'static str = "onnx-reference";
    type Factor = f32;

    fn factor(scales: Scales) -> Result<f32, AffineError> {
        scales.float32()
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the rule rounds")]
    fn word(sum: i64, factor: f32, range: WordRange) -> i32 {
        let v = sum as f64 * f64::from(factor) + f64::from(range.zero_point);
        let (low, high) = (f64::from(range.lowest), f64::from(range.highest));
        let v = if v > high { high } else { v };
        let v = if v < low { low } else { v };
        v.round_ties_even() as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_even_with_the_zero_point_inside() {
        let words = |zero_point| {
            [-3i64, -1, 1, 3, 5]
                .map(|sum| ReferenceEvaluator::word(sum, 0.5, WordRange::int8(zero_point)))
        };
        assert_eq!(words(0), [-2, 0, 0, 2, 2]);
        assert_eq!(words(1), [0, 0, 2, 2, 4]);
        assert_eq!(words(127), [126, 126, 127, 127, 127]);
    }
}
