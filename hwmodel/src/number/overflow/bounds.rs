//! The saturating modes as the vector loops have them.

use super::{Overflow, saturating};
use crate::kernels::{Bounds, StoredInteger};
use crate::number::format::{Container, Format};

impl Overflow {
    /// The bounds of a saturating mode for floats rounded to words that 32 bits hold; `None` for the other modes and words.
    pub(crate) fn bounds(self, format: Format) -> Option<Bounds> {
        if format.container() == Container::I64 {
            return None;
        }
        let (min, max) = (format.min_raw() as f64, format.max_raw() as f64);
        let ends = |lowest| Bounds { min, max, lowest, below: lowest, above: max };
        match self {
            Self::Saturate => Some(ends(min)),
            Self::SaturateSymmetric => {
                Some(ends(saturating::lowest_symmetric(format.word()) as f64))
            }
            Self::SaturateZero => Some(Bounds { below: 0.0, above: 0.0, ..ends(min) }),
            Self::Wrap | Self::WrapSaturated { .. } | Self::WrapSignMagnitude { .. } => None,
        }
    }

    /// Whether the mode is saturation to the ends of the range, [made symmetric](Self::make_symmetric) after it.
    pub(crate) const fn saturates_to_ends(self) -> bool {
        matches!(self, Self::Saturate | Self::SaturateSymmetric)
    }

    /// Moves the lowest value of saturated words of `format` up if the mode is symmetric. No count of theirs changes: only
    /// words of one bit would become zero, and these have no symmetric range.
    pub(crate) fn make_symmetric<T: StoredInteger>(self, format: Format, words: &mut [T]) {
        let lowest = saturating::lowest_symmetric(format.word());
        if self != Self::SaturateSymmetric || lowest == format.word().min() {
            return;
        }
        let (least, lowest) = (T::from_i64(format.min_raw()), T::from_i64(format.min_raw() + 1));
        for word in words {
            *word = if *word == least { lowest } else { *word };
        }
    }
}
