//! Products of small padded images, without the terms that only read padding.
//!
//! On an image of 2×2 pixels a 3×3 kernel reads padding at five of its nine positions. These are the same for an output
//! pixel of every image, so the product is computed output pixel by output pixel (for the gradient of the weights, kernel
//! position by kernel position) over the terms inside the image. The bits are those of the whole product: blocks of k are
//! the same, and a term of zero changes no sum.

use super::pixel_sums::SPLIT;
use crate::blocking::{Panels, Patches, row_stride};
use crate::kernels::{SimdLevel, TileKernel, float32_kernel};
use crate::parallel::{self, Done};
use std::ops::Range;
use std::sync::Mutex;

/// Fewest images with which the rows of one output pixel fill tiles.
const FEWEST_IMAGES: usize = 16;
/// Rows of one task.
const ROWS: usize = 144;
/// Fewest channels for which copying the terms of one place is little work.
const FEWEST_CHANNELS: usize = 32;

/// Terms of one kernel dimension that read pixels of the image, for every output place.
fn inside(
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    out: usize,
) -> Vec<Range<usize>> {
    let range = |place: usize| {
        let from = padding.saturating_sub(place * stride).min(kernel);
        let to = (size + padding).saturating_sub(place * stride).clamp(from, kernel);
        from..to
    };
    (0..out).map(range).collect()
}

/// Which kernel rows and columns read pixels, by output row and column.
struct InteriorTerms {
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
}

impl InteriorTerms {
    fn of<T: Copy>(patches: &Patches<'_, T>) -> Self {
        let ([h, w, _], geometry) = patches.geometry();
        let [oh, ow] = patches.output();
        let ([kh, kw], [sh, sw]) = (geometry.kernel, geometry.stride);
        let [[ph, _], [pw, _]] = geometry.padding;
        Self { rows: inside(h, kh, sh, ph, oh), columns: inside(w, kw, sw, pw, ow) }
    }

    /// Whether a quarter of the multiply-adds, or more, would read padding.
    fn saves_a_quarter(&self, kernel: [usize; 2]) -> bool {
        let sum = |ranges: &[Range<usize>]| ranges.iter().map(Range::len).sum::<usize>();
        let all = self.rows.len() * self.columns.len() * kernel[0] * kernel[1];
        4 * sum(&self.rows) * sum(&self.columns) <= 3 * all
    }
}

/// Whether [`forward`] and [`grad_weight`] are faster than the general products.
pub(crate) fn saves<T: Copy>(patches: &Patches<'_, T>) -> bool {
    let places = patches.output()[0] * patches.output()[1];
    patches.geometry().1.dilation == [1, 1]
        && patches.geometry().0[2] >= FEWEST_CHANNELS
        && patches.rows() >= FEWEST_IMAGES * places
        && InteriorTerms::of(patches).saves_a_quarter(patches.geometry().1.kernel)
}

/// C = A·B as [`super::forward`] makes it, one output pixel of all images after the other. The rows of `c` are
/// `c_stride` long, the product's columns start at `column`.
pub(crate) fn forward<T: Copy + Sync>(
    kernel: &TileKernel<f32, f32>,
    a: &Patches<'_, T>,
    convert: impl Fn(T) -> f32 + Sync + Copy,
    b: &Panels<f32>,
    (c, c_stride, column): (&mut [f32], usize, usize),
) {
    let inside = InteriorTerms::of(a);
    let [oh, ow] = a.output();
    let (places, n) = (oh * ow, b.columns());
    let images = a.rows() / places;
    let rows = images.div_ceil(images.div_ceil(ROWS)).next_multiple_of(kernel.rows);
    let mut sums = vec![0.0; a.rows() * n];
    let pieces = sums.chunks_mut(images * n).enumerate().flat_map(|(place, sums)| {
        sums.chunks_mut(rows * n).enumerate().map(move |(index, sums)| (place, index * rows, sums))
    });
    parallel::share(
        pieces,
        <(Vec<f32>, Vec<f32>)>::default,
        |(left, right), (place, first, sums)| {
            let terms = (inside.rows[place / ow].clone(), inside.columns[place % ow].clone());
            let images = (0..sums.len() / n).map(|row| (first + row) * places + place);
            kernel.simd.run(
                #[inline(always)]
                || place_block(kernel, a, convert, b, images, terms, (left, right), sums),
            );
            Done
        },
    );
    parallel::each(c.chunks_mut(64 * c_stride).enumerate(), |(index, c)| {
        for (row, c) in (64 * index..).zip(c.chunks_mut(c_stride)) {
            let (image, place) = (row / places, row % places);
            c[column..column + n].copy_from_slice(&sums[(place * images + image) * n..][..n]);
        }
    });
}

/// The terms of a block of k that lie in the kernel's rows and columns `inside`.
fn segments(
    (rows, columns): &(Range<usize>, Range<usize>),
    (kernel_width, channels): (usize, usize),
    block: Range<usize>,
) -> impl Iterator<Item = Range<usize>> {
    let columns = columns.clone();
    rows.clone().filter_map(move |row| {
        let line = row * kernel_width;
        let from = ((line + columns.start) * channels).max(block.start);
        let to = ((line + columns.end) * channels).min(block.end);
        (from < to).then_some(from..to)
    })
}

