//! Wraps that saturate some bits or wrap sign and magnitude, for values outside the range.
//!
//! The bits of a word of W bits are numbered from 0; bit W-1 is the highest, a signed word's sign.

use crate::number::word::Word;

/// The `count` bits from bit `first` on.
const fn mask(first: u32, count: u32) -> i128 {
    ((1 << count) - 1) << first
}

/// The low W-`n` bits of `value`. Above them a signed word has the sign of the value and its complement; an unsigned one has
/// ones, for negative values too.
#[inline]
pub(super) fn saturated(value: i128, word: Word, n: u32) -> i128 {
    let width = word.width.get();
    let n = n.min(width);
    if n == 0 {
        return word.low_bits(value);
    }
    let kept = value & mask(0, width - n);
    if !word.signed {
        return kept | mask(width - n, n);
    }
    let high = if value < 0 { mask(width - 1, 1) } else { mask(width - n, n - 1) };
    word.low_bits(kept | high)
}

/// The low bits of `value`, complemented where that preserves the sign; `floor` is the value before rounding.
#[inline]
pub(super) fn sign_magnitude(value: i128, floor: i128, word: Word, n: u32) -> i128 {
    let width = word.width.get();
    let n = n.min(width);
    if !word.signed {
        return word.low_bits(value);
    }
    let bit = |value: i128, at: u32| value >> at & 1 == 1;
    // The sign of the result, and whether its bits are complemented.
    let (sign, complement) = match n {
        0 => {
            let above = bit(floor, width);
            (above, above != bit(value, width - 1))
        }
        1 => (value < 0, (value < 0) != bit(value, width - 1)),
        _ => (value < 0, (value < 0) == bit(value, width - n)),
    };
    let magnitude = if complement { !value } else { value };
    let fixed = if n < 2 { 0 } else { mask(width - n, n - 1) };
    let magnitude = if sign { magnitude & !fixed } else { magnitude | fixed };
    let top = mask(width - 1, 1);
    word.low_bits(if sign { magnitude | top } else { magnitude & !top })
}
