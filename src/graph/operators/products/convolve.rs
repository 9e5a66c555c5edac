//! Convolutions of `[n, c, sizes...]` with `[o, c / groups, kernel...]`: integers on the array, floats on the float unit.

use super::patches::Sources;
use super::shape::ConvolutionShape;
use super::sums::{self, Sums};
use super::words::{Words, bytes, shifts_to_bytes};
use crate::graph::layout::{Padding, to_first, to_first_as, to_last, to_last_as};
use crate::graph::window::AxisWindows;
use crate::graph::{Call, Place, Problem};
use hwmodel::affine::AffineError;
use hwmodel::affine::product::{self as affine, Adder, Window};
use hwmodel::array::Sums as ArraySums;
use hwmodel::cast::low;
use hwmodel::convolution::Convolution2d;
use hwmodel::float32::{self, Shapes, Values};
use hwmodel::{FixedTensor, RawData, SimdLevel};
use rayon::prelude::*;

/// Rows of patches in memory at a time.
const ROWS: usize = 1 << 12;

/// Exact sums `[n, o, sizes...]` of integers, on the array.
///
/// # Errors
/// If words need more than 32 bits or sums more than 64.
pub(super) fn integers(
    call: &mut Call<'_>,
    shape: &ConvolutionShape,
    x: &Words<'_>,
    w: &Words<'_>,
) -> Result<Sums, Problem> {
    let range = sums::range(call, shape.terms(), x.range, w.range);
    let array = call.arithmetic.array;
    let error = |error: hwmodel::array::ShapeError| Problem::Affine(AffineError::from(error));
    let of_group = shape.channels / shape.groups;
    let Some([height, width]) = shape.planar() else {
        let (terms, per_group) = (shape.terms(), shape.filters / shape.groups);
        let mut values = vec![0; shape.images * shape.filters * shape.pixels()];
        for group in 0..shape.groups {
            let filters = &w.values[group * per_group * terms..][..per_group * terms];
            let filters = w.fixed(&[per_group, terms], filters)?;
            each_patch(shape, group, &x.values, |image, start, count, patches| {
                let patches = x.fixed(&[count, terms], patches)?;
                let product = array.linear(&patches, &filters).map_err(error)?;
                let sums = sums::in_64_bits(sums::counted(call, product)?)?;
                place(shape, (image, group, start), &sums, &mut values);
                Ok(())
            })?;
        }
        return Ok(Sums { values, range });
    };
    if let Some(shifts) = shifts_to_bytes(&array, range, x, w) {
        let sums = in_bytes(call, shape, [height, width], [x, w], shifts)?;
        let values = to_first_as(&sums, shape.images, shape.filters, shape.pixels(), i64::from);
        return Ok(Sums { values, range });
    }
    let x = x.last(shape.images, shape.channels, Padding::none([height.size, width.size]))?;
    let geometry = geometry([height, width], shape.groups);
    let w = w.last(shape.filters, of_group, Padding::none(geometry.kernel))?;
    let product = array.convolve(&x, &w, geometry).map_err(error)?;
    let (images, filters, pixels) = (shape.images, shape.filters, shape.pixels());
    let values = match sums::counted(call, product)? {
        ArraySums::I32(sums) => to_first_as(&sums, images, filters, pixels, i64::from),
        other => to_first(&sums::in_64_bits(other)?, images, filters, pixels),
    };
    Ok(Sums { values, range })
}

/// Windows along height and width as a convolution of `groups` groups.
fn geometry([height, width]: [AxisWindows; 2], groups: usize) -> Convolution2d {
    Convolution2d {
        kernel: [height.kernel, width.kernel],
        stride: [height.stride, width.stride],
        padding: pads([height, width]),
        dilation: [height.dilation, width.dilation],
        groups,
    }
}

