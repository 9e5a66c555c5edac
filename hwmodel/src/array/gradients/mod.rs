//! The two backward products of a convolution on the array, in exact integers.
//!
//! Both use the same arithmetic as the forward product: the gradient of the input is a convolution of dY with mirrored
//! filters, the gradient of the weights a matrix product of dYᵀ and the patches of the input.

mod by_pixels;

use super::exact::norms::{self, Norms};
use super::operands::{Operands, Order};
use super::wide::is_wide;
use super::{Convolution2d, MacArray, MacReport, Product, ShapeError, Sums};
use crate::blocking::{Patches, RightMatrix};
use crate::cast::{exact, toward_zero};
use crate::kernels::{self, RawInteger, StoredInteger};
use crate::number::tensor::{FixedTensor, RawData};
use crate::parallel;
use crate::with_narrow;
use by_pixels::ByPixels;
use std::ops::Range;

/// Applies `$body` to the typed contents of a tensor and makes a tensor of the same format from it.
macro_rules! rearranged {
    ($tensor:expr, $shape:expr, $slice:ident => $body:expr) => {{
        let data = match $tensor.data() {
            RawData::I8($slice) => RawData::I8($body),
            RawData::I16($slice) => RawData::I16($body),
            RawData::I32($slice) => RawData::I32($body),
            RawData::I64($slice) => RawData::I64($body),
        };
        FixedTensor::new(&$shape, $tensor.format(), data).expect("a rearrangement fits its shape")
    }};
}

