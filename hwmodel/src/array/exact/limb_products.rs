//! Products of operands split into bytes, computed by a tile unit.
//!
//! Products of limbs of equal weight are added to the same sums of 32 bits, until these could overflow.

use super::digits::{LIMB_TERMS, Plan};
use super::partial_products::{HIGH, Packed, PartialProducts, WideSum};
use crate::blocking::{PACKED_BYTES, Panels, Patches, aligned, line_start, row_stride};
use crate::cast::exact;
use crate::kernels::{SimdLevel, TileKernel, TileSession};
use std::ops::Range;

/// Weights of the products of two words of four limbs.
const MOST_WEIGHTS: usize = 7;
/// Weights below 2^[`HIGH`], which go to the low part of a [`WideSum`].
const LOW_WEIGHTS: usize = HIGH.div_ceil(8) as usize;
/// Sums that are combined in one vector; the columns of every tile are a multiple.
const LANES: usize = 16;

/// Both operands split into limbs.
pub(super) struct LimbOperands<'a> {
    pub(super) plan: Plan,
    /// M, N and K.
    pub(super) shape: [usize; 3],
    /// Kernels for bytes of A and of B with a sign (index 1) or without (index 0), `[A][B]`.
    pub(super) kernels: [[TileKernel<i8, i32>; 2]; 2],
    /// An image and panels of each limb, the lowest first.
    pub(super) left: Vec<Patches<'a, i8>>,
    pub(super) right: &'a [Panels<i8>],
}

impl LimbOperands<'_> {
    /// Any kernel: they differ in the signs alone.
    fn kernel(&self) -> &TileKernel<i8, i32> {
        &self.kernels[1][1]
    }

    /// Distance of packed rows of a block of `length` terms.
    fn stride(&self, length: usize) -> usize {
        row_stride::<i8>(length.next_multiple_of(self.kernel().multiple))
    }
}

impl PartialProducts for LimbOperands<'_> {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn block(&self) -> usize {
        self.plan.block
    }

    fn tile(&self) -> [usize; 2] {
        [self.kernel().rows, self.kernel().columns]
    }

    fn simd(&self) -> SimdLevel {
        self.kernel().simd
    }

    fn session(&self) -> TileSession {
        self.kernel().session()
    }

    fn blocks_at_once(&self, rows: usize) -> usize {
        (PACKED_BYTES / (rows * self.left.len() * self.stride(self.plan.block))).max(1)
    }

    fn blocks_per_sum(&self) -> usize {
        LIMB_TERMS / self.plan.block
    }

    #[inline(always)]
    fn pack(
        &self,
        rows: Range<usize>,
        padded: usize,
        blocks: &[(usize, usize)],
        packed: &mut Packed,
    ) {
        let bytes = &mut packed.bytes;
        let plane = padded * self.stride(self.plan.block);
        // Terms that fill up the last tile are the rest of what was here: they are multiplied by the zeros that pad B.
        let mut from = aligned(bytes, blocks.len() * self.left.len() * plane, 0);
        for &(start, length) in blocks {
            for left in &self.left {
                let (terms, out) = (start..start + length, &mut bytes[from..from + plane]);
                left.fill_rows(rows.clone(), terms, out, self.stride(length), 0, |x| x);
                from += plane;
            }
        }
    }

    #[inline(always)]
    fn multiply(
        &self,
        packed: &Packed,
        tiles: &mut [i32],
        (place, (start, length)): (usize, (usize, usize)),
        padded: usize,
        [row, at]: [usize; 2],
        accumulate: bool,
    ) {
        let [rows, columns] = self.tile();
        let (group, multiple) = (self.kernel().group, self.kernel().multiple);
        let (planes, plane) = (self.left.len(), padded * self.stride(self.plan.block));
        let (terms, stride) = (length.next_multiple_of(multiple), self.stride(length));
        let first = line_start(&packed.bytes) + place * planes * plane + row * stride;
        let mut weights = [accumulate; MOST_WEIGHTS];
        for left in 0..planes {
            for step in 0..self.right.len() {
                // In alternating order: one operand stays in the cache, and sums just stored are not read at once.
                let right = if left % 2 == 0 { step } else { self.right.len() - 1 - step };
                let signed = |limb: usize, count: usize| usize::from(limb + 1 == count);
                let kernel = &self.kernels[signed(left, planes)][signed(right, self.right.len())];
                let weight = left + right;
                let out = &mut tiles[weight * rows * columns..][..rows * columns];
                kernel.run(
                    &packed.bytes[first + left * plane..],
                    (stride, group),
                    self.right[right].panel(start, at / columns),
                    terms,
                    out,
                    columns,
                    (rows, columns),
                    std::mem::replace(&mut weights[weight], true),
                );
            }
        }
    }

    #[inline(always)]
    fn combine<C: WideSum>(&self, tiles: &[i32], _: usize, _: Range<usize>, sums: &mut [C]) {
        let weights = self.left.len() + self.right.len() - 1;
        let mut planes: [&[[i32; LANES]]; MOST_WEIGHTS] = [&[]; MOST_WEIGHTS];
        let products = tiles.chunks_exact(sums.len()).take(weights);
        planes.iter_mut().zip(products).for_each(|(plane, sums)| *plane = sums.as_chunks().0);
        let (low, high) = planes[..weights].split_at(weights.min(LOW_WEIGHTS));
        for (index, sums) in sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let [low, high] = [(low, 0), (high, 8 * exact::<u32>(LOW_WEIGHTS) - HIGH)].map(
                #[inline(always)]
                |(planes, lowest)| {
                    let mut total = [0i64; LANES];
                    for (weight, plane) in planes.iter().enumerate() {
                        let shift = lowest + 8 * exact::<u32>(weight);
                        for (total, &sum) in total.iter_mut().zip(&plane[index]) {
                            *total += i64::from(sum) << shift;
                        }
                    }
                    total
                },
            );
            for (sum, (low, high)) in sums.iter_mut().zip(low.into_iter().zip(high)) {
                sum.add(low, high);
            }
        }
    }
}
