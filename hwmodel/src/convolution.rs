//! Shapes of a two-dimensional convolution.

mod text;

use crate::product;
use serde::{Deserialize, Serialize};

/// Kernel size, stride, zero padding, dilation and groups of a convolution, each `[vertical, horizontal]`.
///
/// The input is `[n, h, w, c]`, the weights `[o, kh, kw, c / groups]`, the output `[n, oh, ow, o]`
/// with floor sizes: `oh = ⌊(h + padding before and after - dilation·(kh - 1) - 1) / stride⌋ + 1`. As a matrix product its
/// rows are output pixels (n, y, x), its columns output channels, and k ascends over kernel row, kernel
/// column and channel, channel fastest.
///
/// As data, `padding` is one number for both sides of an axis where these are equal on both axes, and a dilation of 1 is left
/// out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "text::Geometry", into = "text::Geometry")]
pub struct Convolution2d {
    /// Kernel height and width in elements.
    pub kernel: [usize; 2],
    /// Stride in elements.
    pub stride: [usize; 2],
    /// Zero padding in elements, `[before, after]` of each axis.
    pub padding: [[usize; 2]; 2],
    /// Distance of neighbouring kernel elements on the input, in elements; 1 of a dense kernel.
    pub dilation: [usize; 2],
    /// Groups into which the channels are split.
    pub groups: usize,
}

/// Error of incompatible shapes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Matrices whose inner dimensions differ.
    #[error("a product of {left:?} by {right:?} is impossible: the inner dimensions differ")]
    Inner {
        /// Shape of the left operand.
        left: Vec<usize>,
        /// Shape of the right operand.
        right: Vec<usize>,
    },
    /// An output index outside the product.
    #[error("a product of {shape:?} outputs has no output {output:?}")]
    Output {
        /// Row and column asked for.
        output: [usize; 2],
        /// Rows and columns of the product.
        shape: [usize; 2],
    },
    /// A bias that does not have one value a column.
    #[error(
        "a bias of shape {bias:?} does not fit a product of {columns} columns: it needs one value a column"
    )]
    Bias {
        /// Shape of the bias.
        bias: Vec<usize>,
        /// Columns of the product.
        columns: usize,
    },
    /// Initial sums of another number.
    #[error(
        "{sums} initial sums do not fit a product of {shape:?} outputs: give one an output, {}, or one a column, {}",
        shape[0].saturating_mul(shape[1]), shape[1]
    )]
    Initial {
        /// Sums given.
        sums: usize,
        /// Rows and columns of the product.
        shape: [usize; 2],
    },
    /// An initial sum that the accumulator cannot hold.
    #[error("initial sum {sum} at element {index} does not fit an accumulator of {bits} bits")]
    InitialRange {
        /// Position, row-major.
        index: usize,
        /// The sum.
        sum: i64,
        /// Bits of the accumulator.
        bits: u32,
    },
    /// An exact accumulator with too long a fraction.
    #[error(
        "an exact accumulator with {fl} fractional bits is too long for products with {product_fl}: use at most {most} more than the product has, or state a width"
    )]
    AccumulatorFraction {
        /// Fractional length of the accumulator in bits.
        fl: i32,
        /// That of the product in bits.
        product_fl: i32,
        /// The most additional bits.
        most: i32,
    },
    /// An operand with more or fewer elements than its shape has.
    #[error("the {operand} of shape {shape:?} cannot have {elements} elements")]
    Elements {
        /// Which operand.
        operand: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// Elements given.
        elements: usize,
    },
    /// A convolution whose input and weights do not fit.
    #[error("convolution {geometry:?} does not fit input {input:?} and weights {weights:?}: {why}")]
    Convolution {
        /// The geometry.
        geometry: Box<Convolution2d>,
        /// Shape of the input.
        input: Vec<usize>,
        /// Shape of the weights.
        weights: Vec<usize>,
        /// The problem.
        why: &'static str,
    },
}

/// Input `[n, h, w, c]`, weights `[o, kh, kw, c / groups]` and output `[oh, ow]` that fit together.
type Checked = ([usize; 4], [usize; 4], [usize; 2]);

/// The most bytes of one allocation.
const MOST_BYTES: usize = isize::MAX as usize;

