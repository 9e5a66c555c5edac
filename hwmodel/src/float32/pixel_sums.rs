//! The gradient of the weights: few filters and a long sum over pixels.

use crate::blocking::Patches;
use crate::kernels::TileKernel;
use crate::parallel;
use std::ops::Range;

/// C = Aᵀ·P for few columns of A and a long k, where row k of P is patch k of an image: threads take
/// blocks of columns. `a` holds k rows of `a_stride` elements, of which `m` from `a_first` on take part.
/// The result is `[m, n]` row-major.
pub(super) fn grad_weight<T>(
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

/// Rows of a product with a long k that are summed separately before the sums are added in order, so
/// that threads can share them.
pub(super) const SPLIT: usize = 8192;

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
