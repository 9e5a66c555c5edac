//! The scalar definition of float → fixed, in exact integers.

use super::NotANumber;
use crate::cast::exact;
use crate::number::format::Format;
use crate::number::overflow::Overflow;
use crate::number::requantise::shift_exactly;
use crate::number::rounding::Rounding;
use crate::number::word::Word;

/// A result beyond every word, whose low bits are 0.
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
) -> Result<i64, NotANumber> {
    let cast =
        Cast { fl: format.fl(), word: format.word(), rounding, overflow: Overflow::Saturate };
    Ok(exact::<i64>(cast.of_float(x.into(), r24)?.raw))
}

/// A conversion into a word with `fl` fractional bits, defined for one number of any kind: the reference of the quantisers and
/// requantisers. The word has up to 64 bits, and FL has no limit.
///
/// ```
/// use hwmodel::number::quantise::Cast;
/// use hwmodel::{BitWidth, Overflow, Rounding, Word};
/// // ap_ufixed<48, 8, AP_RND, AP_WRAP>
/// let word = Word::unsigned(BitWidth::new(48)?);
/// let cast = Cast { fl: 40, word, rounding: Rounding::HalfUp, overflow: Overflow::Wrap };
/// assert_eq!(cast.of_float(257.5, 0)?.raw, 3 << 39);
/// assert!(cast.of_float(257.5, 0)?.outside);
/// // -1/8 of a step is below 0, but rounds to it.
/// assert!(!cast.of_raw(-1, 43, 0).outside);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cast {
    /// Fractional bits of the result.
    pub fl: i32,
    /// The word of the result.
    pub word: Word,
    /// Rounding mode.
    pub rounding: Rounding,
    /// Overflow mode of a rounded value outside the word.
    pub overflow: Overflow,
}

/// The result of a [`Cast`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// The raw integer.
    pub raw: i128,
    /// Whether the rounded value was outside the word's range.
    pub outside: bool,
}

impl Cast {
    /// A float64, and so any float32, exactly: limit(round(x · 2^FL)). ±∞ is beyond every word and has no bits to keep, so
    /// that a wrap saturates it. `r24` as in [`quantise_with`].
    ///
    /// # Errors
    /// If `x` is NaN.
    pub fn of_float(&self, x: f64, r24: u32) -> Result<Converted, NotANumber> {
        if x.is_nan() {
            return Err(NotANumber { index: 0 });
        }
        if x.is_infinite() {
            let (raw, outside) = self.overflow.apply_infinite(x < 0.0, self.word);
            return Ok(Converted { raw, outside });
        }
        let rounded = round(x, self.fl, self.rounding, r24 & 0x00ff_ffff);
        let floor = || round(x, self.fl, Rounding::Floor, 0);
        Ok(self.fitted(rounded, floor))
    }

    /// The raw integer of a number with `fl` fractional bits, |`raw`| < 2^126: limit(round(raw · 2^(FL - fl))). `random` is
    /// read by stochastic rounding only, as in [`Rounding::shift_right`].
    pub fn of_raw(&self, raw: i128, fl: i32, random: u64) -> Converted {
        let shift = fl.saturating_sub(self.fl);
        let rounded = shift_exactly(self.rounding, raw, shift, random);
        self.fitted(rounded, || shift_exactly(Rounding::Floor, raw, shift, 0))
    }

    fn fitted(&self, rounded: i128, floor: impl FnOnce() -> i128) -> Converted {
        // The only mode that reads it.
        let floor = match self.overflow {
            Overflow::WrapSignMagnitude { bits: 0 } => floor(),
            _ => rounded,
        };
        let (raw, outside) = self.overflow.apply_rounded(rounded, floor, self.word);
        Converted { raw, outside }
    }
}

/// round(x · 2^`fl`) of a finite `x`, exactly, with r the 24 bits `r24`. Beyond 2^123 it keeps its sign and that its low 70
/// bits are 0, which is all that any overflow mode reads.
pub(crate) fn round(x: f64, fl: i32, rounding: Rounding, r24: u32) -> i128 {
    // x = mantissa · 2^exponent with a mantissa of at most 53 bits.
    let bits = x.to_bits();
    let field = (bits >> 52 & 0x7ff) as i32;
    let hidden = if field > 0 { 1 << 52 } else { 0 };
    let magnitude = i128::from(bits & ((1 << 52) - 1) | hidden);
    let mantissa = if x.is_sign_negative() { -magnitude } else { magnitude };
    let exponent = (field.max(1) - 1075).saturating_add(fl);
    if exponent > 70 {
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
        assert_eq!(quantise_with(f32::MAX, wide, Rounding::Floor, 0), Ok(i32::MAX.into()));
        assert_eq!(quantise_with(2f32.powi(64) * 5.0, wide, Rounding::Floor, 0), Ok(5));
        let fine = Format::new(32, 64).unwrap();
        assert_eq!(quantise_with(2f32.powi(-64), fine, Rounding::Floor, 0), Ok(1));
        assert_eq!(quantise_with(f32::from_bits(1), fine, Rounding::NearestAway, 0), Ok(0));
    }
}
