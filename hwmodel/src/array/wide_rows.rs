//! The loops around the tile kernels for words that take several products, whose sums need more than 32
//! bits.
//!
//! As for whole words, an output is computed by one thread.

use super::bound;
use super::frame::{ROW_STEP, RowsThen, block_rows};
use crate::kernels::{SimdLevel, TileSession};
use crate::parallel::{self, Done};
use std::ops::{Add, Range};

/// The most sums of 32 bits an output: products of digits, or weights of limbs.
const MOST_PRODUCTS: usize = 9;

/// Packed elements of the left operand.
#[derive(Default)]
pub(super) struct Packed {
    pub(super) words: Vec<i16>,
    pub(super) bytes: Vec<i8>,
}

/// Packed elements of a thread, a tile of sums of products for each of 32 bits, a tile of sums, and the largest
/// magnitudes that these had.
struct Scratch<C> {
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
            sums: vec![C::ZERO; tile],
            largest: vec![C::ZERO; tile],
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

/// The products that make up a product of wide words.
pub(super) trait TileProducts: Sync {
    /// M, N and K.
    fn shape(&self) -> [usize; 3];
    /// Terms of a block of k.
    fn block(&self) -> usize;
    /// Rows and columns of a tile.
    fn tile(&self) -> [usize; 2];
    /// The level of the kernels.
    fn simd(&self) -> SimdLevel;
    /// What a thread holds while it multiplies.
    fn session(&self) -> TileSession;
    /// Blocks of k to pack at a time for so many rows, at least 1.
    fn together(&self, rows: usize) -> usize;
    /// Blocks of k whose products may be added up in 32 bits.
    fn span(&self) -> usize;

    /// Packs `rows`, to which rows that nobody reads are added up to `padded`, of some blocks of k.
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

    /// Adds what the products make up to the sums of a tile; `block` is the last block of k, and `columns` are
    /// those of C.
    fn combine<C: WideSum>(
        &self,
        tiles: &[i32],
        block: usize,
        columns: Range<usize>,
        sums: &mut [C],
    );

    /// Rows of a block, if there is anything to compute.
    fn rows(&self) -> Option<usize> {
        let [m, n, _] = self.shape();
        (m > 0 && n > 0).then(|| block_rows(m, self.tile()[0], 2 * ROW_STEP))
    }

    /// C = A·B where C is zero; rows of C are `c_stride` long and this product's columns start at `column`.
    fn add_to<C: WideSum>(
        &self,
        c: &mut [C],
        c_stride: usize,
        column: usize,
        checkpoints: Option<Checkpoints<'_>>,
    ) {
        let Some(rows) = self.rows() else { return };
        let (simd, tile) = (self.simd(), self.tile());
        let chunks = c.chunks_mut(rows * c_stride).enumerate();
        let Some(Checkpoints { limit, rows: norms, columns, beyond }) = checkpoints else {
            parallel::share(
                chunks,
                || Scratch::new(tile),
                |scratch, (index, c)| {
                    simd.run(
                        #[inline(always)]
                        || rows_block(self, index * rows, scratch, (c, c_stride, column), None),
                    );
                    Done
                },
            );
            return;
        };
        let chunks = chunks.zip(beyond.chunks_mut(rows * c_stride));
        parallel::share(
            chunks,
            || Scratch::new(tile),
            |scratch, ((index, c), beyond)| {
                let first = index * rows;
                let rows = &norms[first..];
                let checkpoints = Some(Checkpoints { limit, rows, columns, beyond });
                simd.run(
                    #[inline(always)]
                    || rows_block(self, first, scratch, (c, c_stride, column), checkpoints),
                );
                Done
            },
        );
    }

