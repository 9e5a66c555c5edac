//! Products of the float unit: the float32 baseline, and backward passes in float.
//!
//! An output is a sum over blocks of 256 k in ascending order; inside a block it is one chain of fused
//! multiply-adds in ascending k. The gradient of the weights sums every 8192 pixels so, and then adds
//! these sums in order. This order is fixed, so results do not depend on threads or SIMD
//! level. Operands may be raw integers of a fixed-point tensor, read as raw · 2^-FL.

use crate::blocking::{self, Panels, Patches, RightMatrix, Store, SumRows, TileProduct};
use crate::convolution::{Convolution2d, ShapeError};
use crate::float32::values::with_values;
use crate::kernels::{self, SimdLevel, TileKernel};
use crate::parallel::{self, Done};
use crate::product::LayerProducts;

mod depthwise;
mod interior;
mod pixel_sums;
pub(crate) mod values;

pub use values::Values;

/// Length of a block of k; part of the definition of the result.
const BLOCK: usize = 256;

/// A convolution's shapes: input `[n, h, w, c]`, weights `[o, kh, kw, c / groups]`. A linear layer is
/// the case `[n, 1, 1, k]`, `[o, 1, 1, k]` with a 1×1 kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shapes {
    input: [usize; 4],
    weights: [usize; 4],
    output: [usize; 2],
    geometry: Convolution2d,
}

impl Shapes {
    /// Checks that input, weights and geometry fit.
    ///
    /// # Errors
    /// If they do not.
    pub fn new(
        input: &[usize],
        weights: &[usize],
        geometry: Convolution2d,
    ) -> Result<Self, ShapeError> {
        let (input, weights, output) = geometry.check(input, weights)?;
        Ok(Self { input, weights, output, geometry })
    }

    /// Shape of the output, `[n, oh, ow, o]`.
    pub fn output(&self) -> [usize; 4] {
        [self.input[0], self.output[0], self.output[1], self.weights[0]]
    }

    /// Shape of the input, `[n, h, w, c]`.
    pub fn input(&self) -> [usize; 4] {
        self.input
    }

    /// The products that these shapes are on the array.
    ///
    /// # Panics
    /// If a count is beyond 64 bits, which no tensors in memory have.
    pub fn products(&self) -> LayerProducts {
        let [n, h, w, c] = self.input;
        let sizes = self.geometry.sizes([h, w, c], self.weights[0]);
        sizes.products(n as u64).expect("shapes that were checked")
    }

    /// Groups of the convolution.
    pub fn groups(&self) -> usize {
        self.geometry.groups
    }

    /// Output pixels, the rows M of the product.
    pub fn pixels(&self) -> usize {
        self.input[0] * self.output[0] * self.output[1]
    }

    /// Weights a filter has, the K of the forward product.
    pub fn terms(&self) -> usize {
        self.weights[1] * self.weights[2] * self.weights[3]
    }

    /// With stride 1, the gradient of the input is a convolution of dY with the mirrored filters; this is
    /// its geometry. Not so where padding is wider than the kernel allows.
    fn mirrored(&self) -> Option<Convolution2d> {
        let Convolution2d { stride, padding, .. } = self.geometry;
        let spans = self.geometry.spans();
        let fits = |axis: usize| padding[axis].iter().all(|&side| side <= spans[axis]);
        let padding = |axis: usize| padding[axis].map(|side| spans[axis] - side);
        (stride == [1, 1] && fits(0) && fits(1))
            .then(|| Convolution2d { padding: [0, 1].map(padding), ..self.geometry })
    }

    fn per_group(&self) -> usize {
        self.weights[0] / self.geometry.groups
    }

    /// Multiply-adds of the forward product; the two backward products have as many each.
    pub fn macs(&self) -> u64 {
        (self.pixels() * self.weights[0] * self.terms()) as u64
    }
}

