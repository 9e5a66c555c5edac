//! Products of operands split into digits, computed by the kernels for 16-bit words and bytes.

use super::digits::{Plan, Scheme};
use super::partial_products::{HIGH, Packed, PartialProducts, WideSum};
use crate::blocking::{Panels, Patches, aligned, line_start, row_stride};
use crate::cast::exact;
use crate::kernels::{SimdLevel, TileKernel, TileSession};
use std::ops::Range;

/// Both operands split into digits. Over each block of k all products are exact or, where the scheme allows,
/// modulo 2^32.
pub(super) struct DigitOperands<'a> {
    pub(super) plan: Plan,
    /// M, N and K.
    pub(super) shape: [usize; 3],
    pub(super) words: TileKernel<i16, i32>,
    /// Images and panels of digits, or of sums of digits, in the order of [`Plan::planes`].
    pub(super) left: Vec<Patches<'a, i16>>,
    pub(super) right: &'a [Panels<i16>],
    /// The bytes of [`Scheme::Residue`] and [`Scheme::Bytes`].
    pub(super) bytes: Option<ByteOperands<'a>>,
}

/// Bytes of both operands; the kernel's tile is as large as that for words.
pub(super) struct ByteOperands<'a> {
    pub(super) kernel: TileKernel<i8, i32>,
    pub(super) left: Patches<'a, i8>,
    pub(super) right: &'a Panels<i8>,
    /// -128·Σ_k B[k, n] over each block of k, `[blocks, n]`, since A is stored with 128 added.
    pub(super) offsets: &'a [i32],
}

/// Packed digits of the left operand that a thread holds at a time; with the panels they stay in the cache.
const PACKED: usize = 160 << 10;

impl Plan {
    /// The digits to add for every plane of an operand of `count` digits: one, or two for Karatsuba.
    pub(super) fn planes(&self, count: usize) -> Vec<(usize, Option<usize>)> {
        if matches!(self.scheme, Scheme::Bytes | Scheme::Limbs) {
            return Vec::new();
        }
        let mut planes: Vec<_> = (0..count).map(|digit| (digit, None)).collect();
        if self.scheme == Scheme::Karatsuba {
            for first in 0..count {
                planes.extend((first + 1..count).map(|second| (first, Some(second))));
            }
        }
        planes
    }
}

