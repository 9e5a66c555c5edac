//! Convolutions of affine words: padding holds the zero point, dilations, groups.

use super::operand::sums_of_runs;
use super::{Adder, IntegerSums, RowSums, Words};
use crate::affine::AffineError;
use crate::array::{Convolution2d, MacArray, ShapeError};
use crate::{Accumulator, FixedTensor, Format, RawData};
use num_traits::AsPrimitive;
use std::borrow::Cow;

/// How the windows of a convolution lie on its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Vertical and horizontal stride, at least 1.
    pub stride: [usize; 2],
    /// Padding `[[top, bottom], [left, right]]`, which holds the zero point.
    pub padding: [[usize; 2]; 2],
    /// Vertical and horizontal dilation; 1 is a dense kernel.
    pub dilation: [usize; 2],
    /// Groups into which the channels are split.
    pub groups: usize,
}

impl Window {
    /// Stride 1, no padding, no dilation, one group.
    pub const DENSE: Self =
        Self { stride: [1; 2], padding: [[0; 2]; 2], dilation: [1; 2], groups: 1 };

    /// Whether every channel of the input makes one of the output by itself.
    pub fn is_depthwise(&self, channels: usize, filters: usize) -> bool {
        self.groups == channels && self.groups == filters
    }
}

/// Sizes that fit together.
struct Shape {
    /// `[n, h, w, c]` with padding.
    input: [usize; 4],
    /// `[o, kh, kw, c / groups]`.
    weights: [usize; 4],
    /// `[oh, ow]`.
    output: [usize; 2],
}

/// Σ `(x - zx)·(w - zw[o])` over the window of every output pixel, modulo 2^32, of x `[n, h, w, c]` and w `[o, kh, kw, c / groups]`:
/// ONNX's ConvInteger, and the sums of QLinearConv. Rows of the result are output pixels (n, y, x), columns output channels; the
/// terms of a sum ascend over kernel row, kernel column and channel.
///
/// ```
/// use hwmodel::affine::product::{Adder, Window, Words, convolve};
/// use hwmodel::array::MacArray;
/// use hwmodel::{Accumulator, FixedTensor, Format, SimdLevel};
/// let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
/// let x = FixedTensor::from_raw(&[1, 1, 2, 1], Format::unsigned(8, 0)?, &[5, 9])?;
/// let w = FixedTensor::from_raw(&[1, 1, 3, 1], Format::new(8, 0)?, &[1, 10, 100])?;
/// let window = Window { padding: [[0, 0], [1, 1]], ..Window::DENSE };
/// let (x, w) = (Words::new(&x, &[4])?, Words::new(&w, &[0])?);
/// // The values 0, 1, 5, 0: padding stands for 0 whatever the zero point.
/// assert_eq!(convolve(&array, Adder::Array, x, w, window)?.sums(), [510, 51]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, x has more than one zero point, w neither one nor one for each output channel, or the array's
/// accumulator has its own fractional length.
pub fn convolve(
    array: &MacArray,
    adder: Adder,
    x: Words<'_>,
    w: Words<'_>,
    window: Window,
) -> Result<IntegerSums, AffineError> {
    let shape = check(x.words.shape(), w.words.shape(), window)?;
    let [filters, kernel @ .., channels] = shape.weights;
    x.single()?;
    w.check_columns(filters)?;
    let terms = kernel[0] * kernel[1] * channels;
    let (x, w) = (adder.operand(x)?, adder.operand(w)?);
    let (left, right, weights) = (x.zero_points[0], w.zero_points, w.words);
    let array = adder.on(array);
    let needs_rows = right.iter().any(|&zero_point| zero_point != 0);
    // The array pads with words of 0.
    let (input, padding) = match left {
        0 => (x.words, window.padding),
        _ => (padded(x.words, window, &shape, left)?, [[0; 2]; 2]),
    };
    let geometry = Convolution2d {
        kernel,
        stride: window.stride,
        padding,
        dilation: window.dilation,
        groups: window.groups,
    };
    let mut sums = IntegerSums::of_array(array.convolve(&input, &weights, geometry)?)?;
    let rows = match needs_rows {
        true => Some(window_sums(&array, &input, geometry, channels)?),
        false => None,
    };
    let of_columns = sums_of_runs(&weights, filters, terms);
    sums.correct(left, &right, terms, rows.as_ref(), &of_columns);
    Ok(IntegerSums { pixels: shape.output, ..sums })
}

