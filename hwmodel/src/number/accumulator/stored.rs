//! Partial sums that are stored in few bits between K-tiles.

use crate::{BitWidth, Overflow, Rounding};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// How the sum of a K-tile is stored until the next one needs it: in `width` bits (two's complement, saturated), in
/// steps of 2^`shift` of the accumulator's last place.
///
/// With `group` 0 every tile is stored on its own, and the stored words are added at the end. With a group g ≥ 1, every
/// g-th tile takes all words stored since the one before with it; the tiles between are stored on their own. g = 1 is one
/// running partial sum.
///
/// This states additive partial-sum quantisation of the kind that APSQ (arXiv 2505.03748) describes in its abstract; it was not
/// compared with the paper's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSums {
    /// Products of a K-tile.
    pub tile: NonZeroU32,
    /// Width of a stored word in bits.
    pub width: BitWidth,
    /// Bits that a stored word leaves out.
    #[serde(default)]
    pub shift: u32,
    /// Rounding mode of these bits.
    #[serde(default = "nearest_even")]
    pub rounding: Rounding,
    /// Tiles of a group; 0 to store every tile on its own.
    #[serde(default = "one")]
    pub group: u32,
    /// Whether the last tile is added to what is stored without being stored itself.
    #[serde(default)]
    pub last_exact: bool,
}

fn nearest_even() -> Rounding {
    Rounding::NearestEven
}

fn one() -> u32 {
    1
}

impl StoredSums {
    /// The longest shift.
    pub const MOST_SHIFT: u32 = 32;

    /// Words of `width` bits stored after every `tile` products, without a shift, as one running sum.
    pub const fn new(tile: NonZeroU32, width: BitWidth) -> Self {
        let rounding = Rounding::NearestEven;
        Self { tile, width, shift: 0, rounding, group: 1, last_exact: false }
    }

    /// Whether tile `index` takes the words stored before it.
    pub(crate) fn takes_stored(&self, index: u64) -> bool {
        self.group > 0 && index.is_multiple_of(self.group.into())
    }

    /// `sum` as it is stored in steps of 2^`shift`, and whether that saturated it.
    ///
    /// ```
    /// use hwmodel::number::accumulator::StoredSums;
    /// use hwmodel::BitWidth;
    /// let stored = StoredSums::new(std::num::NonZeroU32::MIN, BitWidth::new(8)?);
    /// assert_eq!(stored.word(1000, 3), (125, false));
    /// assert_eq!(stored.word(1100, 3), (127, true));
    /// # Ok::<(), hwmodel::BitWidthError>(())
    /// ```
    pub fn word(&self, sum: i128, shift: u32) -> (i128, bool) {
        let rounded = self.rounding.shift_right(sum, shift.min(126), 0);
        Overflow::Saturate.apply(rounded, self.width)
    }

    /// Stores the sums of tiles one after the other, tile i in steps of `2^shifts[i]` (the last shift holds for all tiles
    /// after it); the setting's own shift where there are none.
    pub fn run(&self, tiles: impl IntoIterator<Item = i128>, shifts: &[u32]) -> StoredRun {
        let mut run = StoredRun::default();
        let mut held = 0i128;
        for (index, tile) in tiles.into_iter().enumerate() {
            let shift = shifts.get(index).or(shifts.last()).copied().unwrap_or(self.shift);
            let mut sum = tile;
            if self.takes_stored(index as u64) {
                sum = sum.saturating_add(std::mem::take(&mut held));
            }
            run.last_exact = sum.saturating_add(held);
            let (word, saturated) = self.word(sum, shift);
            held = word.saturating_mul(1 << shift.min(126)).saturating_add(held);
            run.words.push(word);
            run.saturations += u64::from(saturated);
        }
        run.sum = held;
        run
    }
}

/// Partial sums after they were stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredRun {
    /// The word stored for each tile.
    pub words: Vec<i128>,
    /// The sum of the words that are held at the end.
    pub sum: i128,
    /// The same with the last tile exact instead of stored.
    pub last_exact: i128,
    /// Words that were saturated.
    pub saturations: u64,
}
