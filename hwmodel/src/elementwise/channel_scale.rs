//! One channel's multiplier, shift and offset: the scalar definition of a folded batch norm.

use crate::Rounding;

/// raw = round((acc · M + b) · 2^-s), before it is fitted into its word.
///
/// M is the raw integer of the multiplier m, a signed fixed-point number of 1 integer and 31
/// fractional bits (Q0.31 and a sign): m = M · 2^-31 with ½ ≤ |m| < 1. It may be 0, and less than ½
/// where a shift of [`ChannelScale::LONGEST_SHIFT`] bits is not enough to normalise it. The offset b
/// is an integer in units of the product acc · M.
///
/// With |acc| ≤ 2^92, which no sum of fewer than 2^28 products of 32-bit words reaches, the product is
/// below 2^123 and |b| ≤ 2^124, so 128 bits hold everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChannelScale {
    multiplier: i32,
    shift: u32,
    offset: i128,
}

/// A multiplier, shift or offset outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelScaleError {
    /// The multiplier is -1.
    #[error("a raw multiplier of -2^31: use -2^31 + 1 or more")]
    Multiplier,
    /// The shift is too long.
    #[error("a right shift of {0} bits: use 0 to {longest}", longest = ChannelScale::LONGEST_SHIFT)]
    Shift(u32),
    /// The offset is too large.
    #[error("an offset of {0}: use -2^124 to 2^124")]
    Offset(i128),
}

impl ChannelScale {
    /// The longest right shift in bits.
    pub const LONGEST_SHIFT: u32 = 91;
    /// The largest magnitude of an offset. With the longest shift it is 2^33 steps of the result, beyond
    /// what any product could bring back into a word of 32 bits.
    pub const LARGEST_OFFSET: i128 = 1 << 124;

    /// The raw multiplier M with a right shift in bits and an offset.
    ///
    /// # Errors
    /// If M is -2^31, or shift or offset are outside their ranges.
    pub fn new(multiplier: i32, shift: u32, offset: i128) -> Result<Self, ChannelScaleError> {
        if multiplier == i32::MIN {
            return Err(ChannelScaleError::Multiplier);
        }
        if shift > Self::LONGEST_SHIFT {
            return Err(ChannelScaleError::Shift(shift));
        }
        if offset.unsigned_abs() > Self::LARGEST_OFFSET.unsigned_abs() {
            return Err(ChannelScaleError::Offset(offset));
        }
        Ok(Self { multiplier, shift, offset })
    }

    /// The raw multiplier M.
    pub fn multiplier(self) -> i32 {
        self.multiplier
    }

    /// The right shift s of the product acc · M, in bits.
    pub fn shift(self) -> u32 {
        self.shift
    }

    /// The offset b.
    pub fn offset(self) -> i128 {
        self.offset
    }

    /// acc · M + b, exact.
    pub fn product(self, accumulator: i128) -> i128 {
        debug_assert!(accumulator.unsigned_abs() <= 1 << 92);
        accumulator * i128::from(self.multiplier) + self.offset
    }

    /// round((acc · M + b) · 2^-s). Stochastic rounding has no numbers here and takes the floor.
    ///
    /// ```
    /// use hwmodel::Rounding;
    /// use hwmodel::elementwise::ChannelScale;
    /// // 0.75 · 2^-1 · acc + 1: M = 0.75 · 2^31, s = 32, b = 2^32.
    /// let scale = ChannelScale::new(3 << 29, 32, 1 << 32)?;
    /// assert_eq!(scale.apply(10, Rounding::NearestEven), 5); // 4.75
    /// assert_eq!(scale.apply(4, Rounding::NearestEven), 2); // 2.5, a tie
    /// # Ok::<(), hwmodel::elementwise::ChannelScaleError>(())
    /// ```
    pub fn apply(self, accumulator: i128, rounding: Rounding) -> i128 {
        rounding.shift_right(self.product(accumulator), self.shift, 0)
    }
}
