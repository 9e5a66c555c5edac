//! The saturating modes as the vector loops have them.

use super::{Overflow, saturating};
use crate::cast::exact;
use crate::kernels::Bounds;
use crate::number::format::{Container, Format};

impl Overflow {
    /// The bounds of a saturating mode in words that 32 bits hold; `None` for the other modes and words.
    pub(crate) fn bounds(self, format: Format) -> Option<Bounds<i64>> {
        if format.container() == Container::I64 {
            return None;
        }
        let (min, max) = (format.min_raw(), format.max_raw());
        let ends = |lowest| Bounds { min, max, lowest, below: lowest, above: max };
        match self {
            Self::Saturate => Some(ends(min)),
            Self::SaturateSymmetric => {
                Some(ends(exact::<i64>(saturating::lowest_symmetric(format.word()))))
            }
            Self::SaturateZero => Some(Bounds { below: 0, above: 0, ..ends(min) }),
            Self::Wrap | Self::WrapSaturated { .. } | Self::WrapSignMagnitude { .. } => None,
        }
    }
}