/// Checks that the operands of a product have the elements of their shapes.
fn check_lengths(
    shapes: &Shapes,
    x: Option<Values<'_>>,
    w: Option<Values<'_>>,
    dy: Option<&[f32]>,
) -> Result<(), ShapeError> {
    let operands = [
        ("input", x.map(|x| x.len()), shapes.input),
        ("weights", w.map(|w| w.len()), shapes.weights),
        ("output gradient", dy.map(<[f32]>::len), shapes.output()),
    ];
    for (operand, elements, shape) in operands {
        if let Some(elements) = elements.filter(|&length| length != shape.iter().product::<usize>())
        {
            return Err(ShapeError::Elements { operand, shape: shape.to_vec(), elements });
        }
    }
    Ok(())
}

/// Y = X ∗ W, shape [`Shapes::output`].
///
/// # Errors
/// If an operand does not have as many elements as its shape.
pub fn forward(
    simd: SimdLevel,
    shapes: &Shapes,
    x: Values<'_>,
    w: Values<'_>,
) -> Result<Vec<f32>, ShapeError> {
    check_lengths(shapes, Some(x), Some(w), None)?;
    if shapes.is_depthwise() {
        return Ok(depthwise::forward(simd, shapes, x, w));
    }
    Ok(forward_by_groups(simd, shapes, x, w))
}

/// [`forward`] of any convolution, one group after the other.
fn forward_by_groups(simd: SimdLevel, shapes: &Shapes, x: Values<'_>, w: Values<'_>) -> Vec<f32> {
    let (n, k) = (shapes.per_group(), shapes.terms());
    let mut y = vec![0.0; shapes.pixels() * shapes.weights[0]];
    let kernel = kernels::float32_kernel(simd, n);
    for group in 0..shapes.geometry.groups {
        let panels = with_values!(w, (w, convert) => {
            let part = &w[group * n * k..(group + 1) * n * k];
            Panels::pack(&kernel, RightMatrix::ByN(part), k, n, BLOCK, convert)
        });
        with_values!(x, (x, convert) => {
            let patches = Patches::image(x, shapes.input, shapes.geometry, shapes.output, group);
            product(&kernel, &patches, convert, &panels, (&mut y, shapes.weights[0], group * n))
        });
    }
    y
}

/// The product of patches and packed weights; the rows of `c` are `c_stride` long, these columns start at
/// `column`.
fn product<T: Copy + Sync>(
    kernel: &TileKernel<f32, f32>,
    patches: &Patches<'_, T>,
    convert: impl Fn(T) -> f32 + Sync + Copy,
    panels: &Panels<f32>,
    (c, c_stride, column): (&mut [f32], usize, usize),
) {
    if patches.rows() == 0 || panels.columns() == 0 {
        return;
    }
    if interior::saves(patches) {
        interior::forward(kernel, patches, convert, panels, (c, c_stride, column));
        return;
    }
    let (left, right) = (patches, panels);
    let product = TileProduct { kernel, left, zero: 0.0, convert, right, initial: None };
    blocking::run(&product, column, &mut Store { sums: c, stride: c_stride, flags: None });
}

/// The gradient of the loss with respect to W, from dY and X: `[o, kh, kw, c / groups]`.
///
/// # Errors
/// If an operand does not have as many elements as its shape.
pub fn grad_weight(
    simd: SimdLevel,
    shapes: &Shapes,
    x: Values<'_>,
    dy: &[f32],
) -> Result<Vec<f32>, ShapeError> {
    check_lengths(shapes, Some(x), None, Some(dy))?;
    if shapes.is_depthwise() {
        return Ok(depthwise::grad_weight(simd, shapes, x, dy));
    }
    Ok(grad_weight_by_groups(simd, shapes, x, dy))
}

