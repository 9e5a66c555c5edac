//! The loops around a tile kernel for operands in digits.
//!
//! As for whole words, an output is computed by one thread; its sum is modulo 2^64.

use super::frame::{ROW_STEP, RowsThen};
use super::operand::{Panels, Patches};
use crate::kernels::{MOST_OUTPUTS, TileKernel, WrappingSum};
use rayon::prelude::*;
use std::ops::Add;

/// Both operands in digits: one image of digits a left digit, panels with the same blocks a right digit.
/// Over each block the kernel's sums are exact.
pub(super) struct DigitOperands<'a, E> {
    pub(super) left: Vec<Patches<'a, E>>,
    pub(super) right: &'a [Panels<E>],
    /// Widths of the left and the right digits, in bits.
    pub(super) widths: [u32; 2],
}

/// What a kernel sums in, widened.
pub(super) trait Widen {
    /// The sum, an integer.
    fn widen(self) -> i64;
}
impl Widen for i32 {
    #[inline(always)]
    fn widen(self) -> i64 {
        self.into()
    }
}
impl Widen for f64 {
    #[inline(always)]
    fn widen(self) -> i64 {
        self as i64
    }
}

impl<E: Copy + Default + Send + Sync> DigitOperands<'_, E> {
    /// Rows of a block, and whether there is anything to compute.
    fn rows(&self) -> Option<usize> {
        let (m, n) = (self.left[0].rows(), self.right[0].columns());
        let share = m.div_ceil(4 * rayon::current_num_threads());
        let rows = share.next_multiple_of(ROW_STEP).clamp(ROW_STEP, 2 * ROW_STEP);
        (m > 0 && n > 0).then_some(rows)
    }

    /// C += A·B; rows of C are `c_stride` long and this product's columns start at `column`.
    pub(super) fn add_to<S>(
        &self,
        kernel: &TileKernel<E, S>,
        (c, c_stride, column): (&mut [i64], usize, usize),
    ) where
        S: Copy + Default + Send + Sync + WrappingSum + Widen + Add<Output = S>,
    {
        let Some(rows) = self.rows() else { return };
        c.par_chunks_mut(rows * c_stride).enumerate().for_each_init(
            Vec::new,
            |block, (index, c)| {
                let out = (c, c_stride, column);
                kernel.simd.run(
                    #[inline(always)]
                    || self.block(kernel, index * rows, block, out),
                );
            },
        );
    }

    /// C = A·B, whose rows are used by [`RowsThen::finish`] and forgotten; returns the total of what that
    /// returns.
    pub(super) fn rows_then<S, O, R>(
        &self,
        kernel: &TileKernel<E, S>,
        then: RowsThen<'_, i64, O, impl Fn(usize, &[i64], &mut [O]) -> R + Sync>,
    ) -> R
    where
        S: Copy + Default + Send + Sync + WrappingSum + Widen + Add<Output = S>,
        O: Send,
        R: Default + Add<Output = R> + Send,
    {
        let Some(rows) = self.rows() else { return R::default() };
        let n = self.right[0].columns();
        let RowsThen { out, finish, .. } = then;
        out.par_chunks_mut(rows * n)
            .enumerate()
            .map_init(
                || (Vec::new(), vec![0i64; rows * n]),
                |(block, sums), (index, out)| {
                    let sums = &mut sums[..out.len()];
                    sums.fill(0);
                    kernel.simd.run(
                        #[inline(always)]
                        || self.block(kernel, index * rows, block, (&mut *sums, n, 0)),
                    );
                    finish(index * rows * n, sums, out)
                },
            )
            .reduce(R::default, Add::add)
    }

    /// One block of rows; `block` is scratch memory for packed digits.
    #[inline(always)]
    fn block<S>(
        &self,
        kernel: &TileKernel<E, S>,
        first: usize,
        block: &mut Vec<E>,
        (c, c_stride, column): (&mut [i64], usize, usize),
    ) where
        S: Copy + Default + WrappingSum + Widen + Add<Output = S>,
    {
        let count = c.len().div_ceil(c_stride);
        let padded = count.next_multiple_of(kernel.rows);
        let mut tile = [S::default(); MOST_OUTPUTS];
        let tile = &mut tile[..kernel.rows * kernel.columns];
        for (start, length) in self.right[0].blocks() {
            let stride = length.next_multiple_of(kernel.group);
            for (i, left) in self.left.iter().enumerate() {
                if stride != length {
                    // Terms that fill up the last group must be zeros.
                    block.clear();
                }
                block.resize(padded * stride, E::default());
                let (rows, terms) = (first..first + count, start..start + length);
                left.fill_rows(rows, terms, block, stride, E::default(), |x| x);
                for (j, right) in self.right.iter().enumerate() {
                    let shift = self.widths[0] * i as u32 + self.widths[1] * j as u32;
                    for panel in 0..right.panels() {
                        let at = panel * kernel.columns;
                        let columns = kernel.columns.min(right.columns() - at);
                        for row in (0..count).step_by(kernel.rows) {
                            kernel.run(
                                &block[row * stride..],
                                (stride, kernel.group),
                                right.panel(start, panel),
                                stride,
                                tile,
                                kernel.columns,
                                (kernel.rows, kernel.columns),
                                false,
                            );
                            let rows = c[row * c_stride..].chunks_mut(c_stride);
                            for (c, sums) in rows.zip(tile.chunks_exact(kernel.columns)) {
                                let c = &mut c[column + at..][..columns];
                                for (c, &sum) in c.iter_mut().zip(sums) {
                                    *c = c.wrapping_add(sum.widen() << shift);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
