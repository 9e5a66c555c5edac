//! Depthwise convolutions: as many groups as channels, one filter each.
//!
//! The product of such a group has one column, which leaves a tile kernel mostly idle, and reads one of many channels. Here
//! all groups are computed together: the outer loop runs over the positions of the kernel, the inner one over the channels,
//! in vectors. The sums equal those of the groups computed one by one.

use crate::array::operands::{Operands, Order};
use crate::blocking::{BlockProduct, SumRows, Windows, by_terms};
use crate::kernels::{RawInteger, SimdLevel};
use crate::number::tensor::FixedTensor;
use crate::with_narrow;
use num_traits::{AsPrimitive, WrappingAdd, WrappingMul, Zero};

/// Output pixels that a thread computes at a time.
const PIXELS: usize = 32;

/// An accumulator, modulo 2^bits.
pub(super) trait Sum:
    WrappingAdd + WrappingMul + Zero + Copy + Send + Sync + 'static
{
}
impl Sum for i32 {}
impl Sum for i64 {}

impl Operands<'_> {
    /// Whether every group is one channel and one filter, and there are several.
    pub(in crate::array) fn is_depthwise(&self) -> bool {
        let groups = self.geometry.groups;
        groups > 1 && self.columns == 1 && self.input[3] == groups && self.order == Order::ByN
    }

    /// Whether a block of rows has all columns at once, so that a sink can use whole rows.
    pub(in crate::array) fn rows_are_complete(&self) -> bool {
        self.geometry.groups == 1 || self.is_depthwise()
    }
}

/// A depthwise convolution, all channels together.
pub(super) struct DepthwiseProduct<'a, S> {
    simd: SimdLevel,
    x: &'a FixedTensor,
    windows: Windows,
    /// `[terms, channels]`.
    filters: Vec<S>,
    shape: [usize; 2],
}

impl<'a, S: Sum> DepthwiseProduct<'a, S>
where
    i32: AsPrimitive<S>,
{
    pub(super) fn new(simd: SimdLevel, operands: &Operands<'a>) -> Self {
        let Operands { left, input, geometry, output, terms, .. } = *operands;
        let filters = with_narrow!(operands.right.data(), data => {
            by_terms(data, terms, |w| RawInteger::to_i32(w).as_())
        });
        let shape = [operands.rows(), operands.stride()];
        Self { simd, x: left, windows: Windows { input, geometry, output }, filters, shape }
    }
}

impl<S: Sum> BlockProduct<S> for DepthwiseProduct<'_, S>
where
    i32: AsPrimitive<S>,
{
    type Scratch = ();

    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn block_rows(&self) -> usize {
        PIXELS
    }

    fn scratch(&self) {}

    fn compute(&self, first: usize, mut rows: SumRows<'_, S>, _: &mut ()) {
        let channels = self.shape[1];
        with_narrow!(self.x.data(), data => self.simd.run(
            #[inline(always)]
            || {
                for (offset, sums) in rows.rows(channels).enumerate() {
                    let mut begun = false;
                    self.windows.for_each_term(
                        first + offset,
                        #[inline(always)]
                        |term, pixel| {
                            let Some(pixel) = pixel else { return };
                            let x = &data[pixel * channels..][..channels];
                            let w = &self.filters[term * channels..][..channels];
                            let products = x.iter().zip(w).map(|(&x, w)| {
                                let x: S = RawInteger::to_i32(x).as_();
                                x.wrapping_mul(w)
                            });
                            let sums = sums.iter_mut().zip(products);
                            if begun {
                                sums.for_each(|(sum, product)| *sum = sum.wrapping_add(&product));
                            } else {
                                sums.for_each(|(sum, product)| *sum = product);
                                begun = true;
                            }
                        },
                    );
                    if !begun {
                        sums.fill(S::zero());
                    }
                }
            },
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::MacArray;
    use crate::array::exact::{Proof, stored};
    use crate::array::tests::random_tensor;
    use crate::convolution::Convolution2d;
    use crate::number::accumulator::Accumulator;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn channels_side_by_side_are_the_groups_one_by_one(
            batch in 0usize..4, size in [1usize..9, 1usize..9], channels in 2usize..70,
            kernel in [1usize..4, 1usize..4], stride in [1usize..4, 1usize..3],
            (padding, dilation) in
                ([[0usize..3, 0usize..3], [0usize..3, 0usize..3]], [1usize..3, 1usize..4]), wl in [1u32..=32, 1u32..=32],
            sparse in 0u32..4, seed: u64,
        ) {
            let geometry = Convolution2d { kernel, stride, padding, dilation, groups: channels };
            prop_assume!(geometry.output_size(size).is_some());
            let x = random_tensor(&[batch, size[0], size[1], channels], wl[0], seed, sparse);
            let w = random_tensor(&[channels, kernel[0], kernel[1], 1], wl[1], !seed, sparse);
            for simd in SimdLevel::testable() {
                let array = MacArray { simd, accumulator: Accumulator::default() };
                let operands = array.convolution(&x, &w, geometry).unwrap();
                prop_assert!(operands.is_depthwise());
                let proof = Proof::new(&array, &operands, 0.0);
                let wide: Vec<i64> = stored(&operands, |sink| {
                    array.wrapping_sums(&operands, &proof, sink);
                });
                let by_channels: Vec<i64> = stored(&operands, |sink| {
                    array.sums_i64(&operands, &proof, sink);
                });
                prop_assert_eq!(by_channels, wide, "{}", simd);
                if proof.words && proof.bound <= f64::from(i32::MAX) {
                    let narrow: Vec<i32> = stored(&operands, |sink| {
                        array.tiled_sums_i32(&operands, &proof, sink);
                    });
                    let by_channels: Vec<i32> = stored(&operands, |sink| {
                        array.sums_i32(&operands, &proof, sink);
                    });
                    prop_assert_eq!(by_channels, narrow, "{}", simd);
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
}