/// The sums `[n, pixels, o]` by products of signed bytes, to which words of up to 256 values are shifted; the shifts are taken off
/// as zero points.
fn in_bytes(
    call: &mut Call<'_>,
    shape: &ConvolutionShape,
    [height, width]: [AxisWindows; 2],
    [x, w]: [&Words<'_>; 2],
    shifts: [i64; 2],
) -> Result<Vec<i32>, Problem> {
    let of_group = shape.channels / shape.groups;
    let (sizes, kernel) = ([height.size, width.size], [height.kernel, width.kernel]);
    let shifted = |words: &Words<'_>, images, channels, sizes: [usize; 2], shift: i64| {
        let padding = Padding::none(sizes);
        let data = to_last_as(&words.values, images, channels, padding, |word| low(word - shift));
        let shape = [images, sizes[0], sizes[1], channels];
        FixedTensor::new(&shape, bytes()?, RawData::I8(data))
            .map_err(|error| Problem::Affine(error.into()))
    };
    let left = shifted(x, shape.images, shape.channels, sizes, shifts[0])?;
    let right = shifted(w, shape.filters, of_group, kernel, shifts[1])?;
    let zeros = shifts.map(|shift| [low::<i32>(-shift)]);
    let window = Window {
        stride: [height.stride, width.stride],
        padding: pads([height, width]),
        dilation: [height.dilation, width.dilation],
        groups: shape.groups,
    };
    let (left, right) =
        (affine::Words::new(&left, &zeros[0])?, affine::Words::new(&right, &zeros[1])?);
    let sums = affine::convolve(&call.arithmetic.array, Adder::Array, left, right, window)?;
    call.macs += sums.report().macs;
    call.place = Place::Array;
    Ok(sums.sums().to_vec())
}

/// `[n, o, sizes...]` of float32 numbers, in the float unit's order of additions.
///
/// # Errors
/// If the shapes do not fit.
pub(super) fn narrow(
    simd: SimdLevel,
    shape: &ConvolutionShape,
    x: &[f32],
    w: &[f32],
) -> Result<Vec<f32>, Problem> {
    let error = |error: hwmodel::array::ShapeError| Problem::Affine(AffineError::from(error));
    let of_group = shape.channels / shape.groups;
    let Some([height, width]) = shape.planar() else {
        let (terms, per_group) = (shape.terms(), shape.filters / shape.groups);
        let mut values = vec![0.0; shape.images * shape.filters * shape.pixels()];
        for group in 0..shape.groups {
            let filters = &w[group * per_group * terms..][..per_group * terms];
            each_patch(shape, group, x, |image, start, count, patches| {
                let sums = linear_narrow(simd, [count, terms, per_group], patches, filters)?;
                place(shape, (image, group, start), &sums, &mut values);
                Ok(())
            })?;
        }
        return Ok(values);
    };
    let x = to_last(x, shape.images, shape.channels, Padding::none([height.size, width.size]));
    let geometry = geometry([height, width], shape.groups);
    let kernel = geometry.kernel;
    let w = to_last(w, shape.filters, of_group, Padding::none(kernel));
    let shapes = Shapes::new(
        &[shape.images, height.size, width.size, shape.channels],
        &[shape.filters, kernel[0], kernel[1], of_group],
        geometry,
    );
    let shapes = shapes.map_err(error)?;
    let y = float32::forward(simd, &shapes, Values::Float(&x), Values::Float(&w));
    Ok(to_first(&y.map_err(error)?, shape.images, shape.filters, shape.pixels()))
}

/// X `[m, k]` times the transpose of W `[n, k]` on the float unit.
///
/// # Errors
/// If the shapes do not fit.
pub(super) fn linear_narrow(
    simd: SimdLevel,
    [m, k, n]: [usize; 3],
    x: &[f32],
    w: &[f32],
) -> Result<Vec<f32>, Problem> {
    let error = |error: hwmodel::array::ShapeError| Problem::Affine(AffineError::from(error));
    let geometry = Convolution2d::square(1, 1, 0);
    let shapes = Shapes::new(&[m, 1, 1, k], &[n, 1, 1, k], geometry).map_err(error)?;
    float32::forward(simd, &shapes, Values::Float(x), Values::Float(w)).map_err(error)
}

