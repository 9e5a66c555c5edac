//! Depthwise convolutions: as many groups as channels, one filter each.
//!
//! The product of such a group has one column, for which a tile kernel has little to do, and reads one of
//! many channels. Here all groups go side by side: the loops over the places under the kernel are outside,
//! the channels inside, in vectors. Sums are those that the groups one by one would give.

use super::MacArray;
use super::geometry::Convolution2d;
use super::operands::{Operands, Order};
use crate::kernels::RawInteger;
use crate::parallel;
use crate::with_raw;
use num_traits::{AsPrimitive, WrappingAdd, WrappingMul, Zero};

/// Output pixels that a thread computes at a time.
const PIXELS: usize = 32;

/// What lies under the kernel at each output pixel.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    /// Shape of the input, `[n, h, w, c]`.
    pub(crate) input: [usize; 4],
    pub(crate) geometry: Convolution2d,
    /// Output height and width.
    pub(crate) output: [usize; 2],
}

impl Windows {
    /// Calls `visit(term, input pixel)` for every place under the kernel of output pixel `pixel`, row by
    /// row; the input pixel is `None` in the padding.
    #[inline(always)]
    pub(crate) fn for_each_term(&self, pixel: usize, mut visit: impl FnMut(usize, Option<usize>)) {
        let [_, height, width, _] = self.input;
        let [oh, ow] = self.output;
        let Convolution2d { kernel, stride, padding, .. } = self.geometry;
        let (image, y, x) = (pixel / (oh * ow), pixel / ow % oh, pixel % ow);
        let inside = |at: usize, axis: usize, size: usize| {
            at.checked_sub(padding[axis]).filter(|&at| at < size)
        };
        for row in 0..kernel[0] {
            let line = inside(y * stride[0] + row, 0, height);
            for column in 0..kernel[1] {
                let place = inside(x * stride[1] + column, 1, width);
                let source = line.zip(place).map(|(y, x)| (image * height + y) * width + x);
                visit(row * kernel[1] + column, source);
            }
        }
    }
}

/// `[channels, terms]` as `[terms, channels]`, converted.
pub(crate) fn by_terms<T: Copy, E>(
    filters: &[T],
    terms: usize,
    convert: impl Fn(T) -> E,
) -> Vec<E> {
    let channels = filters.len() / terms.max(1);
    let places = (0..terms).flat_map(|term| (0..channels).map(move |c| c * terms + term));
    places.map(|place| convert(filters[place])).collect()
}

/// An accumulator, modulo 2^bits.
pub(super) trait Sum:
    WrappingAdd + WrappingMul + Zero + Copy + Send + Sync + 'static
{
}
impl Sum for i32 {}
impl Sum for i64 {}

impl Operands<'_> {
    /// Whether every group is one channel and one filter, and there are several.
    pub(super) fn is_depthwise(&self) -> bool {
        let groups = self.geometry.groups;
        groups > 1 && self.columns == 1 && self.input[3] == groups && self.order == Order::ByN
    }
}

impl MacArray {
    /// The sums of a depthwise convolution; they are exact where they fit `S`.
    pub(super) fn depthwise_sums<S: Sum>(&self, operands: &Operands<'_>) -> Vec<S>
    where
        i32: AsPrimitive<S>,
    {
        let channels = operands.stride();
        let Operands { input, geometry, output, terms, .. } = *operands;
        let windows = Windows { input, geometry, output };
        let filters: Vec<S> = with_raw!(operands.right.data(), data => {
            by_terms(data, terms, |w| RawInteger::to_i32(w).as_())
        });
        let mut out = vec![S::zero(); operands.rows() * channels];
        with_raw!(operands.left.data(), data => {
            parallel::each(out.chunks_mut((PIXELS * channels).max(1)).enumerate(), |(chunk, out)| {
                self.simd.run(
                    #[inline(always)]
                    || {
                        for (offset, sums) in out.chunks_exact_mut(channels).enumerate() {
                            windows.for_each_term(
                                chunk * PIXELS + offset,
                                #[inline(always)]
                                |term, pixel| {
                                    let Some(pixel) = pixel else { return };
                                    let x = &data[pixel * channels..][..channels];
                                    let w = &filters[term * channels..][..channels];
                                    for ((sum, &x), w) in sums.iter_mut().zip(x).zip(w) {
                                        let x: S = RawInteger::to_i32(x).as_();
                                        *sum = sum.wrapping_add(&x.wrapping_mul(w));
                                    }
                                },
                            );
                        }
                    },
                );
            });
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::random_tensor;
    use super::*;
    use crate::array::accumulator::Accumulator;
    use crate::array::proof::Proof;
    use crate::kernels::SimdLevel;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn channels_side_by_side_are_the_groups_one_by_one(
            batch in 0usize..4, size in [1usize..9, 1usize..9], channels in 2usize..70,
            kernel in [1usize..4, 1usize..4], stride in [1usize..4, 1usize..3],
            padding in [0usize..3, 0usize..3], wl in [1u32..=32, 1u32..=32],
            sparse in 0u32..4, seed: u64,
        ) {
            let geometry = Convolution2d { kernel, stride, padding, groups: channels };
            prop_assume!(geometry.output_size(size).is_some());
            let x = random_tensor(&[batch, size[0], size[1], channels], wl[0], seed, sparse);
            let w = random_tensor(&[channels, kernel[0], kernel[1], 1], wl[1], !seed, sparse);
            for simd in SimdLevel::testable() {
                let array = MacArray { simd, accumulator: Accumulator::default() };
                let operands = array.convolution(&x, &w, geometry).unwrap();
                prop_assert!(operands.is_depthwise());
                let proof = Proof::new(&array, &operands);
                let wide: Vec<i64> = array.wrapping_sums(&operands, &proof);
                prop_assert_eq!(array.depthwise_sums::<i64>(&operands), wide, "{}", simd);
                if proof.words && proof.bound <= f64::from(i32::MAX) {
                    let narrow = array.sums_i32(&operands, &proof);
                    prop_assert_eq!(array.depthwise_sums::<i32>(&operands), narrow, "{}", simd);
                }
            }
        }
    }

    #[test]
    fn other_products_are_not_depthwise() {
        let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
        let is_depthwise = |channels: usize, filters: usize, groups: usize| {
            let geometry = Convolution2d { groups, ..Convolution2d::square(3, 1, 1) };
            let x = random_tensor(&[1, 4, 4, channels], 8, 1, 0);
            let w = random_tensor(&[filters, 3, 3, channels / groups], 8, 2, 0);
            array.convolution(&x, &w, geometry).unwrap().is_depthwise()
        };
        assert!(is_depthwise(4, 4, 4));
        assert!(!is_depthwise(1, 1, 1) && !is_depthwise(4, 8, 4) && !is_depthwise(4, 4, 2));
    }

    /// A kernel row at x = 0 of a 1×3 image with padding 1: padding, pixel 0, pixel 1.
    #[test]
    fn terms_name_the_pixels_under_the_kernel() {
        let geometry = Convolution2d { kernel: [1, 3], stride: [1, 2], padding: [0, 1], groups: 1 };
        let windows = Windows { input: [2, 1, 3, 1], geometry, output: [1, 2] };
        let terms = |pixel| {
            let mut seen = Vec::new();
            windows.for_each_term(pixel, |term, source| seen.push((term, source)));
            seen
        };
        assert_eq!(terms(0), [(0, None), (1, Some(0)), (2, Some(1))]);
        assert_eq!(terms(3), [(0, Some(4)), (1, Some(5)), (2, None)]);
    }
}
