//! A set of labelled images of one size.

use super::DataError;
use super::resize::Resize;
use rayon::prelude::*;

/// Height and width in pixels of images that are loaded without a size.
pub const DEFAULT_SIZE: [usize; 2] = [32, 32];

/// The most bytes of the images of a set.
const MAX_BYTES: usize = 1 << 34;

/// Bytes of `images` images of `channels` channels and `size` pixels.
///
/// # Errors
/// If they are more than a set may have, or a size is 0.
pub(super) fn bytes(images: usize, channels: usize, size: [usize; 2]) -> Result<usize, DataError> {
    let [height, width] = size;
    let area = height.checked_mul(width).filter(|&area| area > 0);
    let bytes = area.and_then(|area| area.checked_mul(channels)?.checked_mul(images));
    bytes.filter(|&bytes| bytes <= MAX_BYTES).ok_or(DataError::ImageSize { images, size })
}

/// Labelled images of one size, 8 bits a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    /// Channels of a pixel: 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Pixels in NHWC order: `pixels[((n * height + y) * width + x) * channels + c]`.
    pub pixels: Vec<u8>,
    /// The class of each image.
    pub labels: Vec<u16>,
}

impl ImageSet {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes of one image: height · width · channels.
    pub fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The pixels of image `index`, `[height, width, channels]`.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        let length = self.image_len();
        &self.pixels[index * length..][..length]
    }

    /// The same images with `[height, width]` pixels, without keeping their aspect ratio.
    ///
    /// # Errors
    /// If they take too much memory.
    pub(super) fn resized(self, size: [usize; 2]) -> Result<Self, DataError> {
        if size == [self.height, self.width] {
            return Ok(self);
        }
        let mut pixels = vec![0; bytes(self.len(), self.channels, size)?];
        let resize = Resize::new([self.height, self.width], size, self.channels);
        let images = self.pixels.par_chunks_exact(self.image_len());
        pixels
            .par_chunks_exact_mut(size[0] * size[1] * self.channels)
            .zip(images)
            .for_each(|(output, image)| resize.apply(image, output));
        Ok(Self { height: size[0], width: size[1], pixels, ..self })
    }

    /// Images of each class 0 to `classes` - 1; images of other classes are not counted.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for &label in &self.labels {
            if let Some(count) = counts.get_mut(usize::from(label)) {
                *count += 1;
            }
        }
        counts
    }

    /// The images `indices`, in that order.
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    pub fn select(&self, indices: &[u32]) -> Self {
        let mut pixels = Vec::with_capacity(indices.len() * self.image_len());
        for &index in indices {
            pixels.extend_from_slice(self.image(index as usize));
        }
        let labels = indices.iter().map(|&index| self.labels[index as usize]).collect();
        Self { pixels, labels, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_addressed_counted_and_selected() {
        let set = ImageSet {
            channels: 2,
            height: 1,
            width: 2,
            pixels: (0..12).collect(),
            labels: vec![1, 0, 1],
        };
        assert_eq!((set.len(), set.is_empty(), set.image_len()), (3, false, 4));
        assert_eq!(set.image(1), [4, 5, 6, 7]);
        assert_eq!(set.class_counts(3), [1, 2, 0]);
        assert_eq!(set.class_counts(1), [1]);
        let picked = set.select(&[2, 0]);
        assert_eq!(picked.pixels, [8, 9, 10, 11, 0, 1, 2, 3]);
        assert_eq!(picked.labels, [1, 1]);
    }
}
