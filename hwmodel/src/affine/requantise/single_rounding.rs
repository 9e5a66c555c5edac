//! One rounding of a 64-bit product.

use super::RealRule;
use super::multiplier::{Multiplier, shifted};
use crate::affine::AffineError;
use crate::cast::low;
use crate::number::rounding::modes::HalfUp;

/// TFLite built with `TFLITE_SINGLE_ROUNDING`, CMSIS-NN with `CMSIS_NN_USE_SINGLE_ROUNDING`, ruy without AVX2.
///
/// ```text
/// scaled = half_up(sum · q / 2^(31 - shift))
/// ```
///
/// q and shift are [`Multiplier::limited`]'s. Accumulators have 32 bits: of a longer sum the low 32 are taken.
#[derive(Debug)]
pub struct SingleRounding;

impl RealRule for SingleRounding {
    const RULE: &'static str = "single_rounding";
    const ALSO: &'static [&'static str] =
        &["single-rounding", "tflite-single-rounding", "cmsis-nn-single-rounding", "ruy"];
    type Factor = Multiplier;

    fn of_real(factor: f64) -> Result<Multiplier, AffineError> {
        Multiplier::limited(factor)
    }

    #[inline(always)]
    fn scaled(sum: i64, factor: Multiplier) -> i64 {
        let product = i64::from(low::<i32>(sum)) * i64::from(factor.multiplier());
        shifted::<HalfUp>(product, (31 - factor.shift()).cast_unsigned())
    }
}
