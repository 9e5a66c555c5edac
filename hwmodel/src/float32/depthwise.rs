//! The three products of a depthwise convolution, all channels together, with the same order of
//! additions as computing the groups separately.

use super::pixel_sums::SPLIT;
use super::{BLOCK, Shapes};
use crate::blocking::{Windows, by_terms};
use crate::convolution::Convolution2d;
use crate::float32::values::{Values, with_values};
use crate::kernels::SimdLevel;
use crate::parallel;

/// Output pixels that a thread computes at a time.
const PIXELS: usize = 32;
/// Channels of a gradient of weights that a thread sums at a time: their sums stay in the first-level cache.
const CHANNELS: usize = 64;

impl Shapes {
    /// Whether every group is one channel and one filter, there are several, and a sum is one chain.
    pub(super) fn is_depthwise(&self) -> bool {
        let groups = self.geometry.groups;
        groups > 1 && self.weights[0] == groups && self.weights[3] == 1 && self.terms() <= BLOCK
    }

    fn windows(&self) -> Windows {
        Windows { input: self.input, geometry: self.geometry, output: self.output }
    }
}

/// Y = X ∗ W.
pub(super) fn forward(simd: SimdLevel, shapes: &Shapes, x: Values<'_>, w: Values<'_>) -> Vec<f32> {
    let filters = with_values!(w, (w, convert) => by_terms(w, shapes.terms(), convert));
    with_values!(x, (x, convert) => convolved(simd, shapes.windows(), x, &filters, convert))
}

/// dX with a stride of 1: dY ∗ mirrored W under `mirrored`.
pub(super) fn grad_input_mirrored(
    simd: SimdLevel,
    shapes: &Shapes,
    mirrored: Convolution2d,
    w: Values<'_>,
    dy: &[f32],
) -> Vec<f32> {
    let terms = shapes.terms();
    let mut filters = with_values!(w, (w, convert) => by_terms(w, terms, convert));
    let channels = shapes.geometry.groups;
    for term in 0..terms / 2 {
        let (head, tail) = filters.split_at_mut((terms - 1 - term) * channels);
        head[term * channels..][..channels].swap_with_slice(&mut tail[..channels]);
    }
    let [images, height, width, _] = shapes.input;
    let [oh, ow] = shapes.output;
    let input = [images, oh, ow, channels];
    let windows = Windows { input, geometry: mirrored, output: [height, width] };
    convolved(simd, windows, dy, &filters, |x| x)
}

/// dX with any stride: every product is added to its pixel, output pixels ascending.
pub(super) fn grad_input(simd: SimdLevel, shapes: &Shapes, w: Values<'_>, dy: &[f32]) -> Vec<f32> {
    let filters = with_values!(w, (w, convert) => by_terms(w, shapes.terms(), convert));
    let [images, height, width, channels] = shapes.input;
    let pixels = shapes.output[0] * shapes.output[1];
    let plane = height * width * channels;
    let mut dx = vec![0.0; images * plane];
    // The windows of one image.
    let windows = Windows { input: [1, height, width, channels], ..shapes.windows() };
    let dy = dy.chunks((pixels * channels).max(1));
    parallel::each(dx.chunks_mut(plane.max(1)).zip(dy), |(dx, dy)| {
        simd.run(
            #[inline(always)]
            || {
                for (pixel, dy) in dy.chunks_exact(channels).enumerate() {
                    windows.for_each_term(
                        pixel,
                        #[inline(always)]
                        |term, target| {
                            let Some(target) = target else { return };
                            let dx = &mut dx[target * channels..][..channels];
                            let w = &filters[term * channels..][..channels];
                            for ((dx, dy), w) in dx.iter_mut().zip(dy).zip(w) {
                                *dx += dy * w;
                            }
                        },
                    );
                }
            },
        );
    });
    dx
}