/// Sums of the patches `rows` over the terms inside.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn place_block<T: Copy>(
    kernel: &TileKernel<f32, f32>,
    a: &Patches<'_, T>,
    convert: impl Fn(T) -> f32 + Copy,
    b: &Panels<f32>,
    rows: impl Iterator<Item = usize> + Clone,
    inside: (Range<usize>, Range<usize>),
    (left, right): (&mut Vec<f32>, &mut Vec<f32>),
    sums: &mut [f32],
) {
    let n = b.columns();
    let count = sums.len() / n;
    let shape = (a.geometry().1.kernel[1], a.geometry().0[2]);
    for (start, length) in b.blocks() {
        let segments = || segments(&inside, shape, start..start + length);
        let terms: usize = segments().map(|segment| segment.len()).sum();
        if terms == 0 {
            continue;
        }
        let stride = row_stride::<f32>(terms);
        left.resize(count.next_multiple_of(kernel.rows) * stride, 0.0);
        for (row, out) in rows.clone().zip(left.chunks_exact_mut(stride)) {
            let mut out = &mut out[..terms];
            for segment in segments() {
                let (part, rest) = out.split_at_mut(segment.len());
                a.fill(row, segment.start, part, 0.0, convert);
                out = rest;
            }
        }
        for panel in 0..b.panels() {
            right.clear();
            for Range { start: from, end: to } in segments() {
                let columns = kernel.columns;
                right.extend_from_slice(
                    &b.panel(start, panel)[(from - start) * columns..(to - start) * columns],
                );
            }
            let at = panel * kernel.columns;
            for row in (0..count).step_by(kernel.rows) {
                kernel.run(
                    &left[row * stride..],
                    (stride, 1),
                    right,
                    terms,
                    &mut sums[row * n + at..],
                    n,
                    (kernel.rows.min(count - row), kernel.columns.min(n - at)),
                    true,
                );
            }
        }
    }
}

/// C = Aᵀ·P as [`super::pixel_sums::grad_weight`] makes it, one place of the kernel after the other. `a` holds k rows of
/// `a_stride` elements, of which `m` from `a_first` on take part. The result is `[m, n]` row-major.
pub(crate) fn grad_weight<T: Copy + Sync>(
    simd: SimdLevel,
    a: &[f32],
    (a_stride, a_first, m): (usize, usize, usize),
    patches: &Patches<'_, T>,
    block: usize,
    convert: impl Fn(T) -> f32 + Sync + Copy,
) -> Vec<f32> {
    let (k, n) = (patches.rows(), patches.k());
    let ([_, _, channels], geometry) = patches.geometry();
    let kernel = float32_kernel(simd, channels);
    let [oh, ow] = patches.output();
    let [kernel_height, kernel_width] = geometry.kernel;
    let inside = InteriorTerms::of(patches);
    let mut tasks: Vec<(Vec<bool>, usize, usize)> = Vec::new();
    for start in (0..k).step_by(SPLIT) {
        for place in 0..kernel_height * kernel_width {
            let (y, x) = (place / kernel_width, place % kernel_width);
            let reads = |pixel: usize| {
                inside.rows[pixel / ow].contains(&y) && inside.columns[pixel % ow].contains(&x)
            };
            tasks.push(((0..oh * ow).map(reads).collect(), start, place));
        }
    }
    // The longest first, so that threads end together.
    tasks.sort_by_key(|(reads, _, _)| std::cmp::Reverse(reads.iter().filter(|&&x| x).count()));
    let pieces = Mutex::new(Vec::with_capacity(tasks.len()));
    parallel::share(tasks.into_iter(), <(Vec<f32>, Vec<f32>)>::default, |(left, right), task| {
        let (reads, start, place) = task;
        let mut sums = vec![0.0; m * channels];
        for from in (start..k.min(start + SPLIT)).step_by(block) {
            let pixels = (from..k.min(start + SPLIT).min(from + block))
                .filter(|pixel| reads[pixel % (oh * ow)]);
            kernel.simd.run(
                #[inline(always)]
                || {
                    let a = (a, a_stride, a_first, m);
                    kernel_place(
                        &kernel,
                        a,
                        patches,
                        convert,
                        pixels,
                        place,
                        (left, right),
                        &mut sums,
                    )
                },
            );
        }
        pieces.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((start, place, sums));
        Done
    });
    let mut pieces = pieces.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    pieces.sort_by_key(|&(start, place, _)| (start, place));
    let mut c = vec![0.0; m * n];
    parallel::each(c.chunks_mut(n).enumerate(), |(row, c)| {
        for (start, place, sums) in &pieces {
            let target = &mut c[place * channels..][..channels];
            let sums = &sums[row * channels..][..channels];
            match start {
                0 => target.copy_from_slice(sums),
                _ => target.iter_mut().zip(sums).for_each(|(target, sum)| *target += sum),
            }
        }
    });
    c
}

