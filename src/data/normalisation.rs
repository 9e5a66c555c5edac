//! Normalisation: 8-bit pixels to the float32 inputs of a network.

use super::ImageSet;
use hwmodel::cast::nearest_f32;
use serde::{Deserialize, Serialize};

/// Mean and standard deviation of each channel, of pixels scaled to 0…1.
///
/// A pixel p becomes (p / 255 - mean) / std, in float32 and in this order, as torchvision's
/// `ToTensor` and `Normalize` compute it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, not zero.
    pub std: Vec<f32>,
}

impl Normalisation {
    /// Nothing to normalise: of token numbers, which stay as they are.
    pub const fn none() -> Self {
        Self { mean: Vec::new(), std: Vec::new() }
    }

    /// The values used for MNIST, Fashion-MNIST and EMNIST (papers/adapt.md section 7).
    pub fn mnist_family() -> Self {
        Self { mean: vec![0.1307], std: vec![0.3081] }
    }

    /// The values used for CIFAR-10 and CIFAR-100 (papers/adapt.md section 7).
    pub fn cifar() -> Self {
        Self { mean: vec![0.4914, 0.4822, 0.4465], std: vec![0.2023, 0.1994, 0.2010] }
    }

    /// Mean and standard deviation (of the population) of the pixels of `images`.
    ///
    /// A channel whose pixels are all equal, or a set without images, gets a deviation of 1.
    pub fn of_images(images: &ImageSet) -> Self {
        let per_channel = |channel: usize| {
            let (mut sum, mut squares, mut count) = (0u64, 0u64, 0u64);
            for &pixel in images.pixels.iter().skip(channel).step_by(images.channels) {
                let pixel = u64::from(pixel);
                sum += pixel;
                squares += pixel * pixel;
                count += 1;
            }
            let count = count.max(1);
            // count² · variance, exactly: u128 because count · squares outgrows u64.
            let spread = u128::from(count) * u128::from(squares) - u128::from(sum).pow(2);
            let mean = sum as f64 / count as f64 / 255.0;
            let std = (spread as f64).sqrt() / count as f64 / 255.0;
            (nearest_f32(mean), if spread == 0 { 1.0 } else { nearest_f32(std) })
        };
        let (mean, std) = (0..images.channels).map(per_channel).unzip();
        Self { mean, std }
    }

    /// The float of every pixel value, for each channel.
    pub(super) fn tables(&self) -> Vec<[f32; 256]> {
        let table = |(&mean, &std): (&f32, &f32)| {
            std::array::from_fn(|pixel| (pixel as f32 / 255.0 - mean) / std)
        };
        self.mean.iter().zip(&self.std).map(table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(pixels: Vec<u8>) -> ImageSet {
        let labels = vec![0; pixels.len()];
        ImageSet { channels: 1, height: 1, width: 1, pixels, labels }
    }

    #[test]
    fn mean_and_deviation_are_per_channel() {
        let pixels = vec![0, 10, 255, 10];
        let images = ImageSet { channels: 2, height: 1, width: 2, pixels, labels: vec![0] };
        let normalisation = Normalisation::of_images(&images);
        assert_eq!(normalisation.mean, [0.5, 10.0 / 255.0]);
        assert_eq!(normalisation.std, [0.5, 1.0]);
    }

    #[test]
    fn sets_without_spread_have_a_deviation_of_one() {
        assert_eq!(Normalisation::of_images(&grey(vec![])).std, [1.0]);
        assert_eq!(Normalisation::of_images(&grey(vec![200; 9])).std, [1.0]);
    }

    #[test]
    fn tables_follow_the_formula() {
        let tables = Normalisation::cifar().tables();
        assert_eq!(tables.len(), 3);
        assert_eq!(tables[1][0].to_bits(), (-0.4822f32 / 0.1994).to_bits());
        assert_eq!(tables[2][255].to_bits(), ((1.0f32 - 0.4465) / 0.2010).to_bits());
    }
}
