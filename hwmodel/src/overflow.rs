//! Overflow modes: what happens to a value that its word cannot hold.

use serde::{Deserialize, Serialize};

/// The policy for a result outside the range of a two's complement word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The low bits are kept: arithmetic modulo 2^bits.
    Wrap,
    /// The nearest end of the range is taken.
    #[default]
    Saturate,
}

impl Overflow {
    /// Fits `value` into `bits` (1 to 127) bits; the flag says whether it was outside the range.
    ///
    /// ```
    /// use hwmodel::Overflow;
    /// assert_eq!(Overflow::Wrap.apply(130, 8), (-126, true));
    /// assert_eq!(Overflow::Saturate.apply(130, 8), (127, true));
    /// assert_eq!(Overflow::Saturate.apply(-128, 8), (-128, false));
    /// ```
    #[inline]
    pub fn apply(self, value: i128, bits: u32) -> (i128, bool) {
        let max = (1i128 << (bits - 1)) - 1;
        let min = -max - 1;
        if (min..=max).contains(&value) {
            return (value, false);
        }
        let fitted = match self {
            Self::Saturate => value.clamp(min, max),
            Self::Wrap => (value << (128 - bits)) >> (128 - bits),
        };
        (fitted, true)
    }
}

impl std::str::FromStr for Overflow {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "wrap" => Ok(Self::Wrap),
            "saturate" => Ok(Self::Saturate),
            other => Err(format!("unknown overflow policy `{other}`: use wrap or saturate")),
        }
    }
}

impl std::fmt::Display for Overflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Wrap => "wrap",
            Self::Saturate => "saturate",
        })
    }
}