/// Adds the products of the rows `pixels` of A with what one place of the kernel reads: `sums` is `[m, channels]`.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn kernel_place<T: Copy>(
    kernel: &TileKernel<f32, f32>,
    (a, a_stride, a_first, m): (&[f32], usize, usize, usize),
    patches: &Patches<'_, T>,
    convert: impl Fn(T) -> f32 + Copy,
    pixels: impl Iterator<Item = usize> + Clone,
    place: usize,
    (left, right): (&mut Vec<f32>, &mut Vec<f32>),
    sums: &mut [f32],
) {
    let channels = sums.len() / m;
    let terms = pixels.clone().count();
    if terms == 0 {
        return;
    }
    let rows = m.next_multiple_of(kernel.rows);
    left.resize(terms * rows, 0.0);
    for (out, pixel) in left.chunks_exact_mut(rows).zip(pixels.clone()) {
        out[..m].copy_from_slice(&a[pixel * a_stride + a_first..][..m]);
    }
    let width = kernel.columns;
    right.resize(terms * width, 0.0);
    for at in (0..channels).step_by(width) {
        let columns = width.min(channels - at);
        for (out, pixel) in right.chunks_exact_mut(width).zip(pixels.clone()) {
            patches.fill(pixel, place * channels + at, &mut out[..columns], 0.0, convert);
        }
        for row in (0..m).step_by(kernel.rows) {
            kernel.run(
                &left[row..],
                (1, rows),
                right,
                terms,
                &mut sums[row * channels + at..],
                channels,
                (kernel.rows.min(m - row), columns),
                true,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pixel_sums;
    use super::*;
    use crate::blocking::{self, RightMatrix, Store, TileProduct};
    use crate::convolution::Convolution2d;
    use crate::random::{generator, uniform_f32};
    use proptest::prelude::*;

    fn random(length: usize, seed: u64) -> Vec<f32> {
        let mut generator = generator(seed, &[7]);
        (0..length).map(|_| uniform_f32(&mut generator) * 2.0 - 1.0).collect()
    }

    #[test]
    fn terms_inside_a_small_image() {
        // Two pixels, three places, padding 1: the first output misses place 0, the second place 2.
        assert_eq!(inside(2, 3, 1, 1, 2), [1..3, 0..2]);
        assert_eq!(inside(4, 5, 1, 2, 4), [2..5, 1..5, 0..4, 0..3]);
        // Stride 4 on 32 pixels.
        assert_eq!(inside(32, 11, 4, 5, 8)[0], 5..11);
        assert_eq!(inside(32, 11, 4, 5, 8)[7], 0..9);
        // Padding so wide that a place reads nothing.
        assert_eq!(inside(1, 2, 1, 3, 6).iter().map(Range::len).sum::<usize>(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_bits_are_those_of_the_whole_product(
            images in FEWEST_IMAGES..40, size in [1usize..5, 1usize..5], kernel in [1usize..6, 1usize..6],
            stride in [1usize..3, 1usize..3],
            padding in [[0usize..4, 0usize..4], [0usize..4, 0usize..4]],
            channels in 30usize..70, n in 1usize..70, groups in 1usize..3, seed: u64,
        ) {
            let geometry = Convolution2d { kernel, stride, padding, dilation: [1; 2], groups };
            let output = geometry.output_size(size);
            prop_assume!(output.is_some());
            let output = output.unwrap();
            let input = [images, size[0], size[1], channels * groups];
            let x = random(input.iter().product(), seed);
            for group in 0..groups {
                let patches = Patches::image(&x, input, geometry, output, group);
                let (rows, k) = (patches.rows(), patches.k());
                let (w, dy) = (random(n * k, !seed), random(rows * n * groups, seed ^ 5));
                for simd in SimdLevel::testable() {
                    let kernel = float32_kernel(simd, n);
                    let panels = Panels::pack(&kernel, RightMatrix::ByN(&w), k, n, 256, |x| x);
                    let (mut whole, mut by_place) = (vec![1.0; rows * n], vec![2.0; rows * n]);
                    let product = TileProduct {
                        kernel: &kernel,
                        left: &patches,
                        zero: 0.0,
                        convert: |x| x,
                        right: &panels,
                        initial: None,
                    };
                    let mut sink = Store { sums: &mut whole, stride: n, flags: None };
                    blocking::run(&product, 0, &mut sink);
                    forward(&kernel, &patches, |x| x, &panels, (&mut by_place, n, 0));
                    prop_assert_eq!(&whole, &by_place);
                    let layout = (n * groups, group * n, n);
                    let kernel = float32_kernel(simd, k);
                    prop_assert_eq!(
                        pixel_sums::grad_weight(&kernel, &dy, layout, &patches, 256, |x| x),
                        grad_weight(simd, &dy, layout, &patches, 256, |x| x)
                    );
                }
            }
        }
    }
}
