//! Saturation to an end of a range.

use crate::number::word::Word;

/// The nearest end of the range.
#[inline]
pub(super) fn ends(value: i128, word: Word) -> i128 {
    value.clamp(word.min(), word.max())
}

/// The nearest end of [-max, max]. One bit, whose values are -1 and 0, keeps both.
#[inline]
pub(super) fn symmetric(value: i128, word: Word) -> i128 {
    value.clamp(lowest_symmetric(word), word.max())
}

/// The lower end of the symmetric range.
pub(super) const fn lowest_symmetric(word: Word) -> i128 {
    if word.signed && word.width.get() > 1 { -word.max() } else { word.min() }
}
