//! The loops around a tile kernel: blocks of k, blocks of rows or columns, threads.
//!
//! An output is computed by one thread, with blocks of k in ascending order, so results do not
//! depend on the number of threads.

use super::operand::{Panels, Patches};
use crate::kernels::{TileKernel, WrappingSum};
use rayon::prelude::*;

/// Rows of a block are a multiple of this, which every kernel's tile divides.
const ROW_STEP: usize = 48;

/// Sums of a product row-major in `c`, whose rows are `c_stride` long; this product's columns start
/// at `column`. With `accumulate`, sums are added to what `c` holds.
pub(crate) struct Output<'a, S> {
    pub(crate) c: &'a mut [S],
    pub(crate) c_stride: usize,
    pub(crate) column: usize,
    pub(crate) accumulate: bool,
}

/// C = A·B for many rows: threads take blocks of rows.
pub(crate) fn by_rows<T, E, S>(
    kernel: &TileKernel<E, S>,
    a: &Patches<'_, T>,
    zero: E,
    convert: impl Fn(T) -> E + Sync + Copy,
    b: &Panels<E>,
    output: Output<'_, S>,
) where
    T: Copy + Sync,
    E: Copy + Default + Send + Sync,
    S: Copy + Default + Send + Sync + WrappingSum + std::ops::Add<Output = S>,
{
    let (m, n) = (a.rows(), b.columns());
    if m == 0 || n == 0 {
        return;
    }
    let share = m.div_ceil(4 * rayon::current_num_threads());
    let rows = share.next_multiple_of(ROW_STEP).clamp(ROW_STEP, 4 * ROW_STEP);
    let Output { c, c_stride, column, accumulate } = output;
    c.par_chunks_mut(rows * c_stride).enumerate().for_each_init(Vec::new, |block, (index, c)| {
        rows_block(
            kernel,
            a,
            zero,
            convert,
            b,
            index * rows,
            block,
            (c, c_stride, column),
            accumulate,
        );
    });
}

/// One block of rows; `block` is scratch memory for the packed left operand.
#[allow(clippy::too_many_arguments)]
pub(crate) fn rows_block<T, E, S>(
    kernel: &TileKernel<E, S>,
    a: &Patches<'_, T>,
    zero: E,
    convert: impl Fn(T) -> E + Copy,
    b: &Panels<E>,
    first: usize,
    block: &mut Vec<E>,
    (c, c_stride, column): (&mut [S], usize, usize),
    accumulate: bool,
) where
    T: Copy,
    E: Copy + Default + Send + Sync,
    S: Copy + Default + WrappingSum + std::ops::Add<Output = S>,
{
    let count = c.len().div_ceil(c_stride);
    let padded = count.next_multiple_of(kernel.rows);
    for (start, length) in b.blocks() {
        let stride = length.next_multiple_of(kernel.group);
        block.clear();
        block.resize(padded * stride, zero);
        for (row, out) in block.chunks_exact_mut(stride).take(count).enumerate() {
            a.fill(first + row, start, &mut out[..length], zero, convert);
        }
        for panel in 0..b.panels() {
            let at = panel * kernel.columns;
            let columns = kernel.columns.min(b.columns() - at);
            for row in (0..count).step_by(kernel.rows) {
                kernel.run(
                    &block[row * stride..],
                    stride,
                    b.panel(start, panel),
                    stride,
                    &mut c[row * c_stride + column + at..],
                    c_stride,
                    (kernel.rows.min(count - row), columns),
                    accumulate || start > 0,
                );
            }
        }
    }
}

/// C = A·P for few rows and a long k, where row k of P is patch k of an image: threads take blocks
/// of columns. `a` is `[m, k]` row-major. The result is `[m, n]` row-major.
pub(crate) fn by_columns<T>(
    kernel: &TileKernel<f32, f32>,
    a: &[f32],
    m: usize,
    patches: &Patches<'_, T>,
    block: usize,
    convert: impl Fn(T) -> f32 + Sync + Copy,
) -> Vec<f32>
where
    T: Copy + Sync,
{
    let (k, n) = (patches.rows(), patches.k());
    debug_assert_eq!(kernel.group, 1);
    let mut c = vec![0.0; m * n];
    if m == 0 || n == 0 {
        return c;
    }
    // The kernel reads whole tiles of rows, so the last ones are read from a padded copy.
    let whole = m / kernel.rows * kernel.rows;
    let mut tail = vec![0.0; kernel.rows * k];
    tail[..(m - whole) * k].copy_from_slice(&a[whole * k..]);
    let panels = n.div_ceil(kernel.columns);
    let share = panels.div_ceil(2 * rayon::current_num_threads()).clamp(1, 8);
    let width = share * kernel.columns;
    let pieces: Vec<(usize, Vec<f32>)> = (0..n)
        .into_par_iter()
        .step_by(width)
        .map(|first| {
            let columns = width.min(n - first);
            let panels = columns.div_ceil(kernel.columns);
            let mut sums = vec![0.0; m * columns];
            let mut packed = vec![0.0; block * panels * kernel.columns];
            let mut row = vec![0.0; panels * kernel.columns];
            for start in (0..k).step_by(block) {
                let length = block.min(k - start);
                for offset in 0..length {
                    patches.fill(start + offset, first, &mut row[..columns], 0.0, convert);
                    for (panel, source) in row.chunks_exact(kernel.columns).enumerate() {
                        let at = (panel * length + offset) * kernel.columns;
                        packed[at..at + kernel.columns].copy_from_slice(source);
                    }
                }
                for panel in 0..panels {
                    let at = panel * kernel.columns;
                    let wanted = kernel.columns.min(columns - at);
                    let b = &packed[panel * length * kernel.columns..];
                    for row in (0..m).step_by(kernel.rows) {
                        let rows = kernel.rows.min(m - row);
                        let left = if row < whole { &a[row * k + start..] } else { &tail[start..] };
                        kernel.run(
                            left,
                            k,
                            b,
                            length,
                            &mut sums[row * columns + at..],
                            columns,
                            (rows, wanted),
                            start > 0,
                        );
                    }
                }
            }
            (first, sums)
        })
        .collect();
    for (first, sums) in pieces {
        let columns = sums.len() / m;
        for (row, source) in sums.chunks_exact(columns).enumerate() {
            c[row * n + first..row * n + first + columns].copy_from_slice(source);
        }
    }
    c
}
