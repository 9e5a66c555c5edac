//! Two roundings: the doubled high half of a product, then a right shift.

use super::RealRule;
use super::multiplier::{Multiplier, shifted};
use crate::affine::AffineError;
use crate::cast::low;
use crate::number::rounding::modes::{HalfUp, NearestAway};

/// gemmlowp's `SaturatingRoundingDoublingHighMul` and `RoundingDivideByPOT`: TFLite, TFLite Micro, and CMSIS-NN's
/// `arm_nn_requantize`, as they are built by default.
///
/// ```text
/// high   = half_up(wrap32(sum · 2^left) · q / 2^31)
/// scaled = half_away(high / 2^right)
/// ```
///
/// left = max(shift, 0) and right = max(-shift, 0) of the [`Multiplier`]. Accumulators have 32 bits: of a longer sum the low 32
/// are taken.
#[derive(Debug)]
pub struct DoubleRounding;

impl RealRule for DoubleRounding {
    const RULE: &'static str = "double_rounding";
    const ALSO: &'static [&'static str] =
        &["double-rounding", "tflite", "tflm", "gemmlowp", "cmsis-nn"];
    type Factor = Multiplier;

    fn of_real(factor: f64) -> Result<Multiplier, AffineError> {
        Multiplier::new(factor)
    }

    #[inline(always)]
    fn scaled(sum: i64, factor: Multiplier) -> i64 {
        let word = i64::from(low::<i32>(sum << factor.left()));
        let high = shifted::<HalfUp>(word * i64::from(factor.multiplier()), 31);
        shifted::<NearestAway>(high, factor.right())
    }
}
