//! The texts of overflow modes: names, what ap_fixed and ac_fixed call them, and errors.

use super::Overflow;
use crate::number::word::Word;
use crate::text_enum::text_enum;
use std::fmt;
use std::str::FromStr;

/// Most saturated bits of a wrap: those of the widest accumulator.
const MOST_BITS: u8 = 64;

/// Error of a text that is not an overflow mode, or of a mode that a word cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverflowError {
    /// The name is unknown.
    #[error("unknown overflow mode `{0}`: use one of {names}", names = Overflow::NAMES.join(", "))]
    Unknown(String),
    /// Saturated bits of a mode that has none.
    #[error(
        "`{0}` has a number of saturated bits, which only wrap and wrap-sm can have: use `{1}`"
    )]
    NoBits(String, &'static str),
    /// The number of saturated bits is not one.
    #[error(
        "`{0}` does not end in a number of saturated bits from 0 to {MOST_BITS}: use for example `{1}:2`"
    )]
    Bits(String, &'static str),
    /// More saturated bits than the word has.
    #[error("`{mode}` needs a word of at least {} bits, got {width}", .mode.saturated_bits())]
    TooManyBits {
        /// The mode.
        mode: Overflow,
        /// Bits of the word.
        width: u32,
    },
    /// Sign and magnitude of a word without a sign.
    #[error("`{0}` needs a signed word, and this one is unsigned: use wrap or a saturating mode")]
    Unsigned(Overflow),
}

impl Overflow {
    /// The names without saturated bits, in the order of the documentation.
    pub const NAMES: [&'static str; 5] =
        ["wrap", "saturate", "saturate-symmetric", "saturate-zero", "wrap-sm"];

    /// The modes of [`Overflow::NAMES`].
    pub const PLAIN: [Self; 5] = [
        Self::Wrap,
        Self::Saturate,
        Self::SaturateSymmetric,
        Self::SaturateZero,
        Self::WrapSignMagnitude { bits: 0 },
    ];

    /// The name without saturated bits, as used in flags, files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wrap | Self::WrapSaturated { .. } => "wrap",
            Self::Saturate => "saturate",
            Self::SaturateSymmetric => "saturate-symmetric",
            Self::SaturateZero => "saturate-zero",
            Self::WrapSignMagnitude { .. } => "wrap-sm",
        }
    }

    /// What ap_fixed and ac_fixed call it.
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Wrap | Self::WrapSaturated { .. } => &["AP_WRAP", "AC_WRAP"],
            Self::Saturate => &["AP_SAT", "AC_SAT"],
            Self::SaturateSymmetric => &["AP_SAT_SYM", "AC_SAT_SYM"],
            Self::SaturateZero => &["AP_SAT_ZERO", "AC_SAT_ZERO"],
            Self::WrapSignMagnitude { .. } => &["AP_WRAP_SM"],
        }
    }

    /// Saturated bits N of a wrap; 0 for the other modes.
    pub const fn saturated_bits(self) -> u8 {
        match self {
            Self::WrapSaturated { bits } | Self::WrapSignMagnitude { bits } => bits,
            _ => 0,
        }
    }

    /// The same wrap with `bits` saturated bits; `None` for a mode that has none.
    pub const fn with_saturated_bits(self, bits: u8) -> Option<Self> {
        match self {
            Self::Wrap | Self::WrapSaturated { .. } if bits == 0 => Some(Self::Wrap),
            Self::Wrap | Self::WrapSaturated { .. } => Some(Self::WrapSaturated { bits }),
            Self::WrapSignMagnitude { .. } => Some(Self::WrapSignMagnitude { bits }),
            _ => None,
        }
    }

    /// Whether words of this kind can have the mode.
    ///
    /// # Errors
    /// If more bits are saturated than the word has, or an unsigned word is to wrap sign and magnitude. What
    /// [`Overflow::apply`] does then is documented, but no other tool has it.
    pub fn check(self, word: impl Into<Word>) -> Result<(), OverflowError> {
        let word = word.into();
        let width = word.width.get();
        if u32::from(self.saturated_bits()) > width {
            return Err(OverflowError::TooManyBits { mode: self, width });
        }
        match self {
            Self::WrapSignMagnitude { .. } if !word.signed => Err(OverflowError::Unsigned(self)),
            _ => Ok(()),
        }
    }
}

impl FromStr for Overflow {
    type Err = OverflowError;

    /// Reads `wrap`, `AP_SAT_SYM`, `wrap:3`, `wrap-sm:2`.
    fn from_str(text: &str) -> Result<Self, OverflowError> {
        let (name, bits) = match text.split_once(':') {
            Some((name, bits)) => (name, Some(bits)),
            None => (text, None),
        };
        let named = |mode: &Self| mode.name() == name || mode.aliases().contains(&name);
        let Some(mode) = Self::PLAIN.into_iter().find(named) else {
            return Err(OverflowError::Unknown(text.to_owned()));
        };
        let Some(bits) = bits else { return Ok(mode) };
        let no_bits = || OverflowError::NoBits(text.to_owned(), mode.name());
        mode.with_saturated_bits(0).ok_or_else(no_bits)?;
        let bits = bits.parse().ok().filter(|&bits| bits <= MOST_BITS);
        bits.and_then(|bits| mode.with_saturated_bits(bits))
            .ok_or_else(|| OverflowError::Bits(text.to_owned(), mode.name()))
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.saturated_bits() {
            0 => f.pad(self.name()),
            bits => f.pad(&format!("{}:{bits}", self.name())),
        }
    }
}

text_enum!(Overflow, Overflow::NAMES);
