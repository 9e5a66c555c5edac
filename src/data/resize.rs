//! Resizing images to the size that a network takes.
//!
//! Bilinear with half-pixel centres: output x looks at input (x + ½)·(input / output) - ½. When an
//! image shrinks, the triangle filter widens by the factor of reduction (antialiasing); when it
//! grows, this is plain bilinear interpolation. Rows first, then columns, each rounded to 8 bits
//! from weights of 22 fractional bits: bit for bit what Pillow's `resize(…, BILINEAR)` and with it
//! torchvision's `Resize` of PIL images give.

use hwmodel::cast::{exact, toward_zero};

/// Fractional bits of the filter weights.
const WEIGHT_BITS: u32 = 22;

/// A resize of images of one shape to another; made once, applied to many images.
pub(super) struct Resize {
    channels: usize,
    /// Columns of the input.
    width: usize,
    columns: Vec<Taps>,
    rows: Vec<Taps>,
}

/// The inputs of one output: the index of the first and the weights of it and those after it.
struct Taps {
    first: usize,
    weights: Vec<i64>,
}

impl Resize {
    /// A resize of images of `channels` channels between sizes `[height, width]` in pixels; all numbers are at least 1.
    pub(super) fn new(from: [usize; 2], to: [usize; 2], channels: usize) -> Self {
        let [rows, columns] = [0, 1].map(|axis| taps(from[axis], to[axis]));
        Self { channels, width: from[1], columns, rows }
    }

    /// Resizes `image`, `[height, width, channels]`, into `output`, `[height, width, channels]` of the new size.
    pub(super) fn apply(&self, image: &[u8], output: &mut [u8]) {
        let channels = self.channels;
        let narrow_row = self.columns.len() * channels;
        let mut narrow = Vec::with_capacity(self.rows.len() * narrow_row);
        for row in image.chunks_exact(self.width * channels) {
            for taps in &self.columns {
                for channel in 0..channels {
                    let start = taps.first * channels + channel;
                    narrow.push(taps.sum(row[start..].iter().step_by(channels)));
                }
            }
        }
        for (taps, row) in self.rows.iter().zip(output.chunks_exact_mut(narrow_row)) {
            for (place, value) in row.iter_mut().enumerate() {
                let start = taps.first * narrow_row + place;
                *value = taps.sum(narrow[start..].iter().step_by(narrow_row));
            }
        }
    }
}

impl Taps {
    /// The weighted sum of the inputs, rounded half up.
    fn sum<'a>(&self, inputs: impl Iterator<Item = &'a u8>) -> u8 {
        let products = self.weights.iter().zip(inputs).map(|(&w, &input)| w * i64::from(input));
        let sum = (1 << (WEIGHT_BITS - 1)) + products.sum::<i64>();
        exact::<u8>((sum >> WEIGHT_BITS).clamp(0, 255))
    }
}

/// The taps of the `outputs` outputs of a line of `length` inputs.
fn taps(length: usize, outputs: usize) -> Vec<Taps> {
    let scale = length as f64 / outputs as f64;
    let radius = scale.max(1.0);
    let one = f64::from(1u32 << WEIGHT_BITS);
    (0..outputs)
        .map(|output| {
            let centre = (output as f64 + 0.5) * scale;
            let first = toward_zero::<usize>((centre - radius + 0.5).max(0.0));
            let end = toward_zero::<usize>(centre + radius + 0.5).min(length);
            let heights: Vec<f64> = (first..end)
                .map(|input| (1.0 - ((input as f64 - centre + 0.5) / radius).abs()).max(0.0))
                .collect();
            let total: f64 = heights.iter().sum();
            let weights =
                heights.iter().map(|h| toward_zero::<i64>(h / total * one + 0.5)).collect();
            Taps { first, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Crc;

    const SIDE: usize = 32;

    fn resized(height: usize, width: usize, channels: usize, image: &[u8]) -> Vec<u8> {
        let mut output = vec![0; SIDE * SIDE * channels];
        Resize::new([height, width], [SIDE; 2], channels).apply(image, &mut output);
        output
    }

    fn pattern(height: usize, width: usize, channels: usize) -> Vec<u8> {
        let mut image = Vec::new();
        for y in 0..height {
            for x in 0..width {
                for channel in 0..channels {
                    image.push(((x * 37 + y * 101 + x * y * 13 + channel * 71) / 2) as u8);
                }
            }
        }
        image
    }

    /// CRC-32 of what Pillow 11.0 gives for the same pattern with `resize((32, 32), BILINEAR)`.
    #[test]
    fn enlarging_and_shrinking_equal_pillow() {
        for (width, height, channels, expected) in [
            (28, 28, 1, 0x7ded_1015),
            (50, 41, 1, 0xabb1_bc20),
            (5, 7, 3, 0x48d3_3e03),
            (32, 19, 3, 0x85db_5de2),
            (1, 1, 3, 0x4db9_8478),
            (333, 32, 1, 0x353b_f2cb),
            (64, 64, 3, 0x4cf5_fb50),
        ] {
            let output = resized(height, width, channels, &pattern(height, width, channels));
            let mut crc = Crc::new();
            crc.update(&output);
            assert_eq!(crc.sum(), expected, "{width}×{height}×{channels}: {:?}", &output[..6]);
        }
    }

    #[test]
    fn an_image_of_32_by_32_is_unchanged() {
        let image = pattern(SIDE, SIDE, 3);
        assert_eq!(resized(SIDE, SIDE, 3, &image), image);
    }

    #[test]
    fn doubling_weighs_neighbours_by_a_quarter() {
        let mut image = vec![0; 16 * 16];
        image[5] = 200;
        let row = &resized(16, 16, 1, &image)[..SIDE];
        assert_eq!(row[8..14], [0, 50, 150, 150, 50, 0]);
    }
}