/// [`grad_weight`] of any convolution, one group after the other.
fn grad_weight_by_groups(simd: SimdLevel, shapes: &Shapes, x: Values<'_>, dy: &[f32]) -> Vec<f32> {
    let (n, k) = (shapes.per_group(), shapes.terms());
    let mut dw = Vec::with_capacity(shapes.weights[0] * k);
    for group in 0..shapes.geometry.groups {
        let part = with_values!(x, (x, convert) => {
            let patches = Patches::image(x, shapes.input, shapes.geometry, shapes.output, group);
            let dy = (dy, (shapes.weights[0], group * n, n));
            if interior::saves(&patches) {
                interior::grad_weight(simd, dy.0, dy.1, &patches, BLOCK, convert)
            } else {
                let kernel = kernels::float32_kernel(simd, k);
                pixel_sums::grad_weight(&kernel, dy.0, dy.1, &patches, BLOCK, convert)
            }
        });
        dw.extend_from_slice(&part);
    }
    dw
}

/// The gradient of the loss with respect to X, from dY and W: `[n, h, w, c]`.
///
/// # Errors
/// If an operand does not have as many elements as its shape.
pub fn grad_input(
    simd: SimdLevel,
    shapes: &Shapes,
    w: Values<'_>,
    dy: &[f32],
) -> Result<Vec<f32>, ShapeError> {
    check_lengths(shapes, None, Some(w), Some(dy))?;
    Ok(match shapes.mirrored() {
        _ if !shapes.is_depthwise() => grad_input_by_groups(simd, shapes, w, dy),
        Some(mirrored) => depthwise::grad_input_mirrored(simd, shapes, mirrored, w, dy),
        None => depthwise::grad_input(simd, shapes, w, dy),
    })
}

/// [`grad_input`] of any convolution, one group after the other.
fn grad_input_by_groups(simd: SimdLevel, shapes: &Shapes, w: Values<'_>, dy: &[f32]) -> Vec<f32> {
    let (n, k, pixels) = (shapes.per_group(), shapes.terms(), shapes.pixels());
    let [images, height, width, channels] = shapes.input;
    let geometry = shapes.geometry;
    let pixels_each = shapes.output[0] * shapes.output[1];
    let plane = height * width * channels;
    let mut dx = vec![0.0; images * plane];
    let kernel = kernels::float32_kernel(simd, k);
    for group in 0..geometry.groups {
        if let Some(mirrored) = shapes.mirrored() {
            let filters = with_values!(w, (w, convert) => {
                mirrored_filters(shapes, &w[group * n * k..(group + 1) * n * k], convert)
            });
            let size = shapes.weights[3];
            let terms = filters.len() / size.max(1);
            let kernel = kernels::float32_kernel(simd, size);
            let right = RightMatrix::ByK(&filters);
            let panels = Panels::pack(&kernel, right, terms, size, BLOCK, |x| x);
            let [oh, ow] = shapes.output;
            let image = [images, oh, ow, shapes.weights[0]];
            let patches = Patches::image(dy, image, mirrored, [height, width], group);
            let column = group * size;
            product(&kernel, &patches, |x| x, &panels, (&mut dx, channels, column));
            continue;
        }
        let panels = with_values!(w, (w, convert) => {
            let part = &w[group * n * k..(group + 1) * n * k];
            Panels::pack(&kernel, RightMatrix::ByK(part), n, k, BLOCK, convert)
        });
        // dY as a matrix [pixels, o] of which this group reads n columns.
        let grouped = Convolution2d { groups: geometry.groups, ..Convolution2d::square(1, 1, 0) };
        let rows = Patches::image(dy, [pixels, 1, 1, shapes.weights[0]], grouped, [1, 1], group);
        // About 96 rows of the product at a time, so that the columns stay in the cache.
        let batch = (96 / pixels_each.max(1)).max(1);
        parallel::share(
            dx.chunks_mut((batch * plane).max(1)).enumerate(),
            || (Vec::new(), Vec::new()),
            |(packed, columns), (index, dx)| {
                let images = dx.len() / plane;
                columns.clear();
                columns.resize(images * pixels_each * k, 0.0);
                let first = index * batch * pixels_each;
                let product = TileProduct {
                    kernel: &kernel,
                    left: &rows,
                    zero: 0.0,
                    convert: |x| x,
                    right: &panels,
                    initial: None,
                };
                simd.run(
                    #[inline(always)]
                    || {
                        let sums = &mut columns[..];
                        let rows = SumRows { sums, stride: k, column: 0, flags: None };
                        product.block(first, rows, packed, false);
                        let images = columns.chunks_exact(pixels_each * k);
                        for (dx, columns) in dx.chunks_exact_mut(plane).zip(images) {
                            scatter(shapes, group, columns, dx);
                        }
                    },
                );
                Done
            },
        );
    }
    dx
}