impl MacArray {
    /// dX = dY ∗ mirrored W: the gradient with respect to an input of shape `input` = `[n, h, w, c]` from
    /// dY `[n, oh, ow, o]` and W `[o, kh, kw, c / groups]`; rows of the product are input pixels
    /// (n, y, x), columns input channels.
    ///
    /// k ascends over mirrored kernel row, mirrored kernel column and the filters of the group, filter
    /// fastest: K = kh·kw·o / groups. With a stride above 1, dY is dilated: stride - 1 zeros stand between its
    /// pixels. Such zeros take MAC slots like padding does, and count as MACs with a zero operand.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn convolve_grad_input(
        &self,
        dy: &FixedTensor,
        w: &FixedTensor,
        input: [usize; 4],
        geometry: Convolution2d,
    ) -> Result<Product, ShapeError> {
        let (input, weights, output) = geometry.check(&input, w.shape())?;
        geometry.check_gradient(dy.shape(), input, weights, output)?;
        let groups = geometry.groups;
        let [o, kh, kw, channels] = weights;
        let mirrored = rearranged!(w, [channels * groups, kh, kw, o / groups], data => {
            mirrored_filters(data, weights, groups)
        });
        let full = Convolution2d { stride: [1; 2], padding: [[0; 2]; 2], ..geometry };
        let spans = geometry.spans();
        // A window over the padded input reads every output pixel that a pixel of the input entered.
        let plain = (0..2).all(|axis| {
            let sides = geometry.padding[axis];
            geometry.stride[axis] == 1
                && sides.iter().all(|&side| side <= spans[axis])
                && input[1 + axis] + sides[0] + sides[1] == output[axis] + spans[axis]
        });
        if plain {
            let padding = [0, 1].map(|axis| geometry.padding[axis].map(|side| spans[axis] - side));
            return self.convolve(dy, &mirrored, Convolution2d { padding, ..full });
        }
        let shape = [input[0], input[1] + spans[0], input[2] + spans[1], o];
        let dilated = rearranged!(dy, shape, data => dilated(data, output, shape, geometry));
        self.convolve(&dilated, &mirrored, full)
    }

    /// dW = dYᵀ·patches(X): the gradient with respect to the weights from dY `[n, oh, ow, o]` and the
    /// input `[n, h, w, c]`; rows of the product are filters, columns (kernel row, kernel column,
    /// channel of the group), the layout of W `[o, kh, kw, c / groups]`.
    ///
    /// k ascends over the output pixels (n, y, x): K = n·oh·ow.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn convolve_grad_weight(
        &self,
        dy: &FixedTensor,
        x: &FixedTensor,
        geometry: Convolution2d,
    ) -> Result<Product, ShapeError> {
        let misfit = |why| ShapeError::Convolution {
            geometry: Box::new(geometry),
            input: x.shape().to_vec(),
            weights: dy.shape().to_vec(),
            why,
        };
        let &[_, _, _, c] = x.shape() else { return Err(misfit("input is not 4-D")) };
        let &[_, _, _, o] = dy.shape() else { return Err(misfit("the gradient is not 4-D")) };
        let groups = geometry.groups;
        if groups == 0 || !c.is_multiple_of(groups) {
            return Err(misfit("groups do not divide the input channels"));
        }
        let weights = [o, geometry.kernel[0], geometry.kernel[1], c / groups];
        let (input, weights, output) = geometry.check(x.shape(), &weights)?;
        geometry.check_gradient(dy.shape(), input, weights, output)?;
        let pixels = input[0] * output[0] * output[1];
        let (filters, terms) = (o / groups, weights[1] * weights[2] * weights[3]);
        let narrow = !is_wide(dy) && !is_wide(x);
        let proof = (narrow && by_pixels::pays(pixels, filters, terms))
            .then(|| PixelProof::new(self, dy, x, [pixels, o]));
        let product = |group: usize| {
            let wanted = group * filters..(group + 1) * filters;
            if let Some(bound) = proof.as_ref().and_then(|proof| proof.bound(wanted.clone())) {
                let place = (input, geometry, output, group);
                let (sums, nonzero_macs) = self.sums_by_pixels(dy, x, wanted, place, terms);
                let macs = (filters * terms * pixels) as u64;
                return Ok(Product {
                    rows: filters,
                    columns: terms,
                    terms: pixels,
                    fl: self.accumulator.sum_fl(dy.format().fl() + x.format().fl()),
                    accumulator: self.accumulator,
                    sums: Sums::I32(sums),
                    bound: toward_zero::<u128>(bound),
                    report: MacReport { macs, nonzero_macs, ..MacReport::default() },
                });
            }
            let left = rearranged!(dy, [filters, pixels], data => {
                columns_as_rows(data, o, wanted.clone())
            });
            let right = rearranged!(x, [pixels, terms], data => {
                unfolded(&Patches::image(data, input, geometry, output, group), pixels, terms)
            });
            self.product(&Operands::matrices(&left, &right, Order::ByK, [filters, pixels, terms]))
        };
        // The rows of one group follow those of another.
        let mut all = product(0)?;
        for group in 1..groups {
            all.append(product(group)?);
        }
        Ok(all)
    }

    /// Sums `[wanted filters, terms]` that a [`PixelProof`] has shown to fit i32, and the MACs whose
    /// operands are both not zero.
    fn sums_by_pixels(
        &self,
        dy: &FixedTensor,
        x: &FixedTensor,
        wanted: Range<usize>,
        (input, geometry, output, group): ([usize; 4], Convolution2d, [usize; 2], usize),
        terms: usize,
    ) -> (Vec<i32>, u64) {
        let filters = dy.shape()[3];
        if let (RawData::I8(dy), RawData::I8(x), Some(kernel)) =
            (dy.data(), x.data(), kernels::int8_kernel(self.simd, terms))
        {
            let patches = Patches::image(x, input, geometry, output, group);
            let operands = ByPixels { dy, filters, wanted, patches };
            return match kernel.offset_a {
                true => operands.sums(&kernel, (i8::MIN, |x: i8| x ^ i8::MIN), |x| x),
                false => operands.sums(&kernel, (0, |x| x), |x| x),
            };
        }
        let kernel = kernels::int16_kernel(self.simd, terms);
        with_narrow!(dy.data(), dy => with_narrow!(x.data(), x => {
            let patches = Patches::image(x, input, geometry, output, group);
            ByPixels { dy, filters, wanted, patches }.sums(
                &kernel,
                (0, |x| exact::<i16>(RawInteger::to_i32(x))),
                |x| exact::<i16>(RawInteger::to_i32(x)),
            )
        }))
    }
}

/// Proof that the sums of dYᵀ·patches(X) fit i32 and the accumulator, without unfolding the patches.
struct PixelProof {
    /// Norms of the columns of dY.
    norms: Norms,
    /// The largest |x|.
    largest: f64,
    /// What the sums must not exceed.
    goal: f64,
}

