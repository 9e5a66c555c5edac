//! One channel's multiplier, shift and offset: the scalar definition of a folded batch norm.

use fixed::types::I1F31;
use hwmodel::Rounding;

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
    multiplier: I1F31,
    shift: u32,
    offset: i128,
}

impl ChannelScale {
    /// The longest right shift in bits.
    pub const LONGEST_SHIFT: u32 = 91;
    /// The largest magnitude of an offset. With the longest shift it is 2^33 steps of the result, beyond
    /// what any product could bring back into a word of 32 bits.
    pub const LARGEST_OFFSET: i128 = 1 << 124;

    /// A multiplier other than -1 with a right shift and an offset in their ranges, or nothing.
    pub fn new(multiplier: I1F31, shift: u32, offset: i128) -> Option<Self> {
        let fits = multiplier != I1F31::MIN
            && shift <= Self::LONGEST_SHIFT
            && (-Self::LARGEST_OFFSET..=Self::LARGEST_OFFSET).contains(&offset);
        fits.then_some(Self { multiplier, shift, offset })
    }

    /// The multiplier m.
    pub fn multiplier(self) -> I1F31 {
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
        accumulator * i128::from(self.multiplier.to_bits()) + self.offset
    }

    /// round((acc · M + b) · 2^-s); the rounding must not be stochastic.
    ///
    /// ```
    /// use fixed::types::I1F31;
    /// use hwmodel::Rounding;
    /// use hwsim::verify::integer::ChannelScale;
    /// // 0.75 · 2^-1 · acc + 1: M = 0.75 · 2^31, s = 32, b = 2^32.
    /// let scale = ChannelScale::new(I1F31::from_num(0.75), 32, 1 << 32).unwrap();
    /// assert_eq!(scale.apply(10, Rounding::NearestEven), 5); // 4.75
    /// assert_eq!(scale.apply(4, Rounding::NearestEven), 2); // 2.5, a tie
    /// ```
    pub fn apply(self, accumulator: i128, rounding: Rounding) -> i128 {
        rounding.shift_right(self.product(accumulator), self.shift, 0)
    }
}
