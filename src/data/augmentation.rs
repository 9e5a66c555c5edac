//! Random variation of training images.

use hwmodel::random::{below, generator};
use serde::{Deserialize, Serialize};

/// Names the random numbers of augmentation among those of a run.
const PURPOSE: u64 = u64::from_be_bytes(*b"augment ");

/// Random variation of a training image: a crop at a random place of the image padded with black
/// pixels, then a horizontal flip of every second image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Black pixels (0 before normalisation) on each side, from which a crop of the original size
    /// is taken; 0 for no crop.
    pub padding: u16,
    /// Whether half of the images are mirrored left to right.
    pub horizontal_flip: bool,
}

/// Where the crop of one image lies and whether it is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placement {
    /// Row of the image that becomes the first row; negative: that many rows of padding.
    pub(super) top: isize,
    /// Column of the image that becomes the first column.
    pub(super) left: isize,
    /// Whether the crop is mirrored.
    pub(super) flip: bool,
}

impl Augmentation {
    /// Crop with 4 pixels of padding and flip, as used for CIFAR (papers/adapt.md section 7).
    pub const CIFAR: Self = Self { padding: 4, horizontal_flip: true };

    /// The placement of image `index` in `epoch`: a function of the three numbers alone.
    pub(super) fn placement(&self, seed: u64, epoch: u64, index: u32) -> Placement {
        let mut generator = generator(seed, &[PURPOSE, epoch, u64::from(index)]);
        let offsets = 2 * u32::from(self.padding) + 1;
        let mut offset = || below(&mut generator, offsets) as isize - self.padding as isize;
        let (top, left) = (offset(), offset());
        let flip = self.horizontal_flip && below(&mut generator, 2) == 1;
        Placement { top, left, flip }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_and_both_sides_occur_equally_often() {
        let mut tops = [0; 9];
        let mut lefts = [0; 9];
        let mut flips = 0;
        for index in 0..9000 {
            let placement = Augmentation::CIFAR.placement(1, 2, index);
            tops[(placement.top + 4) as usize] += 1;
            lefts[(placement.left + 4) as usize] += 1;
            flips += u32::from(placement.flip);
        }
        assert!(tops.iter().chain(&lefts).all(|count| (880..1120).contains(count)), "{tops:?}");
        assert!((4300..4700).contains(&flips), "{flips}");
    }

    #[test]
    fn seed_epoch_and_image_all_count() {
        let sequence = |seed, epoch, first| -> Vec<Placement> {
            (first..first + 20).map(|i| Augmentation::CIFAR.placement(seed, epoch, i)).collect()
        };
        let base = sequence(1, 2, 0);
        assert_eq!(base, sequence(1, 2, 0));
        assert_ne!(base, sequence(2, 2, 0));
        assert_ne!(base, sequence(1, 3, 0));
        assert_ne!(base, sequence(1, 2, 20));
    }

    #[test]
    fn nothing_to_vary_gives_the_image_as_it_is() {
        let none = Augmentation { padding: 0, horizontal_flip: false };
        let unchanged = Placement { top: 0, left: 0, flip: false };
        assert!((0..50).all(|index| none.placement(7, 0, index) == unchanged));
    }

    /// Published results depend on these values: a change here belongs into the changelog.
    #[test]
    fn placements_are_stable() {
        let drawn: Vec<_> = (0..3)
            .map(|index| Augmentation::CIFAR.placement(42, 1, index))
            .map(|placement| (placement.top, placement.left, placement.flip))
            .collect();
        assert_eq!(drawn, [(-2, 2, false), (0, -2, false), (-4, 1, false)]);
    }
}