/// `[n, o, sizes...]` in float64: the terms of a sum are added in the order of the weights.
pub(super) fn wide(simd: SimdLevel, shape: &ConvolutionShape, x: &[f64], w: &[f64]) -> Vec<f64> {
    let (pixels, plane, taps) = (shape.pixels(), shape.plane(), shape.taps());
    let (of_group, per_group) = (shape.channels / shape.groups, shape.filters / shape.groups);
    let terms = shape.terms();
    let mut y = vec![0.0; shape.images * shape.filters * pixels];
    if y.is_empty() || terms == 0 {
        return y;
    }
    let at_once = Sources::windows_at_once(taps);
    for start in (0..pixels).step_by(at_once) {
        let count = at_once.min(pixels - start);
        let sources = Sources::new(&shape.axes, start, count);
        let parts = y.par_chunks_mut(per_group * pixels).enumerate();
        parts.for_each(|(part, y)| {
            let first = part * of_group * plane;
            let (group, mut columns) = (part % shape.groups, Vec::with_capacity(terms * count));
            for channel in 0..of_group {
                let x = &x[first + channel * plane..][..plane];
                for tap in 0..taps {
                    columns.extend(sources.of_tap(tap).map(|place| place.map_or(0.0, |p| x[p])));
                }
            }
            let filters = w[group * per_group * terms..][..per_group * terms].chunks_exact(terms);
            simd.run(
                #[inline(always)]
                || {
                    for (filter, y) in filters.zip(y.chunks_exact_mut(pixels)) {
                        let y = &mut y[start..start + count];
                        for (&w, columns) in filter.iter().zip(columns.chunks_exact(count)) {
                            y.iter_mut().zip(columns).for_each(|(y, &x)| *y += w * x);
                        }
                    }
                },
            );
        });
    }
    y
}

fn pads(axes: [AxisWindows; 2]) -> [[usize; 2]; 2] {
    axes.map(|axis| [axis.before, axis.after])
}

/// Calls `work` with the windows of runs of output pixels in the channels of `group`: image, first pixel, number of pixels, and
/// their elements `[pixels, channels, taps]`.
fn each_patch<T: Copy + Default>(
    shape: &ConvolutionShape,
    group: usize,
    x: &[T],
    mut work: impl FnMut(usize, usize, usize, &[T]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let (plane, taps, pixels) = (shape.plane(), shape.taps(), shape.pixels());
    let of_group = shape.channels / shape.groups;
    let at_once = Sources::windows_at_once(taps).min(ROWS);
    let mut patches = Vec::new();
    for start in (0..pixels).step_by(at_once) {
        let count = at_once.min(pixels - start);
        let sources = Sources::new(&shape.axes, start, count);
        for image in 0..shape.images {
            let first = (image * shape.channels + group * of_group) * plane;
            patches.clear();
            for window in 0..count {
                for channel in 0..of_group {
                    let x = &x[first + channel * plane..][..plane];
                    let element = |tap| sources.at(tap, window).map_or_else(T::default, |p| x[p]);
                    patches.extend((0..taps).map(element));
                }
            }
            work(image, start, count, &patches)?;
        }
    }
    Ok(())
}

/// Stores sums `[pixels, filters of the group]` in `[n, o, pixels]`.
fn place<T: Copy>(
    shape: &ConvolutionShape,
    (image, group, start): (usize, usize, usize),
    sums: &[T],
    values: &mut [T],
) {
    let (pixels, per_group) = (shape.pixels(), shape.filters / shape.groups);
    let first = (image * shape.filters + group * per_group) * pixels + start;
    for (pixel, sums) in sums.chunks_exact(per_group.max(1)).enumerate() {
        for (filter, &sum) in sums.iter().enumerate() {
            values[first + filter * pixels + pixel] = sum;
        }
    }
}