impl PartialProducts for DigitOperands<'_> {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn block(&self) -> usize {
        self.plan.block
    }

    fn tile(&self) -> [usize; 2] {
        [self.words.rows, self.words.columns]
    }

    fn simd(&self) -> SimdLevel {
        self.words.simd
    }

    fn session(&self) -> TileSession {
        self.words.session()
    }

    fn blocks_at_once(&self, rows: usize) -> usize {
        let block = self.plan.block;
        (PACKED / (rows * self.left.len().max(1))).max(block) / block
    }

    /// Blocks end before sums of 32 bits could overflow.
    fn blocks_per_sum(&self) -> usize {
        1
    }

    #[inline(always)]
    fn pack(
        &self,
        rows: Range<usize>,
        padded: usize,
        blocks: &[(usize, usize)],
        packed: &mut Packed,
    ) {
        let Packed { words, bytes } = packed;
        let (planes, block) = (self.left.len(), self.plan.block);
        // Terms that fill up the last group, and rows that fill up the last tile, are zeros or the rest of
        // what was here: such terms are multiplied by the zeros that pad B, and such rows are never read.
        let longest = row_stride::<i16>(block);
        let offset = aligned(words, blocks.len() * planes * padded * longest, 0);
        for (place, &(start, length)) in blocks.iter().enumerate() {
            let stride = row_stride::<i16>(length.next_multiple_of(self.words.group));
            for (plane, left) in self.left.iter().enumerate() {
                let from = offset + (place * planes * longest + plane * stride) * padded;
                let out = &mut words[from..from + padded * stride];
                left.fill_rows(rows.clone(), start..start + length, out, stride, 0, |x| x);
            }
        }
        if let Some(operands) = &self.bytes {
            let longest = row_stride::<i8>(block);
            let offset = aligned(bytes, blocks.len() * padded * longest, i8::MIN);
            for (place, &(start, length)) in blocks.iter().enumerate() {
                let stride = row_stride::<i8>(length.next_multiple_of(operands.kernel.group));
                let from = offset + place * padded * longest;
                let out = &mut bytes[from..from + padded * stride];
                let flip = |x: i8| x ^ i8::MIN;
                let terms = start..start + length;
                operands.left.fill_rows(rows.clone(), terms, out, stride, i8::MIN, flip);
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
        let kernel = &self.words;
        let (planes, block) = (self.left.len(), self.plan.block);
        let panel = at / kernel.columns;
        let shape = (kernel.rows, kernel.columns);
        let Packed { words, bytes } = packed;
        let mut tiles = tiles.chunks_exact_mut(kernel.rows * kernel.columns);
        let terms = length.next_multiple_of(kernel.group);
        let stride = row_stride::<i16>(terms);
        let first = line_start(words) + place * planes * row_stride::<i16>(block) * padded;
        let mut multiply = |left: usize, right: usize| {
            let from = first + (left * padded + row) * stride;
            let right = self.right[right].panel(start, panel);
            let Some(out) = tiles.next() else { return };
            let left = &words[from..];
            let strides = (stride, kernel.group);
            kernel.run(left, strides, right, terms, out, kernel.columns, shape, accumulate);
        };
        match self.plan.scheme {
            Scheme::Pairs => {
                for left in 0..planes {
                    (0..self.right.len()).for_each(|right| multiply(left, right));
                }
            }
            _ => (0..planes).for_each(|plane| multiply(plane, plane)),
        }
        if let (Some(operands), Some(out)) = (&self.bytes, tiles.next()) {
            let group = operands.kernel.group;
            let terms = length.next_multiple_of(group);
            let stride = row_stride::<i8>(terms);
            let from = line_start(bytes) + place * padded * row_stride::<i8>(block) + row * stride;
            let (left, right) = (&bytes[from..], operands.right.panel(start, panel));
            let (kernel, strides) = (&operands.kernel, (stride, group));
            kernel.run(left, strides, right, terms, out, kernel.columns, shape, accumulate);
        }
    }

    #[inline(always)]
    fn combine<C: WideSum>(
        &self,
        tiles: &[i32],
        block: usize,
        columns: Range<usize>,
        sums: &mut [C],
    ) {
        let tile = sums.len();
        let Some(operands) = &self.bytes else {
            self.combine_part(tiles, tile, 0..tile, &[], sums);
            return;
        };
        let n = self.shape[1];
        let offsets = &operands.offsets[block * n..(block + 1) * n][columns.clone()];
        for from in (0..tile).step_by(self.words.columns) {
            let at = from..from + columns.len();
            self.combine_part(tiles, tile, at.clone(), offsets, &mut sums[at]);
        }
    }
}

impl DigitOperands<'_> {
    /// Combines the partial products of a block into some sums of a tile; `at` is their place in every tile of
    /// `tile` products.
    #[inline(always)]
    fn combine_part<C: WideSum>(
        &self,
        tiles: &[i32],
        tile: usize,
        at: Range<usize>,
        offsets: &[i32],
        c: &mut [C],
    ) {
        let product = |index: usize| &tiles[index * tile..][at.clone()];
        let [width_a, width_b] = [self.plan.a.width, self.plan.b.width];
        match (self.plan.scheme, self.left.len()) {
            (Scheme::Limbs, _) => unreachable!("limbs are not digits"),
            (Scheme::Pairs, _) => {
                let pairs = (0..self.left.len())
                    .flat_map(|left| (0..self.right.len()).map(move |right| (left, right)));
                for (index, (left, right)) in pairs.enumerate() {
                    let shift = width_a * exact::<u32>(left) + width_b * exact::<u32>(right);
                    add_shifted(c, product(index), shift);
                }
            }
            (Scheme::Bytes, _) => {
                for ((c, &sum), &offset) in c.iter_mut().zip(product(0)).zip(offsets) {
                    c.add(sum.wrapping_add(offset).into(), 0);
                }
            }
            (Scheme::Residue, _) => {
                let sums = product(0).iter().zip(product(1)).zip(offsets);
                let square = Scheme::BYTE * Scheme::BYTE;
                for (c, ((&low, &bytes), &offset)) in c.iter_mut().zip(sums) {
                    let high = bytes.wrapping_add(offset);
                    let rest = low.wrapping_sub(high.wrapping_mul(square));
                    c.add(i64::from(high) * i64::from(square) + i64::from(rest), 0);
                }
            }
            (Scheme::Karatsuba, 3) => {
                let sums = product(0).iter().zip(product(1)).zip(product(2));
                for (c, ((&low, &high), &both)) in c.iter_mut().zip(sums) {
                    let cross = both.wrapping_sub(low).wrapping_sub(high);
                    let weight = 2 * width_a;
                    let below = i64::from(low) + (i64::from(cross) << width_a);
                    if weight < HIGH {
                        c.add(below + (i64::from(high) << weight), 0);
                    } else {
                        c.add(below, i64::from(high) << (weight - HIGH));
                    }
                }
            }
            (Scheme::Karatsuba, _) => {
                let own = product(0).iter().zip(product(1)).zip(product(2));
                let both = product(3).iter().zip(product(4)).zip(product(5));
                let [one, two, three, four] = [1, 2, 3, 4].map(|digits| digits * width_a);
                let apart = |sum: i32, weight: u32| -> (i64, i64) {
                    let sum = i64::from(sum);
                    if weight < HIGH { (sum << weight, 0) } else { (0, sum << (weight - HIGH)) }
                };
                for (c, (((&q0, &q1), &q2), ((&b01, &b02), &b12))) in
                    c.iter_mut().zip(own.zip(both))
                {
                    let cross = |both: i32, x: i32, y: i32| both.wrapping_sub(x).wrapping_sub(y);
                    let parts = [
                        (i64::from(q0), 0),
                        apart(cross(b01, q0, q1), one),
                        apart(cross(b02, q0, q2).wrapping_add(q1), two),
                        apart(cross(b12, q1, q2), three),
                        apart(q2, four),
                    ];
                    let sum = |of: fn(&(i64, i64)) -> i64| parts.iter().map(of).sum::<i64>();
                    c.add(sum(|part| part.0), sum(|part| part.1));
                }
            }
        }
    }
}

/// Adds sums times 2^`shift`.
#[inline(always)]
fn add_shifted<C: WideSum>(c: &mut [C], sums: &[i32], shift: u32) {
    if shift < HIGH {
        for (c, &sum) in c.iter_mut().zip(sums) {
            c.add(i64::from(sum) << shift, 0);
        }
    } else {
        for (c, &sum) in c.iter_mut().zip(sums) {
            c.add(0, i64::from(sum) << (shift - HIGH));
        }
    }
}
