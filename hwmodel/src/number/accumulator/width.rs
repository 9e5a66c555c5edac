//! The width of an accumulator: a number of bits, or as many as are needed.

use crate::{BitWidth, Format, Overflow};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Width of an accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AccumulatorWidth {
    /// Wide enough that nothing can overflow.
    #[default]
    Exact,
    /// Two's complement of this many bits.
    Bits(BitWidth),
}

/// Error of an accumulator width outside 1 to 64 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("accumulator width `{0}` is impossible: use 1 to 64 bits, or `exact`")]
pub struct AccumulatorWidthError(String);

impl AccumulatorWidth {
    /// An accumulator of `bits` bits.
    ///
    /// # Errors
    /// If `bits` is not 1 to 64.
    pub fn bits(bits: u32) -> Result<Self, AccumulatorWidthError> {
        BitWidth::new(bits).map(Self::Bits).map_err(|_| AccumulatorWidthError(bits.to_string()))
    }

    /// `value` in this width; the flag says whether it was outside the range.
    pub fn fit(self, overflow: Overflow, value: i128) -> (i128, bool) {
        match self {
            Self::Exact => (value, false),
            Self::Bits(bits) => overflow.apply(value, bits),
        }
    }

    /// The same for a `rounded` value of which ⌊v⌋ was `floor`, see [`Overflow::apply_rounded`].
    pub fn fit_rounded(self, overflow: Overflow, (rounded, floor): (i128, i128)) -> (i128, bool) {
        match self {
            Self::Exact => (rounded, false),
            Self::Bits(bits) => overflow.apply_rounded(rounded, floor, bits),
        }
    }

    /// Bits in which `terms` products of two's complement words of `wl_a` and `wl_b` bits can never overflow:
    /// WLa + WLb + ⌈log2 terms⌉, the formula that hardware is usually dimensioned by. It is enough for any
    /// number of terms; [`width::any_words`](crate::array::width::any_words) gives the fewest bits, which may be less.
    pub fn provable_bits(wl_a: u32, wl_b: u32, terms: u64) -> u32 {
        wl_a + wl_b + (u64::BITS - terms.saturating_sub(1).leading_zeros())
    }

    /// [`provable_bits`](Self::provable_bits) for words of any sign: one bit more if neither operand has a sign, since
    /// their products reach 2^(WLa + WLb) where those of other words stay below half of it.
    pub fn provable_bits_of(a: Format, b: Format, terms: u64) -> u32 {
        let unsigned = !a.is_signed() && !b.is_signed();
        Self::provable_bits(a.wl(), b.wl(), terms) + u32::from(unsigned)
    }

    /// The width in bits that this accumulator has for a product of `terms` terms of two's complement words: its own, or
    /// for `exact` the provable one.
    pub fn bits_for(self, wl_a: u32, wl_b: u32, terms: u64) -> u32 {
        match self {
            Self::Exact => Self::provable_bits(wl_a, wl_b, terms),
            Self::Bits(bits) => u32::from(bits),
        }
    }

    /// The same for words of any sign.
    pub fn bits_for_formats(self, a: Format, b: Format, terms: u64) -> u32 {
        match self {
            Self::Exact => Self::provable_bits_of(a, b, terms),
            Self::Bits(bits) => u32::from(bits),
        }
    }
}

impl std::str::FromStr for AccumulatorWidth {
    type Err = AccumulatorWidthError;
    fn from_str(text: &str) -> Result<Self, AccumulatorWidthError> {
        if text == "exact" {
            return Ok(Self::Exact);
        }
        let bits = text.parse().map_err(|_| AccumulatorWidthError(text.to_owned()))?;
        Self::bits(bits)
    }
}

impl fmt::Display for AccumulatorWidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.pad("exact"),
            Self::Bits(bits) => f.pad(&bits.to_string()),
        }
    }
}

impl Serialize for AccumulatorWidth {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact => serializer.serialize_str("exact"),
            Self::Bits(bits) => serializer.serialize_u32(bits.get()),
        }
    }
}

impl<'de> Deserialize<'de> for AccumulatorWidth {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text {
            Bits(u32),
            Word(String),
        }
        let parsed = match Text::deserialize(deserializer)? {
            Text::Bits(bits) => Self::bits(bits),
            Text::Word(word) => word.parse(),
        };
        parsed.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_parse_and_refuse() {
        assert_eq!("exact".parse(), Ok(AccumulatorWidth::Exact));
        assert_eq!("24".parse(), AccumulatorWidth::bits(24));
        for bad in ["0", "65", "-3", "wide", ""] {
            assert!(bad.parse::<AccumulatorWidth>().is_err(), "{bad}");
        }
    }

    #[test]
    fn provable_width_holds_the_worst_sum() {
        let most = u64::MAX;
        for (wl_a, wl_b, terms) in [
            (1, 1, 1),
            (8, 8, 64),
            (8, 8, 65),
            (16, 4, 1000),
            (32, 32, 7),
            (8, 8, most),
            (4, 4, 1 << 63),
            (4, 4, (1 << 63) + 1),
        ] {
            let bits = AccumulatorWidth::provable_bits(wl_a, wl_b, terms);
            let worst = i128::from(terms) << (wl_a - 1 + wl_b - 1);
            assert!(worst < 1i128 << (bits - 1), "{wl_a} {wl_b} {terms}");
        }
    }

    #[test]
    fn provable_width_of_any_sign_holds_the_worst_sum_and_half_of_it_does_not() {
        let formats = |wl| [Format::new(wl, 0).unwrap(), Format::unsigned(wl, 0).unwrap()];
        for (wl_a, wl_b, terms) in [(1, 1, 1), (8, 8, 64), (8, 4, 65), (16, 16, 1), (32, 32, 7)] {
            for (a, b) in formats(wl_a).into_iter().flat_map(|a| formats(wl_b).map(|b| (a, b))) {
                let bits = AccumulatorWidth::provable_bits_of(a, b, terms);
                let ends = |format: Format| [format.min_raw(), format.max_raw()].map(i128::from);
                for product in ends(a).into_iter().flat_map(|a| ends(b).map(|b| a * b)) {
                    let sum = product * i128::from(terms);
                    let half = 1i128 << (bits - 1);
                    assert!((-half..half).contains(&sum), "{a} {b} {terms}");
                }
            }
        }
        let byte = Format::unsigned(8, 0).unwrap();
        assert_eq!(AccumulatorWidth::provable_bits_of(byte, byte, 1), 17);
        assert_eq!(AccumulatorWidth::Exact.bits_for_formats(byte, byte, 2), 18);
    }
}
