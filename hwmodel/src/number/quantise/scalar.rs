//! The scalar definition of float → fixed, in exact integers.

use super::NotANumber;
use crate::cast::exact;
use crate::number::format::Format;
use crate::number::rounding::Rounding;

/// A result that every word saturates.
const BEYOND: i128 = 1 << 100;

/// Quantises one number: raw = saturate(round(x · 2^FL)), the definition of
/// [`quantise`](super::quantise()) for a given random number.
///
/// `r24` is read by [`Rounding::Stochastic`] only, whose result is ⌊x·2^FL + r⌋ with r the low 24
/// bits of `r24` divided by 2^24.
///
/// ```
/// use hwmodel::number::quantise::quantise_with;
/// use hwmodel::{Format, Rounding};
/// let format = Format::new(8, 2)?;
/// assert_eq!(quantise_with(0.625, format, Rounding::NearestEven, 0)?, 2);
/// assert_eq!(quantise_with(0.625, format, Rounding::Stochastic, (1 << 23) - 1)?, 2);
/// assert_eq!(quantise_with(0.625, format, Rounding::Stochastic, 1 << 23)?, 3);
/// assert_eq!(quantise_with(f32::NEG_INFINITY, format, Rounding::Floor, 0)?, -128);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `x` is NaN.
pub fn quantise_with(
    x: f32,
    format: Format,
    rounding: Rounding,
    r24: u32,
) -> Result<i32, NotANumber> {
    if x.is_nan() {
        return Err(NotANumber { index: 0 });
    }
    let rounded = if x.is_infinite() {
        if x > 0.0 { BEYOND } else { -BEYOND }
    } else {
        round(x, format.fl(), rounding, r24 & 0x00ff_ffff)
    };
    Ok(exact::<i32>(rounded.clamp(format.min_raw().into(), format.max_raw().into())))
}

/// round(x · 2^`fl`) of a finite `x`, exactly, with r the 24 bits `r24`; what no word can hold is ±2^100.
pub(crate) fn round(x: f32, fl: i32, rounding: Rounding, r24: u32) -> i128 {
    // x = mantissa · 2^exponent with a mantissa of at most 24 bits.
    let bits = x.to_bits();
    let field = (bits >> 23 & 0xff) as i32;
    let magnitude = i128::from(bits & 0x007f_ffff | if field > 0 { 0x0080_0000 } else { 0 });
    let mantissa = if x.is_sign_negative() { -magnitude } else { magnitude };
    let exponent = field.max(1) - 150 + fl;
    if exponent > 60 {
        return mantissa.signum() * BEYOND;
    }
    if exponent >= 0 {
        return mantissa << exponent;
    }
    // Beyond 2^-100 only the sign of what is dropped matters.
    let shift = exponent.unsigned_abs();
    if rounding == Rounding::Stochastic {
        // In units of 2^-24, of which r is a whole number, so that the floor of the value suffices.
        let fine = mantissa << 24;
        return ((fine >> shift.min(126)) + i128::from(r24)) >> 24;
    }
    match shift {
        ..=100 => rounding.shift_right(mantissa, shift, 0),
        _ => rounding.shift_right(mantissa.signum(), 100, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_values() {
        let format = Format::new(4, 1).unwrap();
        let q = |x, rounding, r24| quantise_with(x, format, rounding, r24).unwrap();
        use Rounding::*;
        // 1.25 is 2.5 halves.
        let modes = [NearestEven, NearestAway, HalfUp, Floor, TowardZero];
        assert_eq!(modes.map(|mode| q(1.25, mode, 0)), [2, 3, 3, 2, 2]);
        assert_eq!(modes.map(|mode| q(-1.25, mode, 0)), [-2, -3, -2, -3, -2]);
        assert_eq!(modes.map(|mode| q(100.0, mode, 0)), [7; 5]);
        assert_eq!(modes.map(|mode| q(-f32::MIN_POSITIVE, mode, 0)), [0, 0, 0, -1, 0]);
        // A value below 2^-24 is lifted by no r below 1, and one below 0 by every r above 0.
        assert_eq!([0, 1, (1 << 24) - 1].map(|r| q(1e-30, Stochastic, r)), [0, 0, 0]);
        assert_eq!([0, 1, (1 << 24) - 1].map(|r| q(-1e-30, Stochastic, r)), [-1, 0, 0]);
        assert_eq!(quantise_with(f32::NAN, format, Floor, 0), Err(NotANumber { index: 0 }));
    }

    #[test]
    fn extreme_formats() {
        let wide = Format::new(32, -64).unwrap();
        assert_eq!(quantise_with(f32::MAX, wide, Rounding::Floor, 0), Ok(i32::MAX));
        assert_eq!(quantise_with(2f32.powi(64) * 5.0, wide, Rounding::Floor, 0), Ok(5));
        let fine = Format::new(32, 64).unwrap();
        assert_eq!(quantise_with(2f32.powi(-64), fine, Rounding::Floor, 0), Ok(1));
        assert_eq!(quantise_with(f32::from_bits(1), fine, Rounding::NearestAway, 0), Ok(0));
    }
}
