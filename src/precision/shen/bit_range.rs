//! A range of word lengths: `4..8`.

use hwmodel::number::format::MAX_WORD_LENGTH;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Word lengths from `lower` to `upper` bits, both included; written `4..8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BitRange {
    /// The smallest, in bits.
    pub lower: u32,
    /// The largest, in bits.
    pub upper: u32,
}

/// A range of word lengths that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of word lengths: write LO..HI with 1 ≤ LO ≤ HI ≤ 32, as in 4..8")]
pub struct BitRangeError(String);

impl FromStr for BitRange {
    type Err = BitRangeError;
    fn from_str(text: &str) -> Result<Self, BitRangeError> {
        let read = || {
            let (lower, upper) = text.split_once("..")?;
            let (lower, upper) = (lower.parse().ok()?, upper.parse().ok()?);
            let possible = 1 <= lower && lower <= upper && upper <= MAX_WORD_LENGTH;
            possible.then_some(Self { lower, upper })
        };
        read().ok_or_else(|| BitRangeError(text.to_owned()))
    }
}

impl TryFrom<String> for BitRange {
    type Error = BitRangeError;
    fn try_from(text: String) -> Result<Self, BitRangeError> {
        text.parse()
    }
}

impl From<BitRange> for String {
    fn from(range: BitRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for BitRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.lower, self.upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_written() {
        let range: BitRange = "4..8".parse().unwrap();
        assert_eq!((range.lower, range.upper, range.to_string().as_str()), (4, 8, "4..8"));
        assert!("6..6".parse::<BitRange>().is_ok());
        for text in ["", "4", "8..4", "0..4", "4..33", "4-8", "..8", "4..", "4..8..9", "-1..4"] {
            assert!(text.parse::<BitRange>().is_err(), "{text}");
        }
    }
}
