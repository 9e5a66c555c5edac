//! Products of wide words: several products of their parts, each with sums of 32 bits, combined to wider sums.

use super::norms::slack;
use crate::blocking::{BlockProduct, ROW_STEP, SumRows, block_rows};
use crate::cast;
use crate::kernels::{SimdLevel, TileSession};
use std::ops::Range;

/// The most sums of 32 bits for an output: products of digits, or weights of limbs.
const MOST_PRODUCTS: usize = 9;

/// Packed elements of the left operand.
#[derive(Default)]
pub(super) struct Packed {
    pub(super) words: Vec<i16>,
    pub(super) bytes: Vec<i8>,
}

/// Memory of a thread: packed elements, a tile of 32-bit sums for each product, a tile of combined sums, and their largest
/// magnitudes so far.
pub(super) struct Scratch<C> {
    packed: Packed,
    tiles: Vec<i32>,
    sums: Vec<C>,
    largest: Vec<C>,
}

impl<C: WideSum> Scratch<C> {
    fn new([rows, columns]: [usize; 2]) -> Self {
        let tile = rows * columns;
        Self {
            packed: Packed::default(),
            tiles: vec![0; MOST_PRODUCTS * tile],
            sums: vec![C::default(); tile],
            largest: vec![C::default(); tile],
        }
    }
}

/// A sum of products of digits.
pub(in crate::array) trait WideSum:
    Copy + Default + Send + Sync + 'static
{
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
            #[inline(always)]
            fn add(&mut self, low: i64, high: i64) {
                *self = self.wrapping_add(cast::low(low.wrapping_add(high << HIGH)));
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

/// Condition for a candidate for overflow: after a block of k its sum is so near `limit`, the largest magnitude
/// of the accumulator, that the terms of half a block could exceed it. They add at most the product of two factors.
pub(in crate::array) struct CheckpointLimits {
    pub(in crate::array) limit: f64,
    /// One factor a row of each group, `[groups, m]`.
    pub(in crate::array) rows: Vec<f64>,
    /// One factor a column.
    pub(in crate::array) columns: Vec<f64>,
}

/// The [`CheckpointLimits`] of one group.
#[derive(Clone, Copy)]
pub(super) struct GroupLimits<'a> {
    pub(super) limit: f64,
    pub(super) rows: &'a [f64],
    pub(super) columns: &'a [f64],
}

/// The products that make up a product of wide words.
pub(super) trait PartialProducts: Sync {
    /// M, N and K.
    fn shape(&self) -> [usize; 3];
    /// Terms of a block of k.
    fn block(&self) -> usize;
    /// Rows and columns of a tile.
    fn tile(&self) -> [usize; 2];
    /// The level of the kernels.
    fn simd(&self) -> SimdLevel;
    /// The tile unit, which a thread holds while it multiplies.
    fn session(&self) -> TileSession;
    /// Blocks of k to pack at a time for so many rows, at least 1.
    fn blocks_at_once(&self, rows: usize) -> usize;
    /// Blocks of k whose products may be added up in 32 bits.
    fn blocks_per_sum(&self) -> usize;

    /// Packs `rows`, padded to `padded` rows that are never read, of some blocks of k.
    fn pack(
        &self,
        rows: Range<usize>,
        padded: usize,
        blocks: &[(usize, usize)],
        packed: &mut Packed,
    );

    /// The products of one block of k, the one at `place` of those packed, for the tile of rows from `row` and
    /// columns from `at` on; added to those in `tiles` if `accumulate`.
    fn multiply(
        &self,
        packed: &Packed,
        tiles: &mut [i32],
        block: (usize, (usize, usize)),
        padded: usize,
        at: [usize; 2],
        accumulate: bool,
    );

    /// Combines the partial products into the sums of a tile; `block` is the last block of k, and `columns` are
    /// those of C.
    fn combine<C: WideSum>(
        &self,
        tiles: &[i32],
        block: usize,
        columns: Range<usize>,
        sums: &mut [C],
    );
}

/// The combined sums of the partial products of one group.
pub(super) struct Combined<'a, P> {
    pub(super) products: P,
    /// Sets the flags of outputs that are candidates for overflow, if the sink has flags.
    pub(super) limits: Option<GroupLimits<'a>>,
}

