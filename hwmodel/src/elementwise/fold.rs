//! A channel's affine map as integers: the only float arithmetic in this module, once per channel before anything runs.

use super::channel_scale::{ChannelScale, ChannelScaleError};
use crate::cast::toward_zero;

/// Bits of the multiplier's fraction.
const FRACTION: i32 = 31;

/// Error of an affine map that a multiplier and a right shift cannot represent.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum FoldError {
    /// A number is infinite or not a number.
    #[error("a factor of {factor} and an offset of {offset}: both must be finite")]
    NotFinite {
        /// The factor.
        factor: f64,
        /// The offset.
        offset: f64,
    },
    /// The shift would be to the left.
    #[error("a factor of {0:.3e}: a multiplier and a right shift give less than 2^31")]
    Factor(f64),
    /// The parts of the scale.
    #[error(transparent)]
    Scale(#[from] ChannelScaleError),
}

/// The map raw = factor · acc + offset, both in steps of the result, as multiplier, shift and offset.
///
/// factor = m · 2^e with ½ ≤ |m| < 1 gives M = round(m · 2^31) and s = 31 - e; if M rounds to ±2^31 it is
/// halved and s is one less. b = round(offset · 2^s). Where s would exceed
/// [`ChannelScale::LONGEST_SHIFT`] M keeps fewer bits; an M of 0 has s = 31. Roundings are to nearest,
/// ties to even. So |M · 2^-s - factor| ≤ 2^-(s+1), and 2^-32 of the factor where M is normalised.
///
/// ```
/// use hwmodel::elementwise::fold;
/// let scale = fold(-0.25, 3.0)?;
/// assert_eq!((scale.multiplier(), scale.shift(), scale.offset()), (-(1 << 30), 32, 3 << 32));
/// # Ok::<(), hwmodel::elementwise::FoldError>(())
/// ```
///
/// # Errors
/// If the factor is 2^31 or more (s would be negative) or a number is not finite.
pub fn fold(factor: f64, offset: f64) -> Result<ChannelScale, FoldError> {
    if !factor.is_finite() || !offset.is_finite() {
        return Err(FoldError::NotFinite { factor, offset });
    }
    let (mantissa, exponent) = libm::frexp(factor);
    let mut shift = FRACTION - exponent;
    let longest = ChannelScale::LONGEST_SHIFT as i32;
    let dropped = (shift - longest).max(0);
    shift -= dropped;
    let mut multiplier = (mantissa * power_of_two(FRACTION - dropped)).round_ties_even();
    #[expect(clippy::float_cmp, reason = "both are integers")]
    let carried = multiplier.abs() == power_of_two(FRACTION);
    if carried {
        multiplier /= 2.0;
        shift -= 1;
    }
    if multiplier == 0.0 {
        shift = FRACTION;
    }
    let shift = u32::try_from(shift).map_err(|_| FoldError::Factor(factor))?;
    // At most 53 bits are not zero; beyond i128 the cast saturates.
    let scaled = toward_zero::<i128>((offset * power_of_two(shift as i32)).round_ties_even());
    let largest = ChannelScale::LARGEST_OFFSET;
    Ok(ChannelScale::new(toward_zero::<i32>(multiplier), shift, scaled.clamp(-largest, largest))?)
}

/// 2^exponent, exact; 0 below the normal numbers.
fn power_of_two(exponent: i32) -> f64 {
    debug_assert!(exponent <= 1023);
    if exponent < -1022 {
        0.0
    } else {
        f64::from_bits((1023 + i64::from(exponent)).cast_unsigned() << 52)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(factor: f64, offset: f64) -> (i32, u32, i128) {
        let scale = fold(factor, offset).unwrap();
        (scale.multiplier(), scale.shift(), scale.offset())
    }

    #[test]
    fn powers_of_two_are_exact() {
        assert_eq!(parts(1.0, 0.0), (1 << 30, 30, 0));
        assert_eq!(parts(-0.25, 3.0), (-(1 << 30), 32, 3 << 32));
        assert_eq!(parts(power_of_two(30), -1.0), (1 << 30, 0, -1));
        assert_eq!(parts(0.0, 2.5), (0, 31, 5 << 30));
    }

    #[test]
    fn a_mantissa_that_rounds_to_one_is_halved() {
        let nearly = 1.0 - power_of_two(-40);
        assert_eq!(parts(nearly, 0.0), (1 << 30, 30, 0));
        assert_eq!(parts(-nearly, 0.0), (-(1 << 30), 30, 0));
    }

    #[test]
    fn small_factors_keep_fewer_bits() {
        assert_eq!(parts(power_of_two(-61), 0.0), (1 << 30, 91, 0));
        assert_eq!(parts(0.75 * power_of_two(-70), 0.0), (3 << 19, 91, 0));
        assert_eq!(parts(power_of_two(-200), 1.0), (0, 31, 1 << 31));
        assert_eq!(parts(f64::MIN_POSITIVE / 8.0, 1.0), (0, 31, 1 << 31));
    }

    #[test]
    fn what_has_no_right_shift_is_refused() {
        assert_eq!(fold(power_of_two(31), 0.0), Err(FoldError::Factor(power_of_two(31))));
        assert_eq!(fold(-power_of_two(40), 0.0), Err(FoldError::Factor(-power_of_two(40))));
        assert!(matches!(fold(f64::NAN, 0.0), Err(FoldError::NotFinite { .. })));
        assert!(matches!(fold(1.0, f64::INFINITY), Err(FoldError::NotFinite { .. })));
        // An offset beyond every word saturates.
        assert_eq!(parts(power_of_two(-50), 1e30).2, 1 << 124);
    }

    proptest! {
        #[test]
        fn multiplier_and_offset_are_the_nearest(
            mantissa in 0.5f64..1.0, exponent in -60i32..=30, negative: bool, offset in -1e6f64..1e6,
        ) {
            let factor = mantissa * power_of_two(exponent) * if negative { -1.0 } else { 1.0 };
            let Ok(scale) = fold(factor, offset) else {
                // Only a mantissa that rounds up to 1 has no shift left.
                prop_assert!(exponent == 31 || mantissa * power_of_two(31) >= power_of_two(31) - 0.5);
                return Ok(());
            };
            let bits = scale.multiplier();
            prop_assert!((1 << 30..1i64 << 31).contains(&i64::from(bits).abs()), "{}", bits);
            let unit = power_of_two(-(scale.shift() as i32));
            prop_assert!((f64::from(bits) * unit - factor).abs() <= unit / 2.0);
            prop_assert!((scale.offset() as f64 * unit - offset).abs() <= unit / 2.0 + offset.abs() * 1e-15);
        }
    }
}
