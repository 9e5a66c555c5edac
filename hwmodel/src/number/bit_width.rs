//! The width of a word or accumulator in bits.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A width of 1 to 64 bits.
///
/// ```
/// use hwmodel::BitWidth;
/// assert_eq!(BitWidth::new(24)?.get(), 24);
/// assert!(BitWidth::new(0).is_err() && BitWidth::new(65).is_err());
/// # Ok::<(), hwmodel::BitWidthError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct BitWidth(u8);

/// Error of a width outside 1 to 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a width of {0} bits is impossible: use 1 to 64 bits")]
pub struct BitWidthError(u32);

impl BitWidth {
    /// The widest, 64 bits.
    pub const MOST: Self = Self(64);

    /// A width of `bits` bits.
    ///
    /// # Errors
    /// If `bits` is not 1 to 64.
    #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
    pub const fn new(bits: u32) -> Result<Self, BitWidthError> {
        match bits {
            1..=64 => Ok(Self(bits as u8)),
            _ => Err(BitWidthError(bits)),
        }
    }

    /// The number of bits.
    pub const fn get(self) -> u32 {
        self.0 as u32
    }

    /// Smallest two's complement integer of this width, -2^(bits-1).
    pub const fn min(self) -> i128 {
        -(1 << (self.0 - 1))
    }

    /// Largest two's complement integer of this width, 2^(bits-1) - 1.
    pub const fn max(self) -> i128 {
        (1 << (self.0 - 1)) - 1
    }
}

impl From<BitWidth> for u32 {
    fn from(width: BitWidth) -> Self {
        width.get()
    }
}

impl TryFrom<u32> for BitWidth {
    type Error = BitWidthError;
    fn try_from(bits: u32) -> Result<Self, BitWidthError> {
        Self::new(bits)
    }
}

impl fmt::Display for BitWidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_by_hand() {
        let range = |bits| BitWidth::new(bits).map(|width| (width.min(), width.max()));
        assert_eq!(range(1), Ok((-1, 0)));
        assert_eq!(range(8), Ok((-128, 127)));
        assert_eq!(range(64), Ok((i64::MIN.into(), i64::MAX.into())));
        assert_eq!(range(0), Err(BitWidthError(0)));
        assert_eq!(range(65), Err(BitWidthError(65)));
    }
}
