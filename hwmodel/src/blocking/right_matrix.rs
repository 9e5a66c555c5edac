//! The right operand of a product in memory, and totals over its columns and terms.

use crate::kernels::SimdLevel;
use crate::parallel;

/// The right operand in memory.
#[derive(Clone, Copy)]
pub(crate) enum RightMatrix<'a, T> {
    /// Element (k, n) is at `k·n_total + n`.
    ByK(&'a [T]),
    /// Element (k, n) is at `n·k_total + k`.
    ByN(&'a [T]),
}

/// Terms whose totals a thread makes at a time.
const BLOCK: usize = 128;

impl<T: Copy + Sync> RightMatrix<'_, T> {
    /// Writes the columns from `first` on of a `[k, n]` operand, one after the other, as many as `out` holds.
    #[inline(always)]
    pub(crate) fn columns<E>(
        self,
        first: usize,
        [k, n]: [usize; 2],
        out: &mut [E],
        convert: impl Fn(T) -> E + Copy,
    ) {
        match self {
            Self::ByN(data) => {
                let source = &data[first * k..][..out.len()];
                out.iter_mut().zip(source).for_each(|(out, &x)| *out = convert(x));
            }
            Self::ByK(data) => {
                for (row, source) in data.chunks_exact(n).enumerate() {
                    let columns = out.iter_mut().skip(row).step_by(k);
                    columns.zip(&source[first..]).for_each(|(out, &x)| *out = convert(x));
                }
            }
        }
    }

    /// Σ of each column of a `[k, n]` operand over each block of k: `[blocks, n]`.
    pub(crate) fn block_sums(
        self,
        simd: SimdLevel,
        [k, n]: [usize; 2],
        block: usize,
        value: impl Fn(T) -> i32 + Sync + Copy,
    ) -> Vec<i32> {
        let mut totals = vec![0i32; k.div_ceil(block) * n];
        parallel::each(totals.chunks_mut(n.max(1)).enumerate(), |(index, totals)| {
            let start = index * block;
            let length = block.min(k - start);
            simd.run(
                #[inline(always)]
                || match self {
                    Self::ByN(data) => {
                        for (total, column) in totals.iter_mut().zip(data.chunks_exact(k)) {
                            let column = &column[start..start + length];
                            *total = column.iter().map(|&x| value(x)).sum();
                        }
                    }
                    Self::ByK(data) => {
                        for row in data[start * n..][..length * n].chunks_exact(n) {
                            for (total, &x) in totals.iter_mut().zip(row) {
                                *total += value(x);
                            }
                        }
                    }
                },
            );
        });
        totals
    }

    /// Σ of each column of a `[k, n]` operand; they must fit i32.
    pub(crate) fn column_sums(
        self,
        simd: SimdLevel,
        [k, n]: [usize; 2],
        value: impl Fn(T) -> i32 + Sync + Copy,
    ) -> Vec<i32> {
        let mut sums = vec![0i32; n];
        for block in self.block_sums(simd, [k, n], BLOCK, value).chunks_exact(n.max(1)) {
            sums.iter_mut().zip(block).for_each(|(sum, &part)| *sum += part);
        }
        sums
    }

    /// Σ over columns of `value`, for every k of a `[k, n]` operand.
    pub(crate) fn term_totals(
        self,
        simd: SimdLevel,
        [k, n]: [usize; 2],
        value: impl Fn(T) -> u32 + Sync + Copy,
    ) -> Vec<u32> {
        let mut totals = vec![0u32; k];
        parallel::each(totals.chunks_mut(BLOCK).enumerate(), |(index, totals)| {
            let start = index * BLOCK;
            simd.run(
                #[inline(always)]
                || match self {
                    Self::ByN(data) => {
                        for column in data.chunks_exact(k) {
                            for (total, &x) in totals.iter_mut().zip(&column[start..]) {
                                *total += value(x);
                            }
                        }
                    }
                    Self::ByK(data) => {
                        let rows = data[start * n..].chunks_exact(n.max(1));
                        for (total, row) in totals.iter_mut().zip(rows) {
                            *total = row.iter().map(|&x| value(x)).sum();
                        }
                    }
                },
            );
        });
        totals
    }
}