impl<P: PartialProducts, C: WideSum> BlockProduct<C> for Combined<'_, P> {
    type Scratch = Scratch<C>;

    fn shape(&self) -> [usize; 2] {
        let [m, n, _] = self.products.shape();
        [m, n]
    }

    fn block_rows(&self) -> usize {
        block_rows(self.products.shape()[0], self.products.tile()[0], 2 * ROW_STEP)
    }

    fn scratch(&self) -> Scratch<C> {
        Scratch::new(self.products.tile())
    }

    fn compute(&self, first: usize, rows: SumRows<'_, C>, scratch: &mut Scratch<C>) {
        self.products.simd().run(
            #[inline(always)]
            || self.block(first, rows, scratch),
        );
    }
}

impl<P: PartialProducts> Combined<'_, P> {
    /// The sums of the rows from `first` on.
    #[inline(always)]
    fn block<C: WideSum>(&self, first: usize, mut rows: SumRows<'_, C>, scratch: &mut Scratch<C>) {
        let products = &self.products;
        let [_, n, terms] = products.shape();
        let count = rows.count();
        let [tile_rows, tile_columns] = products.tile();
        let padded = count.next_multiple_of(tile_rows);
        let block = products.block();
        let blocks: Vec<(usize, usize)> =
            (0..terms).step_by(block).map(|start| (start, block.min(terms - start))).collect();
        if blocks.is_empty() {
            rows.rows(n).for_each(|row| row.fill(C::default()));
            return;
        }
        let SumRows { sums: c, stride, column, flags } = rows;
        let mut checkpoints = self.limits.zip(flags);
        let (mut at_once, mut per_sum) =
            (products.blocks_at_once(padded), products.blocks_per_sum());
        if checkpoints.is_some() {
            // The magnitudes of a tile are followed from the first block to the last.
            (at_once, per_sum) = (blocks.len(), 1);
        }
        let slack = slack(terms);
        let _session = products.session();
        let tile = tile_rows * tile_columns;
        for (index, blocks) in blocks.chunks(at_once).enumerate() {
            products.pack(first..first + count, padded, blocks, &mut scratch.packed);
            for at in (0..n).step_by(tile_columns) {
                let columns = tile_columns.min(n - at);
                for row in (0..count).step_by(tile_rows) {
                    let Scratch { packed, tiles, sums, largest } = &mut *scratch;
                    let sums = &mut sums[..tile];
                    let largest = &mut largest[..tile];
                    sums.fill(C::default());
                    if checkpoints.is_some() {
                        largest.fill(C::default());
                    }
                    for (place, &terms) in blocks.iter().enumerate() {
                        let (block, add) = ((place, terms), place % per_sum > 0);
                        products.multiply(packed, tiles, block, padded, [row, at], add);
                        if (place + 1) % per_sum > 0 && place + 1 < blocks.len() {
                            continue;
                        }
                        products.combine(tiles, index * at_once + place, at..at + columns, sums);
                        if checkpoints.is_some() {
                            for (largest, sum) in largest.iter_mut().zip(&*sums) {
                                *largest = sum.larger(*largest);
                            }
                        }
                    }
                    for tile_row in 0..tile_rows.min(count - row) {
                        let to = (row + tile_row) * stride + column + at;
                        let from = tile_row * tile_columns..tile_row * tile_columns + columns;
                        let c = &mut c[to..to + columns];
                        if index == 0 {
                            // Written before it is read: a read of fresh memory would fault each page once more.
                            c.copy_from_slice(&sums[from.clone()]);
                        } else {
                            let sums = &sums[from.clone()];
                            c.iter_mut().zip(sums).for_each(|(c, &sum)| c.merge(sum));
                        }
                        if let Some((limits, flags)) = &mut checkpoints {
                            let row = limits.rows[first + row + tile_row];
                            let sums = largest[from].iter().zip(&limits.columns[at..at + columns]);
                            let flags = flags[to..to + columns].iter_mut();
                            for (flag, (&largest, column)) in flags.zip(sums) {
                                let prefix = largest.number().abs() + row * column;
                                *flag = prefix * slack > limits.limit;
                            }
                        }
                    }
                }
            }
        }
    }
}
