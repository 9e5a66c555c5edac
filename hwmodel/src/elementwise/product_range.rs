//! The range of a product's output format, in units of its accumulator.

use crate::number::requantise::aligned;
use crate::{FixedTensor, Format, Overflow};

/// The accumulators of one channel that the product's own output format can hold.
///
/// A network is trained with the product's output saturated (or wrapped) to its ⟨WL, FLc⟩ before batch norm.
/// A fused layer keeps all fractional bits of the accumulator but not values that the network has never
/// seen: an accumulator outside this range takes its nearest end or wraps into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProductRange {
    low: i128,
    high: i128,
}

/// The range of every channel, and the overflow mode outside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRanges {
    /// Saturate or wrap.
    pub overflow: Overflow,
    /// One range a channel.
    pub channels: Vec<ProductRange>,
}

/// Error of ends that enclose no range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "accumulators from {low} to {high}: use a lower end of at least -2^92 that is not above the upper one, of at most 2^92"
)]
pub struct ProductRangeError {
    /// The lower end.
    pub low: i128,
    /// The upper end.
    pub high: i128,
}

/// Error of an overflow mode or format that no interval of accumulators stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "accumulators cannot be limited to {format} with overflow mode `{overflow}` before they are scaled: use saturate, saturate-symmetric or, \
     without a narrow range, wrap"
)]
pub struct ProductOverflowError {
    /// The mode.
    pub overflow: Overflow,
    /// The format.
    pub format: Format,
}

impl ProductRange {
    /// No range reaches further than ±2^92, beyond any accumulator.
    pub const LARGEST: i128 = 1 << 92;

    /// Every accumulator from `low` to `high`.
    ///
    /// ```
    /// use hwmodel::Overflow;
    /// use hwmodel::elementwise::ProductRange;
    /// let range = ProductRange::new(-32, 31)?;
    /// assert_eq!(range.fit(40, Overflow::Saturate), (31, true));
    /// assert_eq!(range.fit(40, Overflow::Wrap), (-24, true));
    /// # Ok::<(), hwmodel::elementwise::ProductRangeError>(())
    /// ```
    ///
    /// # Errors
    /// If there is none or an end is beyond [`ProductRange::LARGEST`].
    pub fn new(low: i128, high: i128) -> Result<Self, ProductRangeError> {
        let fits = -Self::LARGEST <= low && low <= high && high <= Self::LARGEST;
        fits.then_some(Self { low, high }).ok_or(ProductRangeError { low, high })
    }

    /// The smallest accumulator in the range.
    pub fn low(self) -> i128 {
        self.low
    }

    /// The largest accumulator in the range.
    pub fn high(self) -> i128 {
        self.high
    }

    /// An accumulator brought into the range, and whether it was outside.
    pub fn fit(self, accumulator: i128, overflow: Overflow) -> (i128, bool) {
        if (self.low..=self.high).contains(&accumulator) {
            return (accumulator, false);
        }
        let fitted = if overflow.saturates() {
            accumulator.clamp(self.low, self.high)
        } else {
            self.low + (accumulator - self.low).rem_euclid(self.high - self.low + 1)
        };
        (fitted, true)
    }
}

impl ProductRanges {
    /// The ranges of `channels` channels of accumulators with `fl` fractional bits before a bias is added
    /// and the sum is fitted into `format`.
    ///
    /// With k = fl - FLc a word raw represents the accumulator raw · 2^k. Saturation takes the ends
    /// ±2^(WL-1) · 2^k, less 2^k at the upper one; wrapping takes the whole interval modulo 2^(WL+k).
    /// For negative k the ends are rounded toward zero. The bias, aligned to the accumulator, is
    /// subtracted from both ends, so that accumulators are compared before it.
    ///
    /// # Errors
    /// If the mode does not bring every accumulator into one interval.
    ///
    /// # Panics
    /// If the bias has not one word a channel.
    pub fn of_format(
        format: Format,
        fl: i32,
        overflow: Overflow,
        channels: usize,
        bias: Option<&FixedTensor>,
    ) -> Result<Self, ProductOverflowError> {
        let interval = match overflow {
            Overflow::Saturate | Overflow::SaturateSymmetric => true,
            Overflow::Wrap => !format.is_narrow(),
            _ => false,
        };
        if !interval {
            return Err(ProductOverflowError { overflow, format });
        }
        let k = fl - format.fl();
        let scaled = |raw: i128| {
            if k >= 0 { raw << k.min(96) } else { raw / (1 << k.unsigned_abs().min(96)) }
        };
        let (least, most) = (i128::from(format.min_raw()), i128::from(format.max_raw()));
        let (low, high) = match overflow {
            Overflow::SaturateSymmetric if format.is_signed() && format.wl() > 1 => {
                (scaled(-most), scaled(most))
            }
            Overflow::Wrap => (scaled(least), scaled(most + 1) - 1),
            _ => (scaled(least), scaled(most)),
        };
        let largest = ProductRange::LARGEST;
        let range = |bias: i128| {
            let end = |end: i128| (end - bias).clamp(-largest, largest);
            ProductRange { low: end(low), high: end(high.max(low)) }
        };
        let channels = aligned(bias, fl, channels).into_iter().map(range).collect();
        Ok(Self { overflow, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(wl: u32, flc: i32, fl: i32, overflow: Overflow) -> ProductRange {
        let format = Format::new(wl, flc).unwrap();
        ProductRanges::of_format(format, fl, overflow, 1, None).unwrap().channels[0]
    }

    #[test]
    fn the_ends_are_those_of_the_format() {
        assert_eq!(
            ranges(8, 4, 8, Overflow::Saturate),
            ProductRange::new(-2048, 127 * 16).unwrap()
        );
        assert_eq!(ranges(8, 4, 8, Overflow::Wrap), ProductRange::new(-2048, 2047).unwrap());
        assert_eq!(ranges(8, 4, 2, Overflow::Saturate), ProductRange::new(-32, 31).unwrap());
        assert_eq!(ranges(8, -64, 64, Overflow::Saturate).high(), ProductRange::LARGEST);
    }

    #[test]
    fn the_bias_moves_both_ends() {
        let format = Format::new(8, 4).unwrap();
        let bias = FixedTensor::from_raw(&[2], format, &[3, -128]).unwrap();
        let found =
            ProductRanges::of_format(format, 6, Overflow::Saturate, 2, Some(&bias)).unwrap();
        let expected = [(-512 - 12, 508 - 12), (0, 508 + 512)];
        let expected = expected.map(|(low, high)| ProductRange::new(low, high).unwrap());
        assert_eq!(found.channels, expected);
    }

    #[test]
    fn outside_saturates_or_wraps() {
        let range = ProductRange::new(-32, 31).unwrap();
        assert_eq!(range.fit(31, Overflow::Wrap), (31, false));
        assert_eq!(range.fit(40, Overflow::Saturate), (31, true));
        assert_eq!(range.fit(-33, Overflow::Saturate), (-32, true));
        assert_eq!(range.fit(40, Overflow::Wrap), (-24, true));
        assert_eq!(range.fit(-33, Overflow::Wrap), (31, true));
        assert_eq!(ProductRange::new(1, 0), Err(ProductRangeError { low: 1, high: 0 }));
        assert!(ProductRange::new(0, ProductRange::LARGEST + 1).is_err());
    }
}
