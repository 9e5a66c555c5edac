//! A product by one tile kernel.

use super::memory::ROW_STEP;
use super::memory::{PACKED_BYTES, aligned, block_rows, row_stride};
use super::panels::Panels;
use super::patches::Patches;
use super::product::BlockProduct;
use super::sink::SumRows;
use crate::kernels::{TileKernel, WrappingSum};
use std::ops::Add;

/// The most rows of a block; every kernel's tile divides it.
const MOST_ROWS: usize = 4 * ROW_STEP;

/// C = A·B by one kernel.
pub(crate) struct TileProduct<'a, T, E, S, F> {
    pub(crate) kernel: &'a TileKernel<E, S>,
    pub(crate) left: &'a Patches<'a, T>,
    /// Padding of an image, and the kernel's element for a word of it.
    pub(crate) zero: E,
    pub(crate) convert: F,
    pub(crate) right: &'a Panels<E>,
    /// What the sums of a row start at, one value a column; zeros if `None`.
    pub(crate) initial: Option<&'a [S]>,
}

impl<T, E, S, F> BlockProduct<S> for TileProduct<'_, T, E, S, F>
where
    T: Copy + Sync,
    E: Copy + Default + Send + Sync,
    S: Copy + Default + Send + Sync + WrappingSum + Add<Output = S>,
    F: Fn(T) -> E + Copy + Sync,
{
    type Scratch = Vec<E>;

    fn shape(&self) -> [usize; 2] {
        [self.left.rows(), self.right.columns()]
    }

    fn block_rows(&self) -> usize {
        block_rows(self.left.rows(), self.kernel.rows, MOST_ROWS)
    }

    fn scratch(&self) -> Vec<E> {
        Vec::new()
    }

    fn compute(&self, first: usize, mut rows: SumRows<'_, S>, packed: &mut Vec<E>) {
        let n = self.right.columns();
        match self.initial {
            Some(initial) => rows.rows(n).for_each(|row| row.copy_from_slice(initial)),
            None if self.right.terms() == 0 => rows.rows(n).for_each(|row| row.fill(S::default())),
            None => {}
        }
        self.kernel.simd.run(
            #[inline(always)]
            || self.block(first, rows, packed, self.initial.is_some()),
        );
    }
}

impl<T, E, S, F> TileProduct<'_, T, E, S, F>
where
    T: Copy,
    E: Copy + Default + Send + Sync,
    S: Copy + Default + WrappingSum + Add<Output = S>,
    F: Fn(T) -> E + Copy,
{
    /// The sums of the rows from `first` on, added to what is there if `accumulate`; `packed` is memory for the rows of the
    /// left operand. Without terms nothing is written.
    #[inline(always)]
    pub(crate) fn block(
        &self,
        first: usize,
        rows: SumRows<'_, S>,
        packed: &mut Vec<E>,
        accumulate: bool,
    ) {
        let (kernel, right, zero) = (self.kernel, self.right, self.zero);
        let count = rows.count();
        let SumRows { sums, stride: sums_stride, column, .. } = rows;
        let padded = count.next_multiple_of(kernel.rows);
        let whole = |length: usize| length.next_multiple_of(kernel.multiple);
        // A tile unit is so fast that sums must not travel to memory and back between blocks of k.
        let longest = row_stride::<E>(whole(right.block().min(right.terms())));
        let blocks_at_once = match kernel.multiple > kernel.group {
            true => (PACKED_BYTES / (padded * longest).max(1)).max(1),
            false => 1,
        };
        let _session = kernel.session();
        for chunk in (0..right.terms()).step_by(right.block() * blocks_at_once) {
            let blocks =
                || right.blocks().skip(chunk / right.block()).take(blocks_at_once).enumerate();
            if blocks_at_once == 1 && blocks().any(|(_, (_, length))| whole(length) != length) {
                // Terms that fill up the last group must be zeros. A tile's may be anything: they are multiplied by the
                // zeros that pad B.
                packed.clear();
            }
            let most = blocks_at_once.min(right.blocks().len());
            let offset = aligned(packed, most * padded * longest, zero);
            for (place, (start, length)) in blocks() {
                let out = &mut packed[offset + place * padded * longest..];
                let (rows, terms) = (first..first + count, start..start + length);
                let stride = row_stride::<E>(whole(length));
                self.left.fill_rows(rows, terms, out, stride, zero, self.convert);
            }
            for panel in 0..right.panels() {
                let at = panel * kernel.columns;
                let columns = kernel.columns.min(right.columns() - at);
                for (place, (start, length)) in blocks() {
                    let stride = row_stride::<E>(whole(length));
                    let packed = &packed[offset + place * padded * longest..];
                    let panel = right.panel(start, panel);
                    for row in (0..count).step_by(kernel.rows) {
                        kernel.run(
                            &packed[row * stride..],
                            (stride, kernel.group),
                            panel,
                            whole(length),
                            &mut sums[row * sums_stride + column + at..],
                            sums_stride,
                            (kernel.rows.min(count - row), columns),
                            accumulate || start > 0,
                        );
                    }
                }
            }
        }
    }
}
