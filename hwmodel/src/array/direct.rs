//! Convolutions of one image on an exact array, a few rows at a time, for sums that are used while they are in the cache.
//!
//! Words and weights are 16 bits long and images are padded, so that the patches of an output row lie in the image itself: the
//! kernels read them there, and nothing is unfolded.

use crate::kernels::{SimdLevel, TileKernel, int16_kernel};

/// Outputs of a pixel are stored in multiples of so many.
const LANES: usize = 8;

/// Sums of a block of rows in memory, unless one row has more.
const MOST_SUMS: usize = 1 << 12;

/// How filters lie on a padded image `[height, width, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectShape {
    /// Padded height and width of the image.
    pub image: [usize; 2],
    /// Channels of the image.
    pub channels: usize,
    /// Number of filters.
    pub filters: usize,
    /// Groups into which channels and filters are split.
    pub groups: usize,
    /// Height and width of a filter.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Vertical and horizontal dilation.
    pub dilation: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
}

/// Filters packed for the convolution of images of one shape.
///
/// ```
/// use hwmodel::SimdLevel;
/// use hwmodel::array::{DirectFilters, DirectShape};
/// let shape = DirectShape {
///     image: [1, 4],
///     channels: 1,
///     filters: 1,
///     groups: 1,
///     kernel: [1, 2],
///     stride: [1, 1],
///     dilation: [1, 1],
///     output: [1, 3],
/// };
/// let filters = DirectFilters::new(SimdLevel::best(), shape, &[10, 1]);
/// let mut image = vec![0i16; filters.image_len()];
/// image[..4].copy_from_slice(&[1, 2, 3, 4]);
/// let mut sums = vec![0; filters.sums_len()];
/// filters.rows(&image, 0..1, &mut sums);
/// let of_pixel = |x: usize| sums[filters.place(0, x)];
/// assert_eq!([0, 1, 2].map(of_pixel), [12, 23, 34]);
/// ```
pub struct DirectFilters {
    simd: SimdLevel,
    shape: DirectShape,
    product: Product,
    /// Outputs from one output pixel to the next in the buffer of sums.
    pixel: usize,
    /// Output pixels from one row to the next in the buffer of sums.
    pitch: usize,
    block: usize,
}

/// How the sums are made.
enum Product {
    /// Each channel by itself: weights `[tap][channel]`, padded to whole vectors.
    Depthwise(Vec<i16>),
    /// Tiles of pixels × filters.
    Tiles {
        kernel: TileKernel<i16, i32>,
        /// For each group and panel of filters the weights of every run, `[group of k][filter][k]`.
        panels: Vec<i16>,
        /// Where the runs of a patch begin: neighbouring words of the image, which neighbouring weights multiply.
        runs: Vec<usize>,
        /// Words of a run, in whole groups of the kernel.
        length: usize,
    },
}

