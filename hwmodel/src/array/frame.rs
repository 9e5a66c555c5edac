//! The loops around a tile kernel: blocks of k, blocks of rows or columns, threads.
//!
//! An output is computed by one thread, with blocks of k in ascending order, so results do not
//! depend on the number of threads.

use super::operand::Patches;
use super::panels::Panels;
use crate::kernels::{TileKernel, WrappingSum};
use crate::parallel::{self, Done};
use std::ops::Range;

/// Rows of a block are a multiple of this, which the tile of every kernel of vectors divides.
pub(super) const ROW_STEP: usize = 48;
/// The most rows of a block; every kernel's tile divides it.
const MOST_ROWS: usize = 4 * ROW_STEP;
/// Bytes of the left operand that a task packs at a time for a tile unit: with the panels of those terms and
/// the sums they stay in the second cache.
pub(super) const PACKED_BYTES: usize = 512 << 10;
/// Bytes of a cache line, which packed operands start at.
const LINE: usize = 64;

/// Rows of a block, at most `most`, of a product of `m` rows by tiles of `tile` rows.
pub(super) fn block_rows(m: usize, tile: usize, most: usize) -> usize {
    let step = if ROW_STEP.is_multiple_of(tile) { ROW_STEP } else { tile };
    let part = m.div_ceil(4 * rayon::current_num_threads());
    part.next_multiple_of(step).clamp(step, (most / step * step).max(step))
}

/// Makes room for `length` elements from the start of a cache line on; returns that place.
pub(super) fn aligned<E: Copy>(memory: &mut Vec<E>, length: usize, zero: E) -> usize {
    let needed = length + line::<E>();
    if memory.len() < needed {
        memory.resize(needed, zero);
    }
    line_start(memory)
}

/// The first element at the start of a cache line.
pub(super) fn line_start<E>(memory: &[E]) -> usize {
    memory.as_ptr().align_offset(LINE).min(line::<E>())
}

/// Elements of a cache line.
pub(super) const fn line<E>() -> usize {
    LINE / size_of::<E>()
}

/// Sums of a product row-major in `c`, whose rows are `c_stride` long; this product's columns start
/// at `column`. Sums start at `initial`, one value a column, or at zero.
pub(crate) struct Output<'a, S> {
    pub(crate) c: &'a mut [S],
    pub(crate) c_stride: usize,
    pub(crate) column: usize,
    pub(crate) initial: Option<&'a [S]>,
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
    let rows = block_rows(m, kernel.rows, MOST_ROWS);
    let Output { c, c_stride, column, initial } = output;
    parallel::share(c.chunks_mut(rows * c_stride).enumerate(), Vec::new, |block, (index, c)| {
        if let Some(initial) = initial {
            for row in c.chunks_exact_mut(c_stride) {
                row[column..column + n].copy_from_slice(initial);
            }
        }
        let (first, out) = (index * rows, (c, c_stride, column));
        kernel.simd.run(
            #[inline(always)]
            || rows_block(kernel, a, zero, convert, b, first, block, out, initial.is_some()),
        );
        Done
    });
}

/// What happens to complete rows of sums.
pub(crate) struct RowsThen<'a, S, O, F> {
    /// What the sums of a row start at, if not at zero.
    pub(crate) initial: Option<&'a [S]>,
    /// One element a sum.
    pub(crate) out: &'a mut [O],
    /// `finish(index of the first sum, sums, out)` of whole rows.
    pub(crate) finish: F,
}

/// C = A·B for many rows, each of which is used and forgotten; returns the total of what `finish` returns.
pub(crate) fn rows_then<T, E, S, O, R>(
    kernel: &TileKernel<E, S>,
    a: &Patches<'_, T>,
    zero: E,
    convert: impl Fn(T) -> E + Sync + Copy,
    b: &Panels<E>,
    then: RowsThen<'_, S, O, impl Fn(usize, &[S], &mut [O]) -> R + Sync>,
) -> R
where
    T: Copy + Sync,
    E: Copy + Default + Send + Sync,
    S: Copy + Default + Send + Sync + WrappingSum + std::ops::Add<Output = S>,
    O: Send,
    R: Default + std::ops::Add<Output = R> + Send,
{
    let (m, n) = (a.rows(), b.columns());
    if m == 0 || n == 0 {
        return R::default();
    }
    let rows = block_rows(m, kernel.rows, MOST_ROWS);
    let RowsThen { initial, out, finish } = then;
    parallel::share(
        out.chunks_mut(rows * n).enumerate(),
        || (Vec::new(), vec![S::default(); rows * n]),
        |(block, sums), (index, out)| {
            let sums = &mut sums[..out.len()];
            if let Some(initial) = initial {
                sums.chunks_exact_mut(n).for_each(|row| row.copy_from_slice(initial));
            }
            kernel.simd.run(
                #[inline(always)]
                || {
                    let (c, add) = ((&mut *sums, n, 0), initial.is_some());
                    rows_block(kernel, a, zero, convert, b, index * rows, block, c, add);
                },
            );
            if b.blocks().next().is_none() && initial.is_none() {
                sums.fill(S::default());
            }
            finish(index * rows * n, sums, out)
        },
    )
}

/// Distance of packed rows of `length` elements, a multiple of any group: an odd number of cache lines, since the rows of a tile
/// at a power of two apart would share few sets of the cache and cost half the rate.
pub(super) fn row_stride<E>(length: usize) -> usize {
    let line = line::<E>();
    let lines = length.div_ceil(line);
    (lines + 1 - lines % 2) * line
}