impl Convolution2d {
    /// A square kernel with equal stride and padding both ways, one group.
    pub fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self::symmetric([kernel; 2], [stride; 2], [padding; 2], 1)
    }

    /// A dense kernel with equal padding on both sides of an axis.
    pub fn symmetric(
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
    ) -> Self {
        let padding = padding.map(|side| [side; 2]);
        Self { kernel, stride, padding, dilation: [1; 2], groups }
    }

    /// Height and width of the output of an input of `size` = `[h, w]`, or `None` if the kernel is
    /// larger than the padded input, empty or not dilated by at least 1, a stride is 0 or a size exceeds `usize`.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let [before, after] = self.padding[axis];
            let padded = before.checked_add(after)?.checked_add(size[axis])?;
            let last = padded.checked_sub(self.span(axis)?)?.checked_sub(1)?;
            last.checked_div(self.stride[axis])?.checked_add(1)
        };
        Some([along(0)?, along(1)?])
    }

    /// Distance on the input of the first and the last element of the kernel on an axis.
    fn span(&self, axis: usize) -> Option<usize> {
        let gaps = self.kernel[axis].checked_sub(1)?;
        (self.dilation[axis] > 0).then_some(())?;
        gaps.checked_mul(self.dilation[axis])
    }

    /// [`Self::span`] of both axes of a geometry that was checked.
    pub(crate) fn spans(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.dilation[axis] * (self.kernel[axis] - 1))
    }

    /// Place on the input, along an axis of `size` elements, of kernel element `tap` at output `place`; `None` in the padding.
    #[inline(always)]
    pub fn source(&self, axis: usize, place: usize, tap: usize, size: usize) -> Option<usize> {
        let padded = place * self.stride[axis] + tap * self.dilation[axis];
        padded.checked_sub(self.padding[axis][0]).filter(|&source| source < size)
    }

    /// The sizes of this convolution of an image `[h, w, c]` with `filters` filters, for pricing it.
    pub fn sizes(&self, input: [usize; 3], filters: usize) -> product::Convolution {
        let pair = |pair: [usize; 2]| pair.map(|size| size as u64);
        product::Convolution {
            images: 1,
            input: input.map(|size| size as u64),
            filters: filters as u64,
            kernel: pair(self.kernel),
            stride: pair(self.stride),
            padding: self.padding.map(pair),
            dilation: pair(self.dilation),
            groups: self.groups as u64,
        }
    }

    /// Checks the shapes and returns `(input, weights, [oh, ow])`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub(crate) fn check(&self, input: &[usize], weights: &[usize]) -> Result<Checked, ShapeError> {
        let wrong = |why| ShapeError::Convolution {
            geometry: Box::new(*self),
            input: input.to_vec(),
            weights: weights.to_vec(),
            why,
        };
        let input4: [usize; 4] = input.try_into().map_err(|_| wrong("input is not 4-D"))?;
        let weights4: [usize; 4] = weights.try_into().map_err(|_| wrong("weights are not 4-D"))?;
        let sizes = [self.stride, self.kernel, self.dilation];
        if self.groups == 0 || sizes.as_flattened().contains(&0) {
            return Err(wrong("groups, stride, kernel and dilation must be at least 1"));
        }
        if weights4[1..3] != self.kernel {
            return Err(wrong("the weights have another kernel size"));
        }
        if weights4[3].checked_mul(self.groups) != Some(input4[3]) {
            return Err(wrong("input channels are not groups × weight channels"));
        }
        if !weights4[0].is_multiple_of(self.groups) {
            return Err(wrong("groups do not divide the output channels"));
        }
        let size = self
            .output_size([input4[1], input4[2]])
            .ok_or_else(|| wrong("the kernel is larger than the padded input"))?;
        // Padding makes outputs without any memory behind them.
        let outputs = [input4[0], size[0], size[1], weights4[0]];
        let bytes = outputs.iter().try_fold(size_of::<i128>(), |all, &n| all.checked_mul(n));
        if bytes.is_none_or(|bytes| bytes > MOST_BYTES) {
            return Err(wrong("the output has more elements than can be addressed"));
        }
        Ok((input4, weights4, size))
    }

    /// Checks the shape of the gradient of an output.
    pub(crate) fn check_gradient(
        &self,
        gradient: &[usize],
        input: [usize; 4],
        weights: [usize; 4],
        output: [usize; 2],
    ) -> Result<(), ShapeError> {
        if gradient == [input[0], output[0], output[1], weights[0]] {
            return Ok(());
        }
        Err(ShapeError::Convolution {
            geometry: Box::new(*self),
            input: input.to_vec(),
            weights: weights.to_vec(),
            why: "the gradient does not have the shape of the output",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_floored() {
        let alexnet = Convolution2d::square(11, 4, 5);
        assert_eq!(alexnet.output_size([32, 32]), Some([8, 8]));
        assert_eq!(Convolution2d::square(3, 2, 0).output_size([6, 7]), Some([2, 3]));
        assert_eq!(Convolution2d::square(5, 1, 1).output_size([2, 9]), None);
    }

    #[test]
    fn a_dilated_kernel_reaches_over_its_gaps() {
        let dilated = Convolution2d { dilation: [2, 3], ..Convolution2d::square(3, 2, 1) };
        assert_eq!(dilated.output_size([8, 9]), Some([3, 3]));
        assert_eq!(dilated.output_size([2, 9]), None);
        let sides = Convolution2d { padding: [[0, 3], [1, 0]], ..dilated };
        assert_eq!(sides.output_size([8, 9]), Some([4, 2]));
        assert_eq!(sides.source(1, 1, 0, 9), Some(1));
        assert_eq!(sides.source(0, 3, 2, 8), None);
        assert_eq!(Convolution2d { dilation: [0, 1], ..sides }.output_size([8, 9]), None);
        let wide = Convolution2d { dilation: [usize::MAX; 2], ..sides };
        assert_eq!(wide.output_size([8, 9]), None);
    }

    #[test]
    fn sizes_that_wrap_are_errors() {
        let one = Convolution2d::square(1, 1, 0);
        let groups = Convolution2d { groups: 1 << 63, ..one };
        assert!(groups.check(&[1, 1, 1, 0], &[0, 1, 1, 2]).is_err());
        for padding in [1 << 31, usize::MAX / 4] {
            let padded = Convolution2d::square(1, 1, padding);
            let error = padded.check(&[1, 1, 1, 1], &[1, 1, 1, 1]).unwrap_err().to_string();
            assert!(error.contains("more elements than can be addressed"), "{error}");
        }
        assert!(one.check(&[2, 3, 3, 4], &[5, 1, 1, 4]).is_ok());
    }

    #[test]
    fn impossible_geometries_have_no_size() {
        assert_eq!(Convolution2d::square(3, 0, 1).output_size([8, 8]), None);
        assert_eq!(Convolution2d::square(3, 1, usize::MAX / 2 + 1).output_size([8, 8]), None);
    }
}