impl PixelProof {
    fn new(array: &MacArray, dy: &FixedTensor, x: &FixedTensor, [pixels, o]: [usize; 2]) -> Self {
        let fl = dy.format().fl() + x.format().fl();
        Self {
            norms: with_narrow!(dy.data(), data => {
                Norms::of_columns(array.simd, RightMatrix::ByK(data), pixels, o)
            }),
            largest: with_narrow!(x.data(), data => norms::largest(data)),
            goal: array.most_plain_sum(fl).min(f64::from(i32::MAX)),
        }
    }

    /// A bound of every partial sum of the filters `wanted` (Hölder), if the proof succeeds.
    fn bound(&self, wanted: Range<usize>) -> Option<f64> {
        let words = self.norms.largest.max(self.largest) <= f64::from(i16::MAX);
        let bound = self.norms.bound_of(wanted, self.largest);
        (words && bound <= self.goal).then_some(bound)
    }
}

/// `[o, kh, kw, c]` filters as `[groups·c, kh, kw, o / groups]`, kernel rows and columns reversed.
fn mirrored_filters<T: StoredInteger>(
    w: &[T],
    [o, kh, kw, channels]: [usize; 4],
    groups: usize,
) -> Vec<T> {
    let filters = o / groups;
    let mut out = Vec::with_capacity(w.len());
    for group in 0..groups {
        for channel in 0..channels {
            for (y, x) in (0..kh).rev().flat_map(|y| (0..kw).rev().map(move |x| (y, x))) {
                out.extend((0..filters).map(|filter| {
                    w[(((group * filters + filter) * kh + y) * kw + x) * channels + channel]
                }));
            }
        }
    }
    out
}

/// dY with stride - 1 zeros between its pixels and so much padding that a stride of 1 without padding
/// gives the input's size; pixels that only padding of the input entered are left out.
fn dilated<T: StoredInteger>(
    dy: &[T],
    [oh, ow]: [usize; 2],
    [n, height, width, o]: [usize; 4],
    geometry: Convolution2d,
) -> Vec<T> {
    let at = |index: usize, axis: usize, size: usize| {
        let place = index * geometry.stride[axis] + geometry.spans()[axis];
        place.checked_sub(geometry.padding[axis][0]).filter(|&place| place < size)
    };
    let mut out = vec![T::zero(); n * height * width * o];
    parallel::each(out.chunks_mut((height * width * o).max(1)).enumerate(), |(image, out)| {
        for y in 0..oh {
            let Some(row) = at(y, 0, height) else { continue };
            for x in 0..ow {
                let Some(column) = at(x, 1, width) else { continue };
                let from = ((image * oh + y) * ow + x) * o;
                let to = (row * width + column) * o;
                out[to..to + o].copy_from_slice(&dy[from..from + o]);
            }
        }
    });
    out
}

/// Columns `wanted` of a `[rows, columns]` matrix as rows.
fn columns_as_rows<T: StoredInteger>(matrix: &[T], columns: usize, wanted: Range<usize>) -> Vec<T> {
    // A few columns at a time, from a part of the matrix that stays in the cache meanwhile.
    const COLUMNS: usize = 8;
    const ROWS: usize = 256;
    let rows = matrix.len() / columns.max(1);
    let mut out = vec![T::zero(); wanted.len() * rows];
    parallel::each(out.chunks_mut((COLUMNS * rows).max(1)).enumerate(), |(task, out)| {
        let first = wanted.start + task * COLUMNS;
        for (part, matrix) in matrix.chunks(ROWS * columns).enumerate() {
            for (column, out) in out.chunks_exact_mut(rows).enumerate() {
                let values = matrix.iter().skip(first + column).step_by(columns);
                out[part * ROWS..].iter_mut().zip(values).for_each(|(out, &value)| *out = value);
            }
        }
    });
    out
}

/// All patches as a `[pixels, terms]` matrix.
fn unfolded<T: StoredInteger>(patches: &Patches<'_, T>, pixels: usize, terms: usize) -> Vec<T> {
    const ROWS: usize = 64;
    let zero = T::zero();
    let mut out = vec![zero; pixels * terms];
    parallel::each(out.chunks_mut((ROWS * terms).max(1)).enumerate(), |(chunk, out)| {
        let first = chunk * ROWS;
        let rows = first..first + out.len() / terms.max(1);
        patches.fill_rows(rows, 0..terms, out, terms, zero, |x| x);
    });
    out
}

#[cfg(test)]
mod tests;
