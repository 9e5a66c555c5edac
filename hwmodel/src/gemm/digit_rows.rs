//! The loops around the tile kernels for operands in digits.
//!
//! As for whole words, an output is computed by one thread.

use super::bound;
use super::digits::{Plan, Scheme};
use super::frame::{ROW_STEP, RowsThen, row_stride};
use super::operand::{Panels, Patches};
use super::share::{Done, share};
use crate::kernels::{MOST_OUTPUTS, TileKernel};
use std::ops::{Add, Range};

/// Both operands in digits. Over each block of k all products are exact or, as the scheme wants them,
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

/// The most products of digits.
const MOST_PRODUCTS: usize = 9;
/// Packed digits of the left operand that a thread holds at a time; with the panels they stay in the cache.
const PACKED: usize = 160 << 10;

/// Packed digits of a thread, a tile of products a product of digits, a tile of sums, and the largest
/// magnitudes that these had.
struct Scratch<C> {
    words: Vec<i16>,
    bytes: Vec<i8>,
    tiles: Vec<i32>,
    sums: Vec<C>,
    largest: Vec<C>,
}

impl<C: WideSum> Scratch<C> {
    fn new() -> Self {
        Self {
            words: Vec::new(),
            bytes: Vec::new(),
            tiles: vec![0; MOST_PRODUCTS * MOST_OUTPUTS],
            sums: vec![C::ZERO; MOST_OUTPUTS],
            largest: vec![C::ZERO; MOST_OUTPUTS],
        }
    }
}

/// A sum of products of digits.
pub(super) trait WideSum: Copy + Send + Sync + 'static {
    /// Zero.
    const ZERO: Self;
    /// Adds low + high·2^[`HIGH`].
    fn add(&mut self, low: i64, high: i64);
    /// Adds another sum.
    fn merge(&mut self, other: Self);
    /// The larger of a magnitude and this sum's.
    fn larger(self, magnitude: Self) -> Self;
    /// A magnitude as a number.
    fn number(self) -> f64;
}

/// Weight of the high part of a [`WideSum`], as a power of two: neither part leaves 64 bits in fewer than
/// 2^16 terms.
pub(super) const HIGH: u32 = 22;

/// Sums modulo 2^bits.
macro_rules! wide_sums {
    ($($type:ty),*) => {$(
        impl WideSum for $type {
            const ZERO: Self = 0;
            #[inline(always)]
            fn add(&mut self, low: i64, high: i64) {
                *self = self.wrapping_add(low.wrapping_add(high << HIGH) as Self);
            }
            #[inline(always)]
            fn merge(&mut self, other: Self) {
                *self = self.wrapping_add(other);
            }
            #[inline(always)]
            fn larger(self, magnitude: Self) -> Self {
                magnitude.max(self.wrapping_abs())
            }
            #[inline(always)]
            fn number(self) -> f64 {
                self as f64
            }
        }
    )*};
}
wide_sums!(i32, i64);

/// Low and high part.
impl WideSum for [i64; 2] {
    const ZERO: Self = [0; 2];
    #[inline(always)]
    fn add(&mut self, low: i64, high: i64) {
        self[0] = self[0].wrapping_add(low);
        self[1] = self[1].wrapping_add(high);
    }
    #[inline(always)]
    fn merge(&mut self, other: Self) {
        self.add(other[0], other[1]);
    }
    #[inline(always)]
    fn larger(self, magnitude: Self) -> Self {
        if self.number().abs() > magnitude.number() { self } else { magnitude }
    }
    #[inline(always)]
    fn number(self) -> f64 {
        self[0] as f64 + self[1] as f64 * f64::from(1u32 << HIGH)
    }
}

/// The largest magnitude `limit` of an accumulator, and factors of what the terms before and after a sum at
/// the end of a block can add to it: one a row of each group, `[groups, m]`, and one a column.
pub(super) struct CheckpointLimits {
    pub(super) limit: f64,
    pub(super) rows: Vec<f64>,
    pub(super) columns: Vec<f64>,
}

/// Which outputs had a sum near the limit at the end of a block of k: a flag each, laid out like the sums.
/// Rows are those from the first flag on.
pub(super) struct Checkpoints<'a> {
    pub(super) limit: f64,
    pub(super) rows: &'a [f64],
    pub(super) columns: &'a [f64],
    pub(super) beyond: &'a mut [bool],
}