/// Checks sizes, the padding a part of the input.
fn check(input: &[usize], weights: &[usize], window: Window) -> Result<Shape, AffineError> {
    let Window { stride, padding, dilation, groups } = window;
    let kernel = [weights.get(1), weights.get(2)].map(|size| size.copied().unwrap_or(0));
    let geometry = Convolution2d { kernel, stride, padding: [[0; 2]; 2], dilation, groups };
    let wrong = |why| ShapeError::Convolution {
        geometry: Box::new(geometry),
        input: input.to_vec(),
        weights: weights.to_vec(),
        why,
    };
    let &[images, height, width, depth] = input else {
        return Err(wrong("input is not 4-D").into());
    };
    let along = |axis: usize, size: usize| {
        padding[axis][0].checked_add(padding[axis][1])?.checked_add(size)
    };
    let (Some(height), Some(width)) = (along(0, height), along(1, width)) else {
        return Err(wrong("the padded input is too large").into());
    };
    let padded = [images, height, width, depth];
    let (input, weights, output) = geometry.check(&padded, weights)?;
    let elements = padded.iter().try_fold(4usize, |bytes, &size| bytes.checked_mul(size));
    if elements.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(wrong("the padded input has more elements than can be addressed").into());
    }
    Ok(Shape { input, weights, output })
}

/// The input with its padding, which holds the zero point.
fn padded<'a>(
    input: Cow<'a, FixedTensor>,
    window: Window,
    shape: &Shape,
    zero_point: i32,
) -> Result<Cow<'a, FixedTensor>, AffineError> {
    if window.padding == [[0; 2]; 2] {
        return Ok(input);
    }
    let [images, height, width, depth] = shape.input;
    let [[top, bottom], [left, right]] = window.padding;
    let (inside_height, inside_width) = (height - top - bottom, width - left - right);
    let mut data = RawData::zeros(input.format(), images * height * width * depth);
    let rows = Rows {
        images,
        height,
        inside: [inside_height, inside_width * depth],
        top,
        left: left * depth,
        row: width * depth,
    };
    match (input.data(), &mut data) {
        (RawData::I8(from), RawData::I8(to)) => rows.copy(from, to, zero_point),
        (RawData::I16(from), RawData::I16(to)) => rows.copy(from, to, zero_point),
        (RawData::I32(from), RawData::I32(to)) => rows.copy(from, to, zero_point),
        _ => unreachable!("both have the container of the format, of at most 32 bits"),
    }
    Ok(Cow::Owned(FixedTensor::new(&shape.input, input.format(), data)?))
}

/// Where the rows of an image lie in the padded one, in words.
struct Rows {
    images: usize,
    /// Padded height.
    height: usize,
    /// Height and words of a row without padding.
    inside: [usize; 2],
    top: usize,
    left: usize,
    /// Words of a padded row.
    row: usize,
}

impl Rows {
    fn copy<T: Copy + 'static>(&self, from: &[T], to: &mut [T], zero_point: i32)
    where
        i32: AsPrimitive<T>,
    {
        to.fill(zero_point.as_());
        let [height, length] = self.inside;
        for image in 0..self.images {
            for y in 0..height {
                let source = (image * height + y) * length;
                let target = (image * self.height + self.top + y) * self.row + self.left;
                to[target..target + length].copy_from_slice(&from[source..source + length]);
            }
        }
    }
}

/// Σ of the words in every window, for each group: the convolution with weights of 1.
fn window_sums(
    array: &MacArray,
    padded: &FixedTensor,
    geometry: Convolution2d,
    channels: usize,
) -> Result<RowSums, AffineError> {
    let shape = [geometry.groups, geometry.kernel[0], geometry.kernel[1], channels];
    let bits = Format::new(2, 0).map_err(|_| AffineError::Word(padded.format()))?;
    let ones = FixedTensor::from_raw(&shape, bits, &vec![1i32; shape.iter().product()])?;
    let exact = MacArray { accumulator: Accumulator::default(), ..*array };
    let sums = IntegerSums::of_array(exact.convolve(padded, &ones, geometry)?)?.sums;
    Ok(RowSums { groups: geometry.groups, sums })
}
