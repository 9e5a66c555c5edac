//! ⟨WL, FL⟩: the number format of a tensor.

use crate::BitWidth;
use crate::number::word::Word;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The widest word length in bits that a tensor may have.
pub const MAX_WORD_LENGTH: u32 = 32;
/// The largest magnitude of a fractional length in bits.
pub const MAX_FRACTIONAL_LENGTH: i32 = 64;

/// A fixed-point format ⟨WL, FL⟩: a [`Word`] of WL bits, and FL fractional bits.
///
/// A raw integer `raw` represents the value `raw · 2^-FL`; it is in `[-2^(WL-1), 2^(WL-1) - 1]` of a signed format, in
/// `[0, 2^WL - 1]` of an unsigned one, and the narrow range leaves out the most negative or the largest one. WL is 1 to 32
/// bits; FL is -64 to 64 bits, so it may be negative or exceed WL.
///
/// ```
/// use hwmodel::Format;
/// let format = Format::new(8, 4)?;
/// assert_eq!(format.to_string(), "⟨8, 4⟩");
/// assert_eq!((format.min_raw(), format.max_raw()), (-128, 127));
/// assert_eq!(format.max_value(), 7.9375);
/// let unsigned = Format::unsigned(8, 4)?;
/// assert_eq!(unsigned.to_string(), "u⟨8, 4⟩");
/// assert_eq!((unsigned.min_raw(), unsigned.max_raw()), (0, 255));
/// assert_eq!(format.narrow().min_raw(), -127);
/// # Ok::<(), hwmodel::FormatError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawFormat", into = "RawFormat")]
pub struct Format {
    wl: u8,
    fl: i8,
    signed: bool,
    narrow: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFormat {
    wl: u32,
    fl: i32,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    signed: bool,
    #[serde(default, skip_serializing_if = "is_no")]
    narrow: bool,
}

const fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "called by serde")]
const fn is_yes(value: &bool) -> bool {
    *value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "called by serde")]
const fn is_no(value: &bool) -> bool {
    !*value
}

/// Error of a word length or fractional length out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The word length is not 1 to 32 bits.
    #[error("word length {0} is impossible: use 1 to {MAX_WORD_LENGTH} bits")]
    WordLength(u32),
    /// The fractional length is not -64 to 64 bits.
    #[error(
        "fractional length {0} is impossible: use -{MAX_FRACTIONAL_LENGTH} to {MAX_FRACTIONAL_LENGTH} bits"
    )]
    FractionalLength(i32),
}

/// The narrowest machine integer that holds every raw value of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Container {
    /// WL 1 to 8, unsigned to 7.
    I8,
    /// WL 9 to 16, unsigned 8 to 15.
    I16,
    /// WL 17 to 32, unsigned 16 to 31.
    I32,
    /// Unsigned WL 32.
    I64,
}

impl Format {
    /// Makes the signed format ⟨`wl`, `fl`⟩.
    ///
    /// # Errors
    /// If `wl` is not 1 to 32 bits or `fl` not -64 to 64 bits.
    #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
    pub const fn new(wl: u32, fl: i32) -> Result<Self, FormatError> {
        if wl == 0 || wl > MAX_WORD_LENGTH {
            return Err(FormatError::WordLength(wl));
        }
        if fl < -MAX_FRACTIONAL_LENGTH || fl > MAX_FRACTIONAL_LENGTH {
            return Err(FormatError::FractionalLength(fl));
        }
        Ok(Self { wl: wl as u8, fl: fl as i8, signed: true, narrow: false })
    }

    /// Makes the unsigned format u⟨`wl`, `fl`⟩.
    ///
    /// # Errors
    /// If `wl` is not 1 to 32 bits or `fl` not -64 to 64 bits.
    pub const fn unsigned(wl: u32, fl: i32) -> Result<Self, FormatError> {
        match Self::new(wl, fl) {
            Ok(format) => Ok(Self { signed: false, ..format }),
            Err(error) => Err(error),
        }
    }

