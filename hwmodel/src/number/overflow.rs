//! Overflow modes: what happens to a value that its word cannot hold.

use crate::BitWidth;
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
    /// Fits `value` into two's complement of `width`; the flag says whether it was outside the range.
    ///
    /// ```
    /// use hwmodel::{BitWidth, Overflow};
    /// let byte = BitWidth::new(8)?;
    /// assert_eq!(Overflow::Wrap.apply(130, byte), (-126, true));
    /// assert_eq!(Overflow::Saturate.apply(130, byte), (127, true));
    /// assert_eq!(Overflow::Saturate.apply(-128, byte), (-128, false));
    /// # Ok::<(), hwmodel::BitWidthError>(())
    /// ```
    #[inline]
    pub fn apply(self, value: i128, width: BitWidth) -> (i128, bool) {
        let (min, max) = (width.min(), width.max());
        if (min..=max).contains(&value) {
            return (value, false);
        }
        let fitted = match self {
            Self::Saturate => value.clamp(min, max),
            Self::Wrap => {
                let unused = i128::BITS - width.get();
                (value << unused) >> unused
            }
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