/// dW = dYᵀ·patches(X).
pub(super) fn grad_weight(simd: SimdLevel, shapes: &Shapes, x: Values<'_>, dy: &[f32]) -> Vec<f32> {
    let (channels, terms, pixels) = (shapes.geometry.groups, shapes.terms(), shapes.pixels());
    let starts = (0..pixels).step_by(SPLIT);
    let tasks: Vec<(usize, usize)> = starts
        .flat_map(|start| (0..channels).step_by(CHANNELS).map(move |first| (start, first)))
        .collect();
    let windows = shapes.windows();
    // `[terms, channels of the task]` each.
    let pieces: Vec<Vec<f32>> = with_values!(x, (x, convert) => {
        parallel::map(tasks.iter(), |&(start, first)| {
            let range = start..pixels.min(start + SPLIT);
            let part = (first, CHANNELS.min(channels - first));
            simd.run(
                #[inline(always)]
                || summed(windows, x, dy, range, part, convert),
            )
        })
    });
    let mut dw = vec![0.0; channels * terms];
    for (&(start, first), piece) in tasks.iter().zip(&pieces) {
        let width = piece.len() / terms;
        for (term, sums) in piece.chunks_exact(width).enumerate() {
            for (offset, &sum) in sums.iter().enumerate() {
                let total = &mut dw[(first + offset) * terms + term];
                *total = if start == 0 { sum } else { *total + sum };
            }
        }
    }
    dw
}

/// The sums of one task of [`grad_weight`]: chains of [`BLOCK`] pixels, added in order.
#[inline(always)]
fn summed<T: Copy>(
    windows: Windows,
    x: &[T],
    dy: &[f32],
    range: std::ops::Range<usize>,
    (first, width): (usize, usize),
    convert: impl Fn(T) -> f32 + Copy,
) -> Vec<f32> {
    let channels = windows.input[3];
    let terms = windows.geometry.kernel[0] * windows.geometry.kernel[1];
    let mut sums = vec![0.0; terms * width];
    let mut chain = vec![0.0; terms * width];
    for start in range.clone().step_by(BLOCK) {
        chain.fill(0.0);
        for pixel in start..range.end.min(start + BLOCK) {
            let dy = &dy[pixel * channels + first..][..width];
            windows.for_each_term(
                pixel,
                #[inline(always)]
                |term, source| {
                    let chain = &mut chain[term * width..][..width];
                    match source {
                        Some(source) => {
                            let x = &x[source * channels + first..][..width];
                            for ((sum, &dy), &x) in chain.iter_mut().zip(dy).zip(x) {
                                *sum = dy.mul_add(convert(x), *sum);
                            }
                        }
                        None => {
                            for (sum, &dy) in chain.iter_mut().zip(dy) {
                                *sum = dy.mul_add(0.0, *sum);
                            }
                        }
                    }
                },
            );
        }
        if start == range.start {
            sums.copy_from_slice(&chain);
        } else {
            sums.iter_mut().zip(&chain).for_each(|(sum, part)| *sum += part);
        }
    }
    sums
}

/// X ∗ W for filters `[terms, channels]`: one chain of fused multiply-adds a sum, padding included.
fn convolved<T: Copy + Sync>(
    simd: SimdLevel,
    windows: Windows,
    x: &[T],
    filters: &[f32],
    convert: impl Fn(T) -> f32 + Copy + Sync,
) -> Vec<f32> {
    let channels = windows.input[3];
    let pixels = windows.input[0] * windows.output[0] * windows.output[1];
    let mut y = vec![0.0; pixels * channels];
    parallel::each(y.chunks_mut((PIXELS * channels).max(1)).enumerate(), |(chunk, y)| {
        simd.run(
            #[inline(always)]
            || {
                for (offset, y) in y.chunks_exact_mut(channels).enumerate() {
                    windows.for_each_term(
                        chunk * PIXELS + offset,
                        #[inline(always)]
                        |term, pixel| {
                            let w = &filters[term * channels..][..channels];
                            match pixel {
                                Some(pixel) => {
                                    let x = &x[pixel * channels..][..channels];
                                    for ((y, &x), &w) in y.iter_mut().zip(x).zip(w) {
                                        *y = convert(x).mul_add(w, *y);
                                    }
                                }
                                None => {
                                    for (y, &w) in y.iter_mut().zip(w) {
                                        *y = 0f32.mul_add(w, *y);
                                    }
                                }
                            }
                        },
                    );
                }
            },
        );
    });
    y
}