impl Plan {
    /// The digits to add for every plane of an operand of `count` digits: one, or two for Karatsuba.
    pub(super) fn planes(&self, count: usize) -> Vec<(usize, Option<usize>)> {
        if self.scheme == Scheme::Bytes {
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

impl DigitOperands<'_> {
    /// Rows of a block, if there is anything to compute.
    fn rows(&self) -> Option<usize> {
        let [m, n, _] = self.shape;
        let part = m.div_ceil(4 * rayon::current_num_threads());
        let rows = part.next_multiple_of(ROW_STEP).clamp(ROW_STEP, 2 * ROW_STEP);
        (m > 0 && n > 0).then_some(rows)
    }

    /// C = A·B where C is zero; rows of C are `c_stride` long and this product's columns start at `column`.
    pub(super) fn add_to<C: WideSum>(
        &self,
        c: &mut [C],
        c_stride: usize,
        column: usize,
        checkpoints: Option<Checkpoints<'_>>,
    ) {
        let Some(rows) = self.rows() else { return };
        let simd = self.words.simd;
        let chunks = c.chunks_mut(rows * c_stride).enumerate();
        let Some(Checkpoints { limit, rows: norms, columns, beyond }) = checkpoints else {
            share(chunks, Scratch::new, |scratch, (index, c)| {
                simd.run(
                    #[inline(always)]
                    || self.block(index * rows, scratch, (c, c_stride, column), None),
                );
                Done
            });
            return;
        };
        let chunks = chunks.zip(beyond.chunks_mut(rows * c_stride));
        share(chunks, Scratch::new, |scratch, ((index, c), beyond)| {
            let first = index * rows;
            let rows = &norms[first..];
            let checkpoints = Some(Checkpoints { limit, rows, columns, beyond });
            simd.run(
                #[inline(always)]
                || self.block(first, scratch, (c, c_stride, column), checkpoints),
            );
            Done
        });
    }

    /// C = A·B, whose rows are used by [`RowsThen::finish`] and forgotten; returns the total of what that
    /// returns.
    pub(super) fn rows_then<O, R>(
        &self,
        then: RowsThen<'_, i64, O, impl Fn(usize, &[i64], &mut [O]) -> R + Sync>,
    ) -> R
    where
        O: Send,
        R: Default + Add<Output = R> + Send,
    {
        let Some(rows) = self.rows() else { return R::default() };
        let n = self.shape[1];
        let RowsThen { out, finish, .. } = then;
        share(
            out.chunks_mut(rows * n).enumerate(),
            || (Scratch::new(), vec![0i64; rows * n]),
            |(scratch, sums), (index, out)| {
                let sums = &mut sums[..out.len()];
                self.words.simd.run(
                    #[inline(always)]
                    || self.block(index * rows, scratch, (&mut *sums, n, 0), None),
                );
                finish(index * rows * n, sums, out)
            },
        )
    }

    /// One block of rows.
    #[inline(always)]
    fn block<C: WideSum>(
        &self,
        first: usize,
        scratch: &mut Scratch<C>,
        (c, c_stride, column): (&mut [C], usize, usize),
        mut checkpoints: Option<Checkpoints<'_>>,
    ) {
        let [_, n, terms] = self.shape;
        let count = c.len().div_ceil(c_stride);
        let kernel = &self.words;
        let padded = count.next_multiple_of(kernel.rows);
        let block = self.plan.block;
        let blocks: Vec<(usize, usize)> =
            (0..terms).step_by(block).map(|start| (start, block.min(terms - start))).collect();
        if blocks.is_empty() {
            for row in c.chunks_mut(c_stride) {
                row[column..column + n].fill(C::ZERO);
            }
            return;
        }
        let mut packed = (PACKED / (padded * self.left.len().max(1))).max(block) / block;
        if checkpoints.is_some() {
            // The magnitudes of a tile are followed from the first block to the last.
            packed = blocks.len();
        }
        let tile = kernel.rows * kernel.columns;
        for (index, blocks) in blocks.chunks(packed).enumerate() {
            self.pack(first..first + count, padded, blocks, scratch);
            for at in (0..n).step_by(kernel.columns) {
                let columns = kernel.columns.min(n - at);
                for row in (0..count).step_by(kernel.rows) {
                    let Scratch { sums, largest, .. } = &mut *scratch;
                    sums[..tile].fill(C::ZERO);
                    if checkpoints.is_some() {
                        largest[..tile].fill(C::ZERO);
                    }
                    for (place, &terms) in blocks.iter().enumerate() {
                        self.multiply(scratch, (place, terms), padded, row, at);
                        let mut offsets: &[i32] = &[];
                        if let Some(operands) = &self.bytes {
                            let of_block = (index * packed + place) * n;
                            offsets = &operands.offsets[of_block..of_block + n][at..at + columns];
                        }
                        let Scratch { tiles, sums, largest, .. } = &mut *scratch;
                        if offsets.is_empty() {
                            self.combine(tiles, tile, 0..tile, offsets, &mut sums[..tile]);
                        } else {
                            for from in (0..tile).step_by(kernel.columns) {
                                let at = from..from + columns;
                                self.combine(tiles, tile, at.clone(), offsets, &mut sums[at]);
                            }
                        }
                        if checkpoints.is_some() {
                            for (largest, sum) in largest[..tile].iter_mut().zip(&sums[..tile]) {
                                *largest = sum.larger(*largest);
                            }
                        }
                    }
                    let Scratch { sums, largest, .. } = &*scratch;
                    for own in 0..kernel.rows.min(count - row) {
                        let to = (row + own) * c_stride + column + at;
                        let from = own * kernel.columns..own * kernel.columns + columns;
                        let c = &mut c[to..to + columns];
                        if index == 0 {
                            // Fresh memory is written before it is read, or its pages are made twice.
                            c.copy_from_slice(&sums[from.clone()]);
                        } else {
                            c.iter_mut()
                                .zip(&sums[from.clone()])
                                .for_each(|(c, &sum)| c.merge(sum));
                        }
                        if let Some(near) = &mut checkpoints {
                            let sums = largest[from].iter().zip(&near.columns[at..at + columns]);
                            let flags = near.beyond[to..to + columns].iter_mut();
                            for (flag, (&largest, column)) in flags.zip(sums) {
                                let prefix = largest.number().abs() + near.rows[row + own] * column;
                                *flag = prefix * bound::SLACK > near.limit;
                            }
                        }
                    }
                }
            }
        }
    }

    /// The products of one block of k for the tile of rows from `row` and columns from `at` on.
    #[inline(always)]
    fn multiply<C>(
        &self,
        scratch: &mut Scratch<C>,
        (place, (start, length)): (usize, (usize, usize)),
        padded: usize,
        row: usize,
        at: usize,
    ) {
        let kernel = &self.words;
        let (planes, block) = (self.left.len(), self.plan.block);
        let panel = at / kernel.columns;
        let shape = (kernel.rows, kernel.columns);
        let Scratch { words, bytes, tiles, .. } = scratch;
        let mut tiles = tiles.chunks_exact_mut(kernel.rows * kernel.columns);
        let terms = length.next_multiple_of(kernel.group);
        let stride = row_stride::<i16>(terms);
        let first = place * planes * row_stride::<i16>(block);
        let mut multiply = |left: usize, right: usize| {
            let from = (first + left * stride) * padded + row * stride;
            let right = self.right[right].panel(start, panel);
            let Some(out) = tiles.next() else { return };
            let left = &words[from..];
            let strides = (stride, kernel.group);
            kernel.run(left, strides, right, terms, out, kernel.columns, shape, false);
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
            let left = &bytes[place * padded * row_stride::<i8>(block) + row * stride..];
            let right = operands.right.panel(start, panel);
            let strides = (stride, group);
            operands.kernel.run(left, strides, right, terms, out, kernel.columns, shape, false);
        }
    }

    /// Packs the digits of some blocks of k: for each block, plane by plane, `padded` rows.
    #[inline(always)]
    fn pack<C>(
        &self,
        rows: Range<usize>,
        padded: usize,
        blocks: &[(usize, usize)],
        scratch: &mut Scratch<C>,
    ) {
        let Scratch { words, bytes, .. } = scratch;
        let (planes, block) = (self.left.len(), self.plan.block);
        // Terms that fill up the last group, and rows that fill up the last tile, are zeros or the rest of
        // what was here: zeros of B meet the terms, and nobody reads the rows.
        let longest = row_stride::<i16>(block);
        words.resize(words.len().max(blocks.len() * planes * padded * longest), 0);
        for (place, &(start, length)) in blocks.iter().enumerate() {
            let stride = row_stride::<i16>(length.next_multiple_of(self.words.group));
            for (plane, left) in self.left.iter().enumerate() {
                let from = (place * planes * longest + plane * stride) * padded;
                let out = &mut words[from..from + padded * stride];
                left.fill_rows(rows.clone(), start..start + length, out, stride, 0, |x| x);
            }
        }
        if let Some(operands) = &self.bytes {
            let longest = row_stride::<i8>(block);
            bytes.resize(bytes.len().max(blocks.len() * padded * longest), i8::MIN);
            for (place, &(start, length)) in blocks.iter().enumerate() {
                let stride = row_stride::<i8>(length.next_multiple_of(operands.kernel.group));
                let from = place * padded * longest;
                let out = &mut bytes[from..from + padded * stride];
                let flip = |x: i8| x ^ i8::MIN;
                let terms = start..start + length;
                operands.left.fill_rows(rows.clone(), terms, out, stride, i8::MIN, flip);
            }
        }
    }

    /// Adds what the products of a block make up to some sums of a tile; `at` is their place in every tile of
    /// `tile` products.
    #[inline(always)]
    fn combine<C: WideSum>(
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
            (Scheme::Pairs, _) => {
                let pairs = (0..self.left.len())
                    .flat_map(|left| (0..self.right.len()).map(move |right| (left, right)));
                for (index, (left, right)) in pairs.enumerate() {
                    let shift = width_a * left as u32 + width_b * right as u32;
                    if shift < HIGH {
                        for (c, &sum) in c.iter_mut().zip(product(index)) {
                            c.add(i64::from(sum) << shift, 0);
                        }
                    } else {
                        for (c, &sum) in c.iter_mut().zip(product(index)) {
                            c.add(0, i64::from(sum) << (shift - HIGH));
                        }
                    }
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
