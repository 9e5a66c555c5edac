//! Words: signed or unsigned integers of a width, with the full or the narrow range.

use crate::BitWidth;
use std::fmt;

/// The raw integers of a word: two's complement or unsigned, of 1 to 64 bits.
///
/// The narrow range leaves out one raw value, as QONNX has it: the most negative one of a signed word, the largest of an
/// unsigned one.
///
/// ```
/// use hwmodel::{BitWidth, Word};
/// let byte = BitWidth::new(8)?;
/// let range = |word: Word| (word.min(), word.max());
/// assert_eq!(range(Word::signed(byte)), (-128, 127));
/// assert_eq!(range(Word::signed(byte).narrow()), (-127, 127));
/// assert_eq!(range(Word::unsigned(byte)), (0, 255));
/// assert_eq!(range(Word::unsigned(byte).narrow()), (0, 254));
/// # Ok::<(), hwmodel::BitWidthError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word {
    /// Bits, the sign included.
    pub width: BitWidth,
    /// Two's complement; otherwise there are no negative values.
    pub signed: bool,
    /// Whether one raw value is left out.
    pub narrow: bool,
}

impl Word {
    /// Two's complement of `width`: [-2^(W-1), 2^(W-1) - 1].
    pub const fn signed(width: BitWidth) -> Self {
        Self { width, signed: true, narrow: false }
    }

    /// Unsigned integers of `width`: [0, 2^W - 1].
    pub const fn unsigned(width: BitWidth) -> Self {
        Self { width, signed: false, narrow: false }
    }

    /// The same without the most negative value (signed) or the largest one (unsigned).
    #[must_use]
    pub const fn narrow(self) -> Self {
        Self { narrow: true, ..self }
    }

    /// The smallest raw integer.
    pub const fn min(self) -> i128 {
        if self.signed { self.width.min() + self.narrow as i128 } else { 0 }
    }

    /// The largest raw integer.
    pub const fn max(self) -> i128 {
        if self.signed {
            self.width.max()
        } else {
            (1 << self.width.get()) - 1 - self.narrow as i128
        }
    }

    /// Whether `raw` is one of the word's integers.
    pub const fn contains(self, raw: i128) -> bool {
        self.min() <= raw && raw <= self.max()
    }

    /// The integer whose bits in the word are the lowest W bits of `value`; the narrow range is not looked at.
    #[inline]
    pub(crate) const fn low_bits(self, value: i128) -> i128 {
        let unused = i128::BITS - self.width.get();
        let shifted = value << unused;
        if self.signed {
            shifted >> unused
        } else {
            (shifted.cast_unsigned() >> unused).cast_signed()
        }
    }
}

impl From<BitWidth> for Word {
    /// Two's complement.
    fn from(width: BitWidth) -> Self {
        Self::signed(width)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.signed { "signed" } else { "unsigned" };
        let narrow = if self.narrow { ", narrow range" } else { "" };
        f.pad(&format!("{sign} word of {} bits{narrow}", self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_every_width() {
        for bits in 1..=64 {
            let width = BitWidth::new(bits).unwrap();
            let (signed, unsigned) = (Word::signed(width), Word::unsigned(width));
            let half = 1i128 << (bits - 1);
            assert_eq!((signed.min(), signed.max()), (-half, half - 1));
            assert_eq!((unsigned.min(), unsigned.max()), (0, 2 * half - 1));
            assert_eq!((signed.narrow().min(), signed.narrow().max()), (1 - half, half - 1));
            assert_eq!((unsigned.narrow().min(), unsigned.narrow().max()), (0, 2 * half - 2));
            for word in [signed, unsigned, signed.narrow(), unsigned.narrow()] {
                assert!(word.contains(word.min()) && !word.contains(word.min() - 1));
                assert!(word.contains(word.max()) && !word.contains(word.max() + 1));
                assert_eq!(word.low_bits(word.min()), word.min());
                assert_eq!(word.low_bits(word.max()), word.max());
                assert_eq!(word.low_bits(word.max() + 2 * half), word.max());
            }
        }
    }

    #[test]
    fn a_word_in_plain_words() {
        let byte = BitWidth::new(8).unwrap();
        assert_eq!(Word::signed(byte).to_string(), "signed word of 8 bits");
        assert_eq!(
            Word::unsigned(byte).narrow().to_string(),
            "unsigned word of 8 bits, narrow range"
        );
    }
}
