//! A 64-bit accumulator and a multiplier of 15 bits.

use super::RealRule;
use super::multiplier::{Multiplier, shifted};
use crate::affine::AffineError;
use crate::number::rounding::modes::HalfUp;

/// TFLite's CONV_2D of int16 inputs, int8 weights and int64 biases, and CMSIS-NN's `s16` kernels.
///
/// ```text
/// q'     = (q + 2^15) >> 16, or 2^15 - 1 where q ≥ 2^31 - 2^16
/// scaled = half_up(sum · q' / 2^(15 - shift))
/// ```
///
/// q and shift are the [`Multiplier`]'s, with a shift of at most 7 as TFLite demands. Sums have 48 bits: a longer one is limited
/// to them, where its word of 16 bits is at its limit for every factor but 0.
#[derive(Debug)]
pub struct Q15;

/// The multiplier q' and the right shift of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Q15Factor {
    multiplier: i32,
    shift: u32,
}

impl RealRule for Q15 {
    const RULE: &'static str = "q15";
    const ALSO: &'static [&'static str] = &["tflite-int16", "cmsis-nn-s16"];
    type Factor = Q15Factor;

    fn of_real(factor: f64) -> Result<Q15Factor, AffineError> {
        let parts = Multiplier::new(factor)?;
        if parts.shift() > 7 {
            return Err(AffineError::Multiplier { factor, most: "2^7" });
        }
        let multiplier = match parts.multiplier() {
            0x7fff_0000.. => 0x7fff,
            multiplier => (multiplier + (1 << 15)) >> 16,
        };
        Ok(Q15Factor { multiplier, shift: (15 - parts.shift()).cast_unsigned() })
    }

    #[inline(always)]
    fn scaled(sum: i64, factor: Q15Factor) -> i64 {
        const MOST: i64 = 1 << 47;
        let sum = if sum > MOST { MOST } else { sum };
        let sum = if sum < -MOST { -MOST } else { sum };
        shifted::<HalfUp>(sum * i64::from(factor.multiplier), factor.shift)
    }
}