/// One block of rows; `block` is scratch memory for the packed left operand.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
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
    let whole = |length: usize| length.next_multiple_of(kernel.multiple);
    // A tile unit is so fast that sums must not travel to memory and back between blocks of k.
    let longest = row_stride::<E>(whole(b.block().min(b.terms())));
    let together = match kernel.multiple > kernel.group {
        true => (PACKED_BYTES / (padded * longest).max(1)).max(1),
        false => 1,
    };
    let _session = kernel.session();
    for chunk in (0..b.terms()).step_by(b.block() * together) {
        let blocks = || b.blocks().skip(chunk / b.block()).take(together).enumerate();
        if together == 1 && blocks().any(|(_, (_, length))| whole(length) != length) {
            // Terms that fill up the last group must be zeros. A tile's may be anything: zeros of B meet them.
            block.clear();
        }
        let offset = aligned(block, together.min(b.blocks().len()) * padded * longest, zero);
        for (place, (start, length)) in blocks() {
            let out = &mut block[offset + place * padded * longest..];
            let (rows, terms) = (first..first + count, start..start + length);
            a.fill_rows(rows, terms, out, row_stride::<E>(whole(length)), zero, convert);
        }
        for panel in 0..b.panels() {
            let at = panel * kernel.columns;
            let columns = kernel.columns.min(b.columns() - at);
            for (place, (start, length)) in blocks() {
                let stride = row_stride::<E>(whole(length));
                let block = &block[offset + place * padded * longest..];
                let right = b.panel(start, panel);
                for row in (0..count).step_by(kernel.rows) {
                    kernel.run(
                        &block[row * stride..],
                        (stride, kernel.group),
                        right,
                        whole(length),
                        &mut c[row * c_stride + column + at..],
                        c_stride,
                        (kernel.rows.min(count - row), columns),
                        accumulate || start > 0,
                    );
                }
            }
        }
    }
}

/// C = Aᵀ·P for few columns of A and a long k, where row k of P is patch k of an image: threads take
/// blocks of columns. `a` holds k rows of `a_stride` elements, of which `m` from `a_first` on take part.
/// The result is `[m, n]` row-major.
pub(crate) fn by_columns<T>(
    kernel: &TileKernel<f32, f32>,
    a: &[f32],
    (a_stride, a_first, m): (usize, usize, usize),
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
    let panels = n.div_ceil(kernel.columns);
    let share = panels.div_ceil(2 * rayon::current_num_threads()).clamp(1, 8);
    let width = share * kernel.columns;
    let tasks: Vec<(usize, usize)> = (0..k)
        .step_by(SPLIT)
        .flat_map(|start| (0..n).step_by(width).map(move |first| (start, first)))
        .collect();
    let pieces: Vec<Vec<f32>> = parallel::map(tasks.iter(), |&(start, first)| {
        let mut sums = vec![0.0; m * width.min(n - first)];
        let range = start..k.min(start + SPLIT);
        kernel.simd.run(
            #[inline(always)]
            || {
                let left = (a, a_stride, a_first, m);
                columns_block(kernel, left, patches, range, block, convert, first, &mut sums)
            },
        );
        sums
    });
    for (&(start, first), piece) in tasks.iter().zip(pieces) {
        let columns = piece.len() / m;
        for (row, source) in piece.chunks_exact(columns).enumerate() {
            let target = &mut c[row * n + first..][..columns];
            if start == 0 {
                target.copy_from_slice(source);
            } else {
                target.iter_mut().zip(source).for_each(|(sum, part)| *sum += part);
            }
        }
    }
    c
}

/// Rows of a product with a long k that are summed by themselves before the sums are added in order, so
/// that threads can share them.
pub(crate) const SPLIT: usize = 8192;

/// One block of columns from `first` on; `sums` is `[m, columns]`.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn columns_block<T: Copy>(
    kernel: &TileKernel<f32, f32>,
    (a, a_stride, a_first, m): (&[f32], usize, usize, usize),
    patches: &Patches<'_, T>,
    range: Range<usize>,
    block: usize,
    convert: impl Fn(T) -> f32 + Copy,
    first: usize,
    sums: &mut [f32],
) {
    let columns = sums.len() / m;
    let panels = columns.div_ceil(kernel.columns);
    let mut packed = vec![0.0; block * panels * kernel.columns];
    // The kernel reads whole tiles of rows: the last ones from a padded copy.
    let whole = m / kernel.rows * kernel.rows;
    let mut tail = vec![0.0; block * kernel.rows];
    for start in range.clone().step_by(block) {
        let length = block.min(range.end - start);
        let rows = start..start + length;
        for panel in 0..panels {
            let at = panel * kernel.columns;
            let terms = first + at..first + columns.min(at + kernel.columns);
            let out = &mut packed[at * length..];
            patches.fill_rows(rows.clone(), terms, out, kernel.columns, 0.0, convert);
        }
        let left = &a[start * a_stride + a_first..];
        if whole < m {
            for (out, row) in tail.chunks_exact_mut(kernel.rows).zip(left.chunks(a_stride)) {
                for (out, &value) in out.iter_mut().zip(&row[whole..m]) {
                    *out = value;
                }
            }
        }
        for panel in 0..panels {
            let at = panel * kernel.columns;
            let wanted = kernel.columns.min(columns - at);
            let b = &packed[at * length..];
            for row in (0..m).step_by(kernel.rows) {
                let (left, strides) = match row < whole {
                    true => (&left[row..], (1, a_stride)),
                    false => (&tail[..], (1, kernel.rows)),
                };
                kernel.run(
                    left,
                    strides,
                    b,
                    length,
                    &mut sums[row * columns + at..],
                    columns,
                    (kernel.rows.min(m - row), wanted),
                    start > range.start,
                );
            }
        }
    }
}
