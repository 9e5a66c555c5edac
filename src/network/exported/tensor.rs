//! What a value of the network is in the file.

use super::error::Refusal;
use super::target::Target;
use hwmodel::{Format, Overflow, Rounding};

/// How the axes of a value lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[N, C, H, W]`.
    Image,
    /// `[N, C, L]`: one row.
    Row,
    /// `[N, F]`: one pixel.
    Features,
}

impl Layout {
    /// What belongs to height and width, as this layout has it.
    pub(super) fn spatial(self, [h, w]: [usize; 2]) -> Vec<i64> {
        let sizes = match self {
            Self::Image => vec![h, w],
            Self::Row => vec![w],
            Self::Features => Vec::new(),
        };
        sizes.into_iter().map(hwmodel::cast::low).collect()
    }
}

/// A value of the network.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// Name of its real numbers in the file.
    pub(super) name: String,
    /// Its shape here, `[h, w, c]`.
    pub(super) shape: [usize; 3],
    /// Its axes in the file.
    pub(super) layout: Layout,
    /// For each channel of one pixel its place in the file, if that is another: of flattened images.
    pub(super) places: Option<Vec<usize>>,
    /// Its words; `None` of float32 numbers.
    pub(super) words: Option<Words>,
}

/// The words of a value: no raw integer is below or above `range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) format: Format,
    pub(super) range: (i64, i64),
}

impl Words {
    /// The largest magnitude.
    pub(super) fn magnitude(self) -> u64 {
        self.range.0.unsigned_abs().max(self.range.1.unsigned_abs())
    }
}

/// A quantiser to words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quantiser {
    pub(super) format: Format,
    pub(super) rounding: Rounding,
    /// The words that it makes.
    pub(super) range: (i64, i64),
}

/// The exponents of normal float32 numbers.
const NORMAL: std::ops::RangeInclusive<i32> = -126..=126;

impl Quantiser {
    /// A quantiser of these modes, if `target` has it.
    pub(super) fn new(
        format: Format,
        rounding: Rounding,
        overflow: Overflow,
        target: Target,
    ) -> Result<Self, Refusal> {
        let (low, high) = (format.min_raw(), format.max_raw());
        let range = match overflow {
            Overflow::Saturate => (low, high),
            Overflow::SaturateSymmetric => (low.max(-high), high),
            other => return Err(Refusal::Overflow(other)),
        };
        check_words(format, target)?;
        if !target.has_rounding(rounding) {
            return Err(Refusal::Rounding { rounding, target });
        }
        Ok(Self { format, rounding, range })
    }

    /// The words that it makes.
    pub(super) fn words(self) -> Words {
        Words { format: self.format, range: self.range }
    }
}

/// Refuses words that `target` does not have.
pub(super) fn check_words(format: Format, target: Target) -> Result<(), Refusal> {
    if format.wl() > target.longest_word() {
        return Err(Refusal::WordLength { wl: format.wl(), target });
    }
    if target == Target::Qonnx && format.is_signed() && format.wl() == 1 {
        return Err(Refusal::OneBit);
    }
    check_step(format.fl())
}

/// Refuses steps 2^-`fl` that are not normal float32 numbers.
pub(super) fn check_step(fl: i32) -> Result<(), Refusal> {
    if NORMAL.contains(&fl) { Ok(()) } else { Err(Refusal::Step(-fl)) }
}