impl DirectFilters {
    /// Filters `[o, kh, kw, c / groups]`.
    ///
    /// # Panics
    /// If the sizes do not fit each other or the weights: the output must lie in the padded image.
    pub fn new(simd: SimdLevel, shape: DirectShape, weights: &[i16]) -> Self {
        let DirectShape { image, channels, filters, groups, kernel, stride, dilation, output } =
            shape;
        let sizes = [groups, channels, filters, kernel[0], kernel[1], output[0], output[1]];
        assert!(sizes.iter().all(|&size| size > 0), "no size is 0");
        assert!(channels.is_multiple_of(groups) && filters.is_multiple_of(groups));
        let of_group = channels / groups;
        assert_eq!(weights.len(), filters * kernel[0] * kernel[1] * of_group);
        for axis in 0..2 {
            let last = (output[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis];
            assert!(last < image[axis], "windows lie in the image");
        }
        let pixel = filters.next_multiple_of(LANES);
        let taps = kernel[0] * kernel[1];
        if of_group == 1 && filters == channels {
            let mut by_tap = vec![0; taps * pixel];
            for (filter, weights) in weights.chunks_exact(taps).enumerate() {
                for (tap, &weight) in weights.iter().enumerate() {
                    by_tap[tap * pixel + filter] = weight;
                }
            }
            let block = (MOST_SUMS / (output[1] * pixel)).clamp(1, output[0]);
            let product = Product::Depthwise(by_tap);
            return Self { simd, shape, product, pixel, pitch: output[1], block };
        }
        let per_group = filters / groups;
        let tile = int16_kernel(simd, per_group);
        let whole_rows = groups == 1 && dilation[1] == 1;
        let (row, column) = (image[1] * channels * dilation[0], channels * dilation[1]);
        let runs: Vec<usize> = match whole_rows {
            true => (0..kernel[0]).map(|y| y * row).collect(),
            false => {
                (0..taps).map(|tap| tap / kernel[1] * row + tap % kernel[1] * column).collect()
            }
        };
        let terms = if whole_rows { kernel[1] * of_group } else { of_group };
        let length = terms.next_multiple_of(tile.multiple);
        let of_filter = taps * of_group;
        let panels_of_group = per_group.div_ceil(tile.columns);
        let mut panels = vec![0; groups * panels_of_group * runs.len() * length * tile.columns];
        let each = panels.chunks_exact_mut(length * tile.columns).enumerate();
        for (index, panel) in each {
            let (run, rest) = (index % runs.len(), index / runs.len());
            let (first, group) = (rest % panels_of_group * tile.columns, rest / panels_of_group);
            for column in 0..tile.columns.min(per_group - first) {
                let filter = group * per_group + first + column;
                let weights = &weights[filter * of_filter + run * terms..][..terms];
                for (k, &weight) in weights.iter().enumerate() {
                    let place = (k / tile.group * tile.columns + column) * tile.group;
                    panel[place + k % tile.group] = weight;
                }
            }
        }
        // With stride 1 the pixels of several rows follow each other at equal distances in the image.
        let pitch = if stride == [1, 1] { image[1] } else { output[1] };
        let tiled = pitch.next_multiple_of(tile.rows);
        let pitch = if stride == [1, 1] { pitch } else { tiled };
        let pixel = match groups {
            1 => (panels_of_group * tile.columns).next_multiple_of(LANES),
            _ => pixel,
        };
        let block = (MOST_SUMS / (pitch * pixel)).clamp(1, output[0]);
        let product = Product::Tiles { kernel: tile, panels, runs, length };
        Self { simd, shape, product, pixel, pitch, block }
    }

    /// The shape.
    pub fn shape(&self) -> &DirectShape {
        &self.shape
    }

    /// Output rows that are best computed at a time.
    pub fn block_rows(&self) -> usize {
        self.block
    }

    /// Words of a padded image and of what the kernels may read behind it, which changes no sum.
    pub fn image_len(&self) -> usize {
        let DirectShape { image, channels, stride, .. } = self.shape;
        let behind = match &self.product {
            Product::Depthwise(_) => LANES,
            Product::Tiles { kernel, length, .. } => {
                // Pixels that fill up the last tile, at both ends of the row of pixels.
                2 * kernel.rows * stride[1] * channels + image[1] * channels + length
            }
        };
        image[0] * image[1] * channels + behind
    }

    /// Sums of [`block_rows`](Self::block_rows) rows in memory.
    pub fn sums_len(&self) -> usize {
        (self.block * self.pitch).next_multiple_of(32) * self.pixel + 32 * self.pixel
    }

    /// Where the sums of output pixel `x` of row `row` of a block begin; a filter each follows.
    #[inline]
    pub fn place(&self, row: usize, x: usize) -> usize {
        (row * self.pitch + x) * self.pixel
    }

    /// Computes the sums of the output rows `rows`, at most [`block_rows`](Self::block_rows), modulo 2^32.
    ///
    /// # Panics
    /// If the image or the buffer of sums is shorter than [`image_len`](Self::image_len) and [`sums_len`](Self::sums_len).
    pub fn rows(&self, image: &[i16], rows: std::ops::Range<usize>, sums: &mut [i32]) {
        assert!(rows.len() <= self.block && rows.end <= self.shape.output[0]);
        assert!(image.len() >= self.image_len() && sums.len() >= self.sums_len());
        let run = (image, rows, sums);
        self.simd.run(
            #[inline(always)]
            || self.all_rows(run),
        );
    }

    #[inline(always)]
    fn all_rows(&self, (image, rows, sums): (&[i16], std::ops::Range<usize>, &mut [i32])) {
        match &self.product {
            Product::Depthwise(weights) => self.depthwise(weights, image, rows, sums),
            Product::Tiles { kernel, panels, runs, length } => {
                let DirectShape { image: [_, width], channels, stride, .. } = self.shape;
                let line = width * channels * stride[0];
                let kernel = (kernel, panels.as_slice(), runs.as_slice(), *length);
                if stride == [1, 1] {
                    let pixels = (rows.len() - 1) * self.pitch + self.shape.output[1];
                    self.tiles(kernel, &image[rows.start * line..], pixels, sums);
                    return;
                }
                for (place, row) in rows.enumerate() {
                    let sums = &mut sums[self.place(place, 0)..];
                    self.tiles(kernel, &image[row * line..], self.shape.output[1], sums);
                }
            }
        }
    }

    /// The sums of `pixels` pixels that follow each other.
    #[inline(always)]
    fn tiles(
        &self,
        (kernel, panels, runs, length): (&TileKernel<i16, i32>, &[i16], &[usize], usize),
        image: &[i16],
        pixels: usize,
        sums: &mut [i32],
    ) {
        let DirectShape { channels, filters, groups, stride, .. } = self.shape;
        let (of_group, per_group) = (channels / groups, filters / groups);
        let step = stride[1] * channels;
        let of_panel = runs.len() * length * kernel.columns;
        let panels_of_group = per_group.div_ceil(kernel.columns);
        for (index, panel) in panels.chunks_exact(of_panel).enumerate() {
            let (first, group) =
                (index % panels_of_group * kernel.columns, index / panels_of_group);
            // Columns that fill up a panel lie behind the last filter, unless another group follows there.
            let columns = match groups {
                1 => kernel.columns,
                _ => kernel.columns.min(per_group - first),
            };
            let column = group * per_group + first;
            for pixel in (0..pixels).step_by(kernel.rows) {
                let image = &image[pixel * step + group * of_group..];
                let sums = &mut sums[pixel * self.pixel + column..];
                let weights = panel.chunks_exact(length * kernel.columns);
                for (index, (&run, weights)) in runs.iter().zip(weights).enumerate() {
                    kernel.run(
                        &image[run..],
                        (step, kernel.group),
                        weights,
                        length,
                        sums,
                        self.pixel,
                        (kernel.rows, columns),
                        index > 0,
                    );
                }
            }
        }
    }

    #[inline(always)]
    fn depthwise(
        &self,
        weights: &[i16],
        image: &[i16],
        rows: std::ops::Range<usize>,
        sums: &mut [i32],
    ) {
        let DirectShape { image: [_, width], channels, kernel, stride, dilation, output, .. } =
            self.shape;
        for (place, row) in rows.enumerate() {
            for x in 0..output[1] {
                let first = (row * stride[0] * width + x * stride[1]) * channels;
                let sums = &mut sums[self.place(place, x)..][..self.pixel];
                for (vector, sums) in sums.chunks_exact_mut(LANES).enumerate() {
                    let mut totals = [0i32; LANES];
                    for tap in 0..kernel[0] * kernel[1] {
                        let (y, x) = (tap / kernel[1], tap % kernel[1]);
                        let at = (y * dilation[0] * width + x * dilation[1]) * channels;
                        let words = &image[first + at + vector * LANES..][..LANES];
                        let weights = &weights[tap * self.pixel + vector * LANES..][..LANES];
                        for lane in 0..LANES {
                            let product = i32::from(words[lane]) * i32::from(weights[lane]);
                            totals[lane] = totals[lane].wrapping_add(product);
                        }
                    }
                    sums.copy_from_slice(&totals);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn sums_are_their_definition(
            kernel in [1usize..4, 1..4],
            stride in [1usize..3, 1..3],
            dilation in [1usize..3, 1..3],
            output in [1usize..8, 1..12],
            (groups, of_group, per_group) in (1usize..4, 1usize..6, 1usize..20),
            seed in 0u64..1 << 40,
        ) {
            let reach = |axis: usize| (output[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1;
            let image = [reach(0) + (seed % 2) as usize, reach(1) + (seed / 2 % 2) as usize];
            let (channels, filters) = (groups * of_group, groups * per_group);
            let shape = DirectShape { image, channels, filters, groups, kernel, stride, dilation, output };
            let word = |index: usize, seed: u64| {
                ((seed + index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as i16 % 1000
            };
            let taps = kernel[0] * kernel[1];
            let weights: Vec<i16> = (0..filters * taps * of_group).map(|i| word(i, seed)).collect();
            for simd in SimdLevel::available() {
                let direct = DirectFilters::new(simd, shape, &weights);
                // What lies behind the image changes nothing.
                let words: Vec<i16> = (0..direct.image_len()).map(|i| word(i, seed + 9999)).collect();
                let mut sums = vec![i32::MAX; direct.sums_len()];
                for start in (0..output[0]).step_by(direct.block_rows()) {
                    let rows = start..output[0].min(start + direct.block_rows());
                    direct.rows(&words, rows.clone(), &mut sums);
                    for y in rows.clone() {
                        for x in 0..output[1] {
                            for o in 0..filters {
                                let mut sum = 0i32;
                                for tap in 0..taps {
                                    let at_y = y * stride[0] + tap / kernel[1] * dilation[0];
                                    let at_x = x * stride[1] + tap % kernel[1] * dilation[1];
                                    for c in 0..of_group {
                                        let a = words[(at_y * image[1] + at_x) * channels + o / per_group * of_group + c];
                                        let b = weights[(o * taps + tap) * of_group + c];
                                        sum = sum.wrapping_add(i32::from(a) * i32::from(b));
                                    }
                                }
                                prop_assert_eq!(sums[direct.place(y - rows.start, x) + o], sum);
                            }
                        }
                    }
                }
            }
        }
    }
}
