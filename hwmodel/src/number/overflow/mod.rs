//! Overflow modes: what happens to a value that its word cannot hold.
//!
//! The definitions are those of ap_fixed and ac_fixed, which share them: formulas of saturation and of
//! wraps, and the texts, are one file each. Quantisers, requantisers and accumulators ask [`Overflow::apply`].

mod bounds;
mod names;
mod saturating;
mod wrapping;

pub use names::OverflowError;

use super::word::Word;

/// The rule for a rounded result v outside the range [min, max] of a word of W bits.
///
/// | mode | result for v outside | ap_fixed |
/// |---|---|---|
/// | wrap | v modulo 2^W | `AP_WRAP` |
/// | saturate | the nearest end of the range | `AP_SAT` |
/// | saturate-symmetric | the nearest end of [-max, max]; v = -2^(W-1), which the word has, moves up one step too | `AP_SAT_SYM` |
/// | saturate-zero | 0 | `AP_SAT_ZERO` |
/// | wrap:N | the low W-N bits of v kept, the N bits above them saturated | `AP_WRAP`, N ≥ 1 |
/// | wrap-sm, wrap-sm:N | as wrap and wrap:N for sign and magnitude: the kept bits are complemented where the sign would change | `AP_WRAP_SM` |
///
/// Unsigned words have no sign to preserve: saturate-symmetric is saturate, wrap-sm is wrap (ap_fixed refuses it, and so does
/// [`Overflow::check`]). One bit has no symmetric range; saturate-symmetric is saturate there. A wrap into a narrow range
/// whose bits are the raw value left out gives the neighbour of it.
///
/// An overflow is a rounded value outside the range, whatever the mode makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overflow {
    /// The low bits are kept: arithmetic modulo 2^W.
    Wrap,
    /// The nearest end of the range is taken.
    #[default]
    Saturate,
    /// The nearest end of the range without its most negative value.
    SaturateSymmetric,
    /// The result is 0.
    SaturateZero,
    /// The low bits are kept and the highest ones saturated.
    WrapSaturated {
        /// Saturated bits N, at least 1 and at most W; more count as W.
        bits: u8,
    },
    /// Sign and magnitude wrap.
    WrapSignMagnitude {
        /// Saturated bits N, at most W; more count as W.
        bits: u8,
    },
}

impl Overflow {
    /// Fits `value`, from which nothing was rounded off, into `word`; the flag says whether it was outside the range. A
    /// [`BitWidth`](crate::BitWidth) is a signed word.
    ///
    /// ```
    /// use hwmodel::{BitWidth, Overflow, Word};
    /// let byte = BitWidth::new(8)?;
    /// assert_eq!(Overflow::Wrap.apply(130, byte), (-126, true));
    /// assert_eq!(Overflow::Saturate.apply(130, byte), (127, true));
    /// assert_eq!(Overflow::Saturate.apply(-128, byte), (-128, false));
    /// assert_eq!(Overflow::Saturate.apply(-1, Word::unsigned(byte)), (0, true));
    /// assert_eq!(Overflow::SaturateSymmetric.apply(-128, byte), (-127, false));
    /// assert_eq!(Overflow::SaturateZero.apply(130, byte), (0, true));
    /// assert_eq!(Overflow::WrapSaturated { bits: 3 }.apply(130, byte), (98, true));
    /// assert_eq!(Overflow::WrapSignMagnitude { bits: 1 }.apply(130, byte), (125, true));
    /// # Ok::<(), hwmodel::BitWidthError>(())
    /// ```
    #[inline]
    pub fn apply(self, value: i128, word: impl Into<Word>) -> (i128, bool) {
        self.apply_rounded(value, value, word)
    }

    /// [`apply`](Self::apply) to a `rounded` value whose `floor`, ⌊v⌋ before rounding, is known. Only
    /// [`Overflow::WrapSignMagnitude`] without saturated bits reads it, and of it the bit of weight 2^W: the sign that
    /// ap_fixed keeps is a bit of the source.
    #[inline]
    pub fn apply_rounded(self, rounded: i128, floor: i128, word: impl Into<Word>) -> (i128, bool) {
        let word = word.into();
        if word.contains(rounded) {
            let symmetric = self == Self::SaturateSymmetric;
            let fitted = if symmetric { saturating::symmetric(rounded, word) } else { rounded };
            return (fitted, false);
        }
        let fitted = match self {
            Self::Saturate => saturating::ends(rounded, word),
            Self::SaturateSymmetric => saturating::symmetric(rounded, word),
            Self::SaturateZero => 0,
            Self::Wrap => word.low_bits(rounded),
            Self::WrapSaturated { bits } => wrapping::saturated(rounded, word, bits.into()),
            Self::WrapSignMagnitude { bits } => {
                wrapping::sign_magnitude(rounded, floor, word, bits.into())
            }
        };
        // Bits that the narrow range leaves out.
        (fitted.clamp(word.min(), word.max()), true)
    }

    /// Fits an infinity: as a value beyond every word. It has no low bits, so that a wrap gives the nearest end.
    pub(crate) fn apply_infinite(self, negative: bool, word: impl Into<Word>) -> (i128, bool) {
        let mode = if self.saturates() { self } else { Self::Saturate };
        mode.apply(if negative { i128::MIN } else { i128::MAX }, word)
    }

    /// Whether values outside the range become one of few values, as a circuit with comparators does; otherwise bits are kept.
    pub const fn saturates(self) -> bool {
        matches!(self, Self::Saturate | Self::SaturateSymmetric | Self::SaturateZero)
    }
}

#[cfg(test)]
mod tests;