/// One group's filters in the layout of the input gradient: element (ky, kx, filter) of channel c is
/// the filter's weight at the mirrored place, `[kh, kw, o, c]`.
fn mirrored_filters<T: Copy>(shapes: &Shapes, w: &[T], convert: impl Fn(T) -> f32) -> Vec<f32> {
    let [_, kernel_height, kernel_width, size] = shapes.weights;
    let places = kernel_height * kernel_width;
    let mut out = Vec::with_capacity(w.len());
    for place in (0..places).rev() {
        for filter in w.chunks_exact((places * size).max(1)) {
            out.extend(filter[place * size..][..size].iter().map(|&x| convert(x)));
        }
    }
    out
}

/// Adds the columns of one image back to the pixels they came from.
#[inline(always)]
fn scatter(shapes: &Shapes, group: usize, columns: &[f32], dx: &mut [f32]) {
    let [_, height, width, channels] = shapes.input;
    let [kernel_height, kernel_width] = shapes.geometry.kernel;
    let size = shapes.weights[3];
    for (pixel, column) in columns.chunks_exact(shapes.terms()).enumerate() {
        let (y, x) = (pixel / shapes.output[1], pixel % shapes.output[1]);
        if shapes.geometry.dilation != [1, 1] {
            scatter_dilated(shapes, group, [y, x], column, dx);
            continue;
        }
        let [top, left] = [(0, y), (1, x)].map(|(axis, place)| {
            (place * shapes.geometry.stride[axis]) as isize
                - shapes.geometry.padding[axis][0] as isize
        });
        let from = ((-left).clamp(0, kernel_width as isize)).cast_unsigned();
        let to =
            ((width as isize - left).clamp(from as isize, kernel_width as isize)).cast_unsigned();
        for kernel_row in 0..kernel_height {
            let source_y = top + kernel_row as isize;
            if source_y < 0 || source_y >= height as isize || from == to {
                continue;
            }
            let line = source_y.cast_unsigned() * width;
            let row = &column[kernel_row * kernel_width * size..][from * size..to * size];
            let start = (line as isize + left + from as isize).cast_unsigned();
            if size == channels {
                let target = &mut dx[start * channels..][..row.len()];
                target.iter_mut().zip(row).for_each(|(target, &value)| *target += value);
            } else {
                for (offset, values) in row.chunks_exact(size).enumerate() {
                    let target = &mut dx[(start + offset) * channels + group * size..][..size];
                    target.iter_mut().zip(values).for_each(|(target, &value)| *target += value);
                }
            }
        }
    }
}

/// Adds one column of a dilated kernel back to the pixels it came from.
fn scatter_dilated(
    shapes: &Shapes,
    group: usize,
    [y, x]: [usize; 2],
    column: &[f32],
    dx: &mut [f32],
) {
    let [_, height, width, channels] = shapes.input;
    let size = shapes.weights[3];
    let kernel_width = shapes.geometry.kernel[1];
    for (tap, values) in column.chunks_exact(size.max(1)).enumerate() {
        let row = shapes.geometry.source(0, y, tap / kernel_width, height);
        let place = row.zip(shapes.geometry.source(1, x, tap % kernel_width, width));
        let Some((row, column)) = place else { continue };
        let target = &mut dx[(row * width + column) * channels + group * size..][..size];
        target.iter_mut().zip(values).for_each(|(target, &value)| *target += value);
    }
}

#[cfg(test)]
mod tests;