    /// The same format without the most negative raw value (signed) or the largest one (unsigned).
    #[must_use]
    pub const fn narrow(self) -> Self {
        Self { narrow: true, ..self }
    }

    /// The same word with `fl` fractional bits.
    ///
    /// # Errors
    /// If `fl` is not -64 to 64 bits.
    pub const fn with_fl(self, fl: i32) -> Result<Self, FormatError> {
        match Self::new(self.wl(), fl) {
            Ok(Self { fl, .. }) => Ok(Self { fl, ..self }),
            Err(error) => Err(error),
        }
    }

    /// Whether there are negative values.
    pub const fn is_signed(self) -> bool {
        self.signed
    }

    /// Whether the range is narrow.
    pub const fn is_narrow(self) -> bool {
        self.narrow
    }

    /// The word of the raw integers.
    pub const fn word(self) -> Word {
        Word { width: self.width(), signed: self.signed, narrow: self.narrow }
    }

    /// Word length in bits.
    pub const fn wl(self) -> u32 {
        self.wl as u32
    }

    /// Bits of a two's complement word that holds every raw integer: WL, and one more if unsigned.
    pub const fn signed_bits(self) -> u32 {
        self.wl() + !self.signed as u32
    }

    /// Word length as a width.
    pub const fn width(self) -> BitWidth {
        match BitWidth::new(self.wl()) {
            Ok(width) => width,
            Err(_) => BitWidth::MOST,
        }
    }

    /// Fractional length in bits.
    pub const fn fl(self) -> i32 {
        self.fl as i32
    }

    /// Smallest raw integer: -2^(WL-1), or 0 if unsigned.
    #[expect(clippy::cast_possible_truncation, reason = "WL ≤ 32")]
    pub const fn min_raw(self) -> i64 {
        self.word().min() as i64
    }

    /// Largest raw integer: 2^(WL-1) - 1, or 2^WL - 1 if unsigned.
    #[expect(clippy::cast_possible_truncation, reason = "WL ≤ 32")]
    pub const fn max_raw(self) -> i64 {
        self.word().max() as i64
    }

    /// The raw integer of the largest magnitude, as a magnitude.
    pub const fn largest_magnitude(self) -> u64 {
        if self.signed { self.min_raw().unsigned_abs() } else { self.max_raw().unsigned_abs() }
    }

    /// The value of one unit in the last place, 2^-FL.
    pub fn step(self) -> f64 {
        exp2(-self.fl())
    }

    /// 2^FL, by which a value is multiplied to get its raw integer.
    pub fn scale(self) -> f64 {
        exp2(self.fl())
    }

    /// The smallest value, -2^(WL-FL-1) of a signed format.
    pub fn min_value(self) -> f64 {
        self.min_raw() as f64 * self.step()
    }

    /// The largest value, 2^(WL-FL-1) - 2^-FL of a signed format.
    pub fn max_value(self) -> f64 {
        self.max_raw() as f64 * self.step()
    }

    /// The narrowest container for raw integers of this format.
    pub const fn container(self) -> Container {
        // The containers are signed.
        match self.signed_bits() {
            0..=8 => Container::I8,
            9..=16 => Container::I16,
            17..=32 => Container::I32,
            _ => Container::I64,
        }
    }
}

impl Container {
    /// Size of one element in bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::I8 => 8,
            Self::I16 => 16,
            Self::I32 => 32,
            Self::I64 => 64,
        }
    }

    /// Size of one element in bytes.
    pub const fn bytes(self) -> usize {
        self.bits() as usize / 8
    }
}

/// 2^`exponent`, exact for every exponent of a normal f64.
pub(crate) fn exp2(exponent: i32) -> f64 {
    debug_assert!((-1022..=1023).contains(&exponent));
    f64::from_bits((1023 + i64::from(exponent)).cast_unsigned() << 52)
}