#[cfg(test)]
mod tests {
    use super::super::{forward_by_groups, grad_input_by_groups, grad_weight_by_groups};
    use super::*;
    use crate::number::format::Format;
    use crate::number::tensor::FixedTensor;
    use crate::random::{generator, uniform_f32};
    use proptest::prelude::*;

    fn random(length: usize, seed: u64) -> Vec<f32> {
        let mut generator = generator(seed, &[1]);
        (0..length).map(|_| uniform_f32(&mut generator) * 2.0 - 1.0).collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn all_three_products_have_the_bits_of_the_groups(
            batch in 1usize..4, size in [1usize..18, 1usize..18], channels in 2usize..70,
            kernel in [1usize..4, 1usize..4], stride in [1usize..4, 1usize..3],
            (padding, dilation) in
                ([[0usize..3, 0usize..3], [0usize..3, 0usize..3]], [1usize..3, 1usize..4]), fixed: bool, seed: u64,
        ) {
            let geometry = Convolution2d { kernel, stride, padding, dilation, groups: channels };
            prop_assume!(geometry.output_size(size).is_some());
            let input = [batch, size[0], size[1], channels];
            let weights = [channels, kernel[0], kernel[1], 1];
            let shapes = Shapes::new(&input, &weights, geometry).unwrap();
            prop_assert!(shapes.is_depthwise());
            let raw: Vec<i32> =
                (0..input.iter().product::<usize>()).map(|i| (i * 37 % 255) as i32 - 127).collect();
            let tensor =
                FixedTensor::from_raw(&input, Format::new(8, 5).unwrap(), &raw).unwrap();
            let float = random(raw.len(), seed);
            let x = if fixed { Values::Fixed(&tensor) } else { Values::Float(&float) };
            let filters = random(weights.iter().product(), !seed);
            let w = Values::Float(&filters);
            let dy = random(shapes.output().iter().product(), seed ^ 99);
            for simd in SimdLevel::testable() {
                let groups = forward_by_groups(simd, &shapes, x, w);
                prop_assert_eq!(bits(&super::super::forward(simd, &shapes, x, w).unwrap()), bits(&groups));
                let groups = grad_input_by_groups(simd, &shapes, w, &dy);
                let got = super::super::grad_input(simd, &shapes, w, &dy).unwrap();
                prop_assert_eq!(bits(&got), bits(&groups));
                let groups = grad_weight_by_groups(simd, &shapes, x, &dy);
                let got = super::super::grad_weight(simd, &shapes, x, &dy).unwrap();
                prop_assert_eq!(bits(&got), bits(&groups));
            }
        }
    }

    /// More pixels than one chain and than one task have.
    #[test]
    fn long_sums_have_the_bits_of_the_groups() {
        let geometry = Convolution2d { groups: 3, ..Convolution2d::square(3, 1, 1) };
        let shapes = Shapes::new(&[3, 60, 50, 3], &[3, 3, 3, 1], geometry).unwrap();
        assert!(shapes.pixels() > SPLIT + BLOCK);
        let (x, dy) = (random(3 * 60 * 50 * 3, 1), random(3 * 60 * 50 * 3, 2));
        let simd = SimdLevel::best();
        let groups = grad_weight_by_groups(simd, &shapes, Values::Float(&x), &dy);
        assert_eq!(bits(&grad_weight(simd, &shapes, Values::Float(&x), &dy)), bits(&groups));
    }
}