    /// C = A·B, whose rows are used by [`RowsThen::finish`] and forgotten; returns the total of what that
    /// returns.
    fn rows_then<C, O, R>(
        &self,
        then: RowsThen<'_, C, O, impl Fn(usize, &[C], &mut [O]) -> R + Sync>,
    ) -> R
    where
        C: WideSum,
        O: Send,
        R: Default + Add<Output = R> + Send,
    {
        let Some(rows) = self.rows() else { return R::default() };
        let n = self.shape()[1];
        let RowsThen { out, finish, .. } = then;
        parallel::share(
            out.chunks_mut(rows * n).enumerate(),
            || (Scratch::new(self.tile()), vec![C::ZERO; rows * n]),
            |(scratch, sums), (index, out)| {
                let sums = &mut sums[..out.len()];
                self.simd().run(
                    #[inline(always)]
                    || rows_block(self, index * rows, scratch, (&mut *sums, n, 0), None),
                );
                finish(index * rows * n, sums, out)
            },
        )
    }
}

/// One block of rows.
#[inline(always)]
fn rows_block<P: TileProducts + ?Sized, C: WideSum>(
    products: &P,
    first: usize,
    scratch: &mut Scratch<C>,
    (c, c_stride, column): (&mut [C], usize, usize),
    mut checkpoints: Option<Checkpoints<'_>>,
) {
    let [_, n, terms] = products.shape();
    let count = c.len().div_ceil(c_stride);
    let [tile_rows, tile_columns] = products.tile();
    let padded = count.next_multiple_of(tile_rows);
    let block = products.block();
    let blocks: Vec<(usize, usize)> =
        (0..terms).step_by(block).map(|start| (start, block.min(terms - start))).collect();
    if blocks.is_empty() {
        for row in c.chunks_mut(c_stride) {
            row[column..column + n].fill(C::ZERO);
        }
        return;
    }
    let (mut together, mut span) = (products.together(padded), products.span());
    if checkpoints.is_some() {
        // The magnitudes of a tile are followed from the first block to the last.
        (together, span) = (blocks.len(), 1);
    }
    let slack = bound::slack(terms);
    let _session = products.session();
    let tile = tile_rows * tile_columns;
    for (index, blocks) in blocks.chunks(together).enumerate() {
        products.pack(first..first + count, padded, blocks, &mut scratch.packed);
        for at in (0..n).step_by(tile_columns) {
            let columns = tile_columns.min(n - at);
            for row in (0..count).step_by(tile_rows) {
                let Scratch { packed, tiles, sums, largest } = &mut *scratch;
                let sums = &mut sums[..tile];
                let largest = &mut largest[..tile];
                sums.fill(C::ZERO);
                if checkpoints.is_some() {
                    largest.fill(C::ZERO);
                }
                for (place, &terms) in blocks.iter().enumerate() {
                    let block = (place, terms);
                    products.multiply(packed, tiles, block, padded, [row, at], place % span > 0);
                    if (place + 1) % span > 0 && place + 1 < blocks.len() {
                        continue;
                    }
                    products.combine(tiles, index * together + place, at..at + columns, sums);
                    if checkpoints.is_some() {
                        for (largest, sum) in largest.iter_mut().zip(&*sums) {
                            *largest = sum.larger(*largest);
                        }
                    }
                }
                for own in 0..tile_rows.min(count - row) {
                    let to = (row + own) * c_stride + column + at;
                    let from = own * tile_columns..own * tile_columns + columns;
                    let c = &mut c[to..to + columns];
                    if index == 0 {
                        // Fresh memory is written before it is read, or its pages are made twice.
                        c.copy_from_slice(&sums[from.clone()]);
                    } else {
                        c.iter_mut().zip(&sums[from.clone()]).for_each(|(c, &sum)| c.merge(sum));
                    }
                    if let Some(near) = &mut checkpoints {
                        let sums = largest[from].iter().zip(&near.columns[at..at + columns]);
                        let flags = near.beyond[to..to + columns].iter_mut();
                        for (flag, (&largest, column)) in flags.zip(sums) {
                            let prefix = largest.number().abs() + near.rows[row + own] * column;
                            *flag = prefix * slack > near.limit;
                        }
                    }
                }
            }
        }
    }
}