impl TryFrom<RawFormat> for Format {
    type Error = FormatError;
    fn try_from(raw: RawFormat) -> Result<Self, FormatError> {
        Ok(Self { signed: raw.signed, narrow: raw.narrow, ..Self::new(raw.wl, raw.fl)? })
    }
}

impl From<Format> for RawFormat {
    fn from(format: Format) -> Self {
        let (signed, narrow) = (format.signed, format.narrow);
        Self { wl: format.wl(), fl: format.fl(), signed, narrow }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsigned = if self.signed { "" } else { "u" };
        let narrow = if self.narrow { " narrow" } else { "" };
        f.pad(&format!("{unsigned}⟨{}, {}⟩{narrow}", self.wl, self.fl))
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_every_word_length() {
        for wl in 1..=32 {
            let format = Format::new(wl, 0).unwrap();
            assert_eq!(format.min_raw(), -(1i64 << (wl - 1)));
            assert_eq!(format.max_raw(), (1i64 << (wl - 1)) - 1);
            assert_eq!(format.largest_magnitude(), 1 << (wl - 1));
            let bits = format.container().bits();
            assert!(bits >= wl && (bits == 8 || bits / 2 < wl));
            let unsigned = Format::unsigned(wl, 0).unwrap();
            assert_eq!((unsigned.min_raw(), unsigned.max_raw()), (0, (1i64 << wl) - 1));
            assert_eq!(unsigned.largest_magnitude(), (1 << wl) - 1);
            let bits = unsigned.container().bits();
            assert!(bits > wl && (bits == 8 || bits / 2 <= wl));
        }
    }

    #[test]
    fn one_bit_holds_minus_one_and_zero() {
        let format = Format::new(1, 3).unwrap();
        assert_eq!((format.min_raw(), format.max_raw()), (-1, 0));
        assert_eq!(format.min_value(), -0.125);
    }

    #[test]
    fn only_what_differs_from_a_plain_signed_format_is_serialised() {
        let format = Format::new(8, -3).unwrap();
        for (format, json, text) in [
            (format, r#"{"wl":8,"fl":-3}"#, "⟨8, -3⟩"),
            (format.narrow(), r#"{"wl":8,"fl":-3,"narrow":true}"#, "⟨8, -3⟩ narrow"),
            (Format::unsigned(8, -3).unwrap(), r#"{"wl":8,"fl":-3,"signed":false}"#, "u⟨8, -3⟩"),
            (
                Format::unsigned(8, -3).unwrap().narrow(),
                r#"{"wl":8,"fl":-3,"signed":false,"narrow":true}"#,
                "u⟨8, -3⟩ narrow",
            ),
        ] {
            assert_eq!(serde_json::to_string(&format).unwrap(), json);
            assert_eq!(serde_json::from_str::<Format>(json).unwrap(), format);
            assert_eq!(format.to_string(), text);
        }
        assert!(serde_json::from_str::<Format>(r#"{"wl":33,"fl":0,"signed":false}"#).is_err());
    }

    #[test]
    fn impossible_formats_say_what_is_possible() {
        assert_eq!(Format::new(0, 0), Err(FormatError::WordLength(0)));
        assert_eq!(Format::new(33, 0), Err(FormatError::WordLength(33)));
        assert_eq!(Format::new(8, 65), Err(FormatError::FractionalLength(65)));
        assert_eq!(Format::new(8, -65), Err(FormatError::FractionalLength(-65)));
        assert_eq!(
            Format::new(33, 0).unwrap_err().to_string(),
            "word length 33 is impossible: use 1 to 32 bits"
        );
    }

    #[test]
    fn powers_of_two_are_exact() {
        assert_eq!(exp2(0), 1.0);
        assert_eq!(exp2(-64), 1.0 / (1u128 << 64) as f64);
        assert_eq!(exp2(64), (1u128 << 64) as f64);
    }
}
