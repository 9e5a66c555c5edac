//! ⟨WL, FL⟩: the number format of a tensor.

use crate::BitWidth;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The widest word length in bits that a tensor may have.
pub const MAX_WORD_LENGTH: u32 = 32;
/// The largest magnitude of a fractional length in bits.
pub const MAX_FRACTIONAL_LENGTH: i32 = 64;

/// A signed two's complement fixed-point format ⟨WL, FL⟩.
///
/// A raw integer `raw` in `[-2^(WL-1), 2^(WL-1) - 1]` represents the value `raw · 2^-FL`.
/// WL is 1 to 32 bits; FL is -64 to 64 bits, so it may be negative or exceed WL.
///
/// ```
/// use hwmodel::Format;
/// let format = Format::new(8, 4)?;
/// assert_eq!(format.to_string(), "⟨8, 4⟩");
/// assert_eq!((format.min_raw(), format.max_raw()), (-128, 127));
/// assert_eq!(format.max_value(), 7.9375);
/// # Ok::<(), hwmodel::FormatError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawFormat", into = "RawFormat")]
pub struct Format {
    wl: u8,
    fl: i8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFormat {
    wl: u32,
    fl: i32,
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
    /// WL 1 to 8.
    I8,
    /// WL 9 to 16.
    I16,
    /// WL 17 to 32.
    I32,
}

impl Format {
    /// Makes ⟨`wl`, `fl`⟩.
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
        Ok(Self { wl: wl as u8, fl: fl as i8 })
    }

    /// Word length in bits.
    pub const fn wl(self) -> u32 {
        self.wl as u32
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

    /// Smallest raw integer, -2^(WL-1).
    #[expect(clippy::cast_possible_truncation, reason = "WL ≤ 32")]
    pub const fn min_raw(self) -> i32 {
        (-(1i64 << (self.wl - 1))) as i32
    }

    /// Largest raw integer, 2^(WL-1) - 1.
    #[expect(clippy::cast_possible_truncation, reason = "WL ≤ 32")]
    pub const fn max_raw(self) -> i32 {
        ((1i64 << (self.wl - 1)) - 1) as i32
    }

    /// The value of one unit in the last place, 2^-FL.
    pub fn step(self) -> f64 {
        exp2(-self.fl())
    }

    /// 2^FL, by which a value is multiplied to get its raw integer.
    pub fn scale(self) -> f64 {
        exp2(self.fl())
    }

    /// The smallest value, -2^(WL-FL-1).
    pub fn min_value(self) -> f64 {
        f64::from(self.min_raw()) * self.step()
    }

    /// The largest value, 2^(WL-FL-1) - 2^-FL.
    pub fn max_value(self) -> f64 {
        f64::from(self.max_raw()) * self.step()
    }

    /// The narrowest container for raw integers of this format.
    pub const fn container(self) -> Container {
        match self.wl {
            0..=8 => Container::I8,
            9..=16 => Container::I16,
            _ => Container::I32,
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
        Self::new(raw.wl, raw.fl)
    }
}

impl From<Format> for RawFormat {
    fn from(format: Format) -> Self {
        Self { wl: format.wl(), fl: format.fl() }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("⟨{}, {}⟩", self.wl, self.fl))
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
            assert_eq!(i64::from(format.min_raw()), -(1i64 << (wl - 1)));
            assert_eq!(i64::from(format.max_raw()), (1i64 << (wl - 1)) - 1);
            let bits = 8 * format.container().bytes() as u32;
            assert!(bits >= wl && (bits == 8 || bits / 2 < wl));
        }
    }

    #[test]
    fn one_bit_holds_minus_one_and_zero() {
        let format = Format::new(1, 3).unwrap();
        assert_eq!((format.min_raw(), format.max_raw()), (-1, 0));
        assert_eq!(format.min_value(), -0.125);
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
