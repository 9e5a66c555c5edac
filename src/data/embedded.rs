//! The slice of Fashion-MNIST that is embedded in the program, `fashion-mnist-slice`.
//!
//! The first 600 training and the first 100 test images of every class, in file order: 6,000 and
//! 1,000 images, made by scripts/make_fashion_slice.py. It goes through the same readers as files.

use super::mnist::{Storage, read_own_size, read_set};
use super::stream::Stream;
use super::{DataError, ImageSet};
use std::path::Path;

/// A file of the slice: its name in error texts and its content.
type Embedded = (&'static str, &'static [u8]);

macro_rules! embedded {
    ($name:literal) => {
        (concat!("embedded ", $name), include_bytes!(concat!("embedded/", $name)))
    };
}

const TRAIN_IMAGES: Embedded = embedded!("train-images-idx3-ubyte.gz");
const TRAIN_LABELS: Embedded = embedded!("train-labels-idx1-ubyte.gz");
const TEST_IMAGES: Embedded = embedded!("t10k-images-idx3-ubyte.gz");
const TEST_LABELS: Embedded = embedded!("t10k-labels-idx1-ubyte.gz");

/// The training and the test set of the slice.
pub(super) fn load(storage: Storage, size: [usize; 2]) -> Result<(ImageSet, ImageSet), DataError> {
    let train = read_set(open(TRAIN_IMAGES)?, open(TRAIN_LABELS)?, storage, size)?;
    let test = read_set(open(TEST_IMAGES)?, open(TEST_LABELS)?, storage, size)?;
    Ok((train, test))
}

/// The test set of the slice with its images as they are stored.
pub(super) fn load_test(storage: Storage) -> Result<ImageSet, DataError> {
    read_own_size(open(TEST_IMAGES)?, open(TEST_LABELS)?, storage)
}

fn open((name, bytes): Embedded) -> Result<Stream<'static>, DataError> {
    Stream::of_bytes(Path::new(name), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::idx::{read_images, read_labels};
    use flate2::Crc;

    fn crc(bytes: &[u8]) -> u32 {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum()
    }

    /// Checksums of the 28×28 pixels and of the labels, as scripts/make_fashion_slice.py prints them.
    #[test]
    fn the_slice_is_the_one_that_the_script_makes() {
        for (images, labels, count, pixel_sum, label_sum) in [
            (TRAIN_IMAGES, TRAIN_LABELS, 6000, 0xf621_bb3e, 0x72b5_8b47),
            (TEST_IMAGES, TEST_LABELS, 1000, 0x33c8_fc15, 0xaf44_b2d4),
        ] {
            let images = read_images(open(images).unwrap()).unwrap();
            assert_eq!((images.count, images.height, images.width), (count, 28, 28));
            assert_eq!(crc(&images.pixels), pixel_sum);
            let labels = read_labels(open(labels).unwrap(), 0, 10).unwrap();
            let bytes: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
            assert_eq!(crc(&bytes), label_sum);
        }
    }

    #[test]
    fn classes_are_balanced_and_images_resized() {
        let storage = Storage { classes: 10, first_label: 0, transposed: false };
        let (train, test) = load(storage, crate::data::DEFAULT_SIZE).unwrap();
        assert_eq!(train.class_counts(10), [600; 10]);
        assert_eq!(test.class_counts(10), [100; 10]);
        assert_eq!((train.channels, train.height, train.width), (1, 32, 32));
        assert_eq!(train.pixels.len(), 6000 * 32 * 32);
        assert_eq!(test.pixels.len(), 1000 * 32 * 32);
    }
}
