//! The gradient of the weights of a convolution with many pixels: the patches of the input are unfolded a
//! few pixels at a time, so that they never exist as a whole, and threads share the pixels, since a layer
//! with many pixels has few filters.

use crate::blocking::{Panels, Patches, RightMatrix, SumRows, TileProduct};
use crate::convolution::Convolution2d;
use crate::kernels::{RawInteger, TileKernel};
use crate::parallel::{self, Totals};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pixels that a thread sums before it takes others; the sums are exact, so their order does not matter.
const PART: usize = 2048;
/// Elements of the patches that are unfolded at a time: they and their packed copy stay in the cache.
const UNFOLDED: usize = 1 << 17;
/// What the number of pixels unfolded at a time is a multiple of, and the largest such number.
const PIXELS: usize = 64;
const MOST_PIXELS: usize = 1024;

/// Whether there are enough pixels for all threads, and anything to sum.
pub(super) fn pays(pixels: usize, filters: usize, terms: usize) -> bool {
    pixels >= 2 * PART && filters > 0 && terms > 0
}

/// The operands of dW = dYᵀ·patches(X): of dY `[pixels, filters]`, the columns `wanted` take part.
pub(super) struct ByPixels<'a, T, U> {
    pub(super) dy: &'a [T],
    pub(super) filters: usize,
    pub(super) wanted: Range<usize>,
    pub(super) patches: Patches<'a, U>,
}

impl<T: RawInteger, U: RawInteger> ByPixels<'_, T, U> {
    /// Sums `[wanted filters, terms]` that fit i32, and the MACs whose operands are both not zero.
    pub(super) fn sums<E>(
        &self,
        kernel: &TileKernel<E, i32>,
        left: (E, impl Fn(T) -> E + Copy + Sync),
        right: impl Fn(U) -> E + Copy + Sync,
    ) -> (Vec<i32>, u64)
    where
        E: Copy + Default + Send + Sync,
    {
        let pixels = self.patches.rows();
        let size = self.wanted.len() * self.patches.k();
        let parts = pixels.div_ceil(PART);
        let nonzero = AtomicU64::new(0);
        let sums = parallel::sum(0..parts, |part| {
            let pixels = part * PART..pixels.min((part + 1) * PART);
            let (sums, some) = self.part(kernel, left, right, pixels);
            nonzero.fetch_add(some, Ordering::Relaxed);
            Totals::new(sums)
        });
        (sums.of_length(size), nonzero.into_inner())
    }

    fn part<E>(
        &self,
        kernel: &TileKernel<E, i32>,
        (zero, left): (E, impl Fn(T) -> E + Copy + Sync),
        right: impl Fn(U) -> E + Copy + Sync,
        pixels: Range<usize>,
    ) -> (Vec<i32>, u64)
    where
        E: Copy + Default + Send + Sync,
    {
        let (filters, terms) = (self.wanted.len(), self.patches.k());
        let most = (UNFOLDED / terms.max(1) / PIXELS * PIXELS).clamp(PIXELS, MOST_PIXELS);
        let mut sums = vec![0i32; filters * terms];
        let mut nonzero = 0;
        let (mut unfolded, mut columns) = (vec![U::zero(); most * terms], Vec::new());
        let mut packed_left = Vec::new();
        for start in pixels.clone().step_by(most) {
            let rows = start..pixels.end.min(start + most);
            let unfolded = &mut unfolded[..rows.len() * terms];
            kernel.simd.run(
                #[inline(always)]
                || {
                    self.patches.fill_rows(
                        rows.clone(),
                        0..terms,
                        unfolded,
                        terms,
                        U::zero(),
                        |x| x,
                    );
                    nonzero += self.nonzero_macs(rows.clone(), unfolded);
                    self.transpose(rows.clone(), &mut columns);
                },
            );
            let panels =
                Panels::pack(kernel, RightMatrix::ByK(unfolded), rows.len(), terms, most, right);
            if kernel.offset_a {
                let shape = [rows.len(), terms];
                let totals =
                    RightMatrix::ByK(unfolded).column_sums(kernel.simd, shape, RawInteger::to_i32);
                for row in sums.chunks_exact_mut(terms) {
                    row.iter_mut().zip(&totals).for_each(|(sum, total)| *sum -= 128 * total);
                }
            }
            let one = Convolution2d::square(1, 1, 0);
            let a = Patches::image(&columns, [filters, 1, 1, rows.len()], one, [1, 1], 0);
            let product = TileProduct {
                kernel,
                left: &a,
                zero,
                convert: left,
                right: &panels,
                initial: None,
            };
            let rows = SumRows { sums: &mut sums, stride: terms, column: 0, flags: None };
            kernel.simd.run(
                #[inline(always)]
                || product.block(0, rows, &mut packed_left, true),
            );
        }
        (sums, nonzero)
    }

    /// Σ over pixels of (wanted filters that are not zero)·(elements of the patch that are not zero).
    #[inline(always)]
    fn nonzero_macs(&self, rows: Range<usize>, unfolded: &[U]) -> u64 {
        let gradients = self.dy[rows.start * self.filters..].chunks_exact(self.filters);
        let patches = unfolded.chunks_exact(self.patches.k().max(1));
        gradients
            .zip(patches)
            .map(|(gradient, patch)| {
                let filters = &gradient[self.wanted.clone()];
                let filters: u32 = filters.iter().map(|&x| u32::from(x != T::zero())).sum();
                let terms: u32 = patch.iter().map(|&x| u32::from(x != U::zero())).sum();
                u64::from(filters) * u64::from(terms)
            })
            .sum()
    }

    /// The wanted columns of `rows` of dY, one after the other.
    #[inline(always)]
    fn transpose(&self, rows: Range<usize>, columns: &mut Vec<T>) {
        columns.clear();
        let pixels = &self.dy[rows.start * self.filters..rows.end * self.filters];
        for filter in self.wanted.clone() {
            columns.extend(pixels.iter().skip(filter).step_by(self.filters));
        }
    }
}
