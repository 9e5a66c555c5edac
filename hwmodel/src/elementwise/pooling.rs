//! Window and shapes of a pooling layer, and the walk over its windows.
//!
//! Tensors are [n, h, w, c], row-major. The output size is ⌊(size + 2·padding - kernel) / stride⌋ + 1
//! per axis, or with ⌈⌉ less a window that would begin in the padding behind the input, as PyTorch's
//! `ceil_mode` has it. A window that reaches beyond the padded input is cut.

use super::length::{LengthError, check_length};
use serde::{Deserialize, Serialize};

/// Kernel, stride and padding of a pooling layer, each [height, width] in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolWindow {
    /// Size of the window.
    pub kernel: [usize; 2],
    /// Distance between neighbouring windows.
    pub stride: [usize; 2],
    /// Rows and columns added on either side; at most half the kernel.
    pub padding: [usize; 2],
    /// Whether the last window may reach beyond the padded input.
    pub ceil: bool,
}

/// The checked shape of a pooling layer for one size of batch.
///
/// ```
/// use hwmodel::elementwise::{PoolShape, PoolWindow};
/// let shape = PoolShape::new([1, 7, 7, 4], PoolWindow::square(3, 2, 1))?;
/// assert_eq!(shape.output_shape(), [1, 4, 4, 4]);
/// # Ok::<(), hwmodel::elementwise::PoolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    input: [usize; 4],
    output: [usize; 2],
    window: PoolWindow,
}

/// Error of an invalid pooling layer, or of buffers that do not match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// A buffer has the wrong length.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// A size that must be positive is zero.
    #[error("pooling of {input:?} with {window:?}: {what} must not be 0")]
    Zero {
        /// The size.
        what: &'static str,
        /// Input shape [n, h, w, c].
        input: [usize; 4],
        /// The window.
        window: PoolWindow,
    },
    /// The padding could cover a whole window.
    #[error("padding {padding} of a pooling window of {kernel} must be at most half of it")]
    Padding {
        /// Padding of one axis.
        padding: usize,
        /// Kernel of that axis.
        kernel: usize,
    },
    /// The window is larger than the padded input.
    #[error("a pooling window of {kernel} does not fit an input of {size} padded by {padding}")]
    Window {
        /// Kernel of one axis.
        kernel: usize,
        /// Input size of that axis.
        size: usize,
        /// Padding of that axis.
        padding: usize,
    },
    /// The position of a maximum is stored in 8 bits.
    #[error("max pooling takes windows of at most 256 positions, not {positions}")]
    Positions {
        /// Positions of the window.
        positions: usize,
    },
    /// The number of elements does not fit the address space.
    #[error("a tensor of shape {0:?} has too many elements")]
    TooLarge([usize; 4]),
}

/// One input pixel seen by one window; offsets are in elements of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tap {
    /// First channel of the output pixel.
    pub output: usize,
    /// First channel of the input pixel.
    pub input: usize,
    /// Position in the window, row-major over the kernel, padding included.
    pub position: usize,
    /// Whether the window has no earlier pixel inside the image.
    pub first: bool,
}

impl PoolWindow {
    /// The same kernel, stride and padding on both axes.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2], ceil: false }
    }

    /// A square window without padding whose last position may reach beyond the input.
    pub const fn square_ceil(kernel: usize, stride: usize) -> Self {
        Self { ceil: true, ..Self::square(kernel, stride, 0) }
    }

    /// Positions of the window, padding included; saturates.
    pub const fn positions(&self) -> usize {
        self.kernel[0].saturating_mul(self.kernel[1])
    }
}

impl PoolShape {
    /// Checks `window` on inputs of shape `input` = [n, h, w, c].
    ///
    /// # Errors
    /// If a size other than n is zero, the padding is more than half the kernel, the window does not
    /// fit, or a tensor would be larger than the address space.
    pub fn new(input: [usize; 4], window: PoolWindow) -> Result<Self, PoolError> {
        let sizes = [
            ("input height", input[1]),
            ("input width", input[2]),
            ("number of channels", input[3]),
            ("kernel", window.kernel[0].min(window.kernel[1])),
            ("stride", window.stride[0].min(window.stride[1])),
        ];
        if let Some((what, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(PoolError::Zero { what, input, window });
        }
        let mut output = [0; 2];
        for axis in 0..2 {
            let (kernel, padding) = (window.kernel[axis], window.padding[axis]);
            let size = input[axis + 1];
            if padding > kernel / 2 {
                return Err(PoolError::Padding { padding, kernel });
            }
            // padding ≤ kernel / 2, so neither side can overflow.
            let free = size.checked_sub(kernel - 2 * padding).ok_or(PoolError::Window {
                kernel,
                size,
                padding,
            })?;
            let stride = window.stride[axis];
            // Windows behind the first; with a partial one if it begins in the input.
            let whole = free / stride;
            let partial = window.ceil
                && !free.is_multiple_of(stride)
                && (whole + 1)
                    .checked_mul(stride)
                    .is_some_and(|start| start < size.saturating_add(padding));
            output[axis] = whole + usize::from(partial) + 1;
        }
        let shape = Self { input, output, window };
        for shape in [shape.input, shape.output_shape()] {
            let elements =
                shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
            // Slices are limited to isize::MAX bytes.
            if elements.is_none_or(|elements| elements > isize::MAX as usize / 8) {
                return Err(PoolError::TooLarge(shape));
            }
        }
        Ok(shape)
    }

    /// One window that covers the whole image, for global pooling.
    ///
    /// # Errors
    /// If a size other than n is zero.
    pub fn global(input: [usize; 4]) -> Result<Self, PoolError> {
        let kernel = [input[1], input[2]];
        Self::new(input, PoolWindow { kernel, ..PoolWindow::square(1, 1, 0) })
    }

    /// Input shape [n, h, w, c].
    pub const fn input_shape(&self) -> [usize; 4] {
        self.input
    }

    /// Output shape [n, h, w, c].
    pub const fn output_shape(&self) -> [usize; 4] {
        [self.input[0], self.output[0], self.output[1], self.input[3]]
    }

    /// The window.
    pub const fn window(&self) -> PoolWindow {
        self.window
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        self.output_shape().iter().product()
    }

    /// Channels of input and output.
    pub const fn channels(&self) -> usize {
        self.input[3]
    }

    /// Elements of one input image.
    pub const fn input_image(&self) -> usize {
        self.input[1] * self.input[2] * self.input[3]
    }

    /// Elements of one output image.
    pub const fn output_image(&self) -> usize {
        self.output[0] * self.output[1] * self.input[3]
    }

    /// Checks the lengths of an input and an output (or of their gradients).
    ///
    /// # Errors
    /// If one is not that of this shape.
    pub fn check(&self, input: usize, output: usize) -> Result<(), LengthError> {
        check_length("input of the pooling layer", input, self.input_len())?;
        check_length("output of the pooling layer", output, self.output_len())
    }

    /// Every window of one image and its pixels inside the image, both row-major.
    ///
    /// A window has at least one such pixel, because the padding is smaller than the kernel.
    #[inline]
    pub fn for_each_tap(&self, mut visit: impl FnMut(Tap)) {
        let [_, height, width, channels] = self.input;
        let kernel_width = self.window.kernel[1];
        let inside = |output: usize, axis: usize, size: usize| {
            let start = output * self.window.stride[axis];
            let padding = self.window.padding[axis];
            let first = padding.saturating_sub(start);
            let end = self.window.kernel[axis].min(size + padding - start);
            (first, end, start)
        };
        let mut output = 0;
        for row in 0..self.output[0] {
            let (first_row, end_row, top) = inside(row, 0, height);
            for column in 0..self.output[1] {
                let (first_column, end_column, left) = inside(column, 1, width);
                for y in first_row..end_row {
                    let line = (top + y - self.window.padding[0]) * width;
                    for x in first_column..end_column {
                        visit(Tap {
                            output,
                            input: (line + left + x - self.window.padding[1]) * channels,
                            position: y * kernel_width + x,
                            first: y == first_row && x == first_column,
                        });
                    }
                }
                output += channels;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_sizes_are_floored() {
        let size = |size, kernel, stride, padding| {
            let window = PoolWindow::square(kernel, stride, padding);
            PoolShape::new([1, size, size, 3], window).map(|shape| shape.output_shape())
        };
        assert_eq!(size(32, 2, 2, 0), Ok([1, 16, 16, 3]));
        assert_eq!(size(8, 3, 2, 0), Ok([1, 3, 3, 3]));
        assert_eq!(size(7, 3, 2, 1), Ok([1, 4, 4, 3]));
        assert_eq!(size(1, 2, 3, 1), Ok([1, 1, 1, 3]));
        assert_eq!(PoolShape::global([5, 7, 9, 2]).unwrap().output_shape(), [5, 1, 1, 2]);
    }

    /// torch.nn.MaxPool2d(kernel, stride, padding, ceil_mode=True) of a square image.
    #[test]
    fn a_partial_window_counts_if_it_begins_in_the_input() {
        let size = |size, kernel, stride, padding| {
            let window = PoolWindow { ceil: true, ..PoolWindow::square(kernel, stride, padding) };
            PoolShape::new([1, size, size, 1], window).unwrap().output_shape()[1]
        };
        assert_eq!((size(112, 3, 2, 0), size(56, 3, 2, 0), size(28, 3, 2, 0)), (56, 28, 14));
        assert_eq!((size(14, 2, 2, 0), size(15, 2, 2, 0)), (7, 8));
        // A fourth window would begin at 6 = 5 + 1, in the padding.
        assert_eq!((size(5, 2, 2, 1), size(5, 2, 3, 0)), (3, 2));
        // Windows {0, 1, 2}, {2, 3}: the last is cut.
        let window = PoolWindow { kernel: [1, 3], stride: [1, 2], padding: [0; 2], ceil: true };
        let shape = PoolShape::new([1, 1, 4, 1], window).unwrap();
        let mut taps = Vec::new();
        shape.for_each_tap(|tap| taps.push((tap.output, tap.input, tap.position)));
        assert_eq!(taps, [(0, 0, 0), (0, 1, 1), (0, 2, 2), (1, 2, 0), (1, 3, 1)]);
    }

    #[test]
    fn impossible_windows_are_errors() {
        let make = |input, kernel, stride, padding| {
            PoolShape::new(input, PoolWindow::square(kernel, stride, padding)).unwrap_err()
        };
        assert!(matches!(make([1, 4, 4, 0], 2, 2, 0), PoolError::Zero { .. }));
        assert!(matches!(make([1, 4, 4, 1], 0, 2, 0), PoolError::Zero { what: "kernel", .. }));
        assert!(matches!(make([1, 4, 4, 1], 2, 0, 0), PoolError::Zero { what: "stride", .. }));
        assert_eq!(make([1, 4, 4, 1], 3, 1, 2), PoolError::Padding { padding: 2, kernel: 3 });
        assert_eq!(
            make([1, 2, 2, 1], 5, 1, 1),
            PoolError::Window { kernel: 5, size: 2, padding: 1 }
        );
        let huge = [usize::MAX, 4, 4, 1];
        assert_eq!(make(huge, 2, 2, 0), PoolError::TooLarge(huge));
        assert!(matches!(make([1, 4, 4, 1], usize::MAX, 1, 0), PoolError::Window { .. }));
    }

    #[test]
    fn the_walk_meets_every_pixel_of_every_window_in_order() {
        // A 1×3 image of 2 channels, kernel 1×3, stride 2, padding 1: windows {-, 0, 1}, {1, 2, -}.
        let window = PoolWindow { kernel: [1, 3], stride: [1, 2], padding: [0, 1], ceil: false };
        let shape = PoolShape::new([1, 1, 3, 2], window).unwrap();
        let mut taps = Vec::new();
        shape.for_each_tap(|tap| taps.push((tap.output, tap.input, tap.position, tap.first)));
        assert_eq!(taps, [(0, 0, 1, true), (0, 2, 2, false), (2, 2, 0, true), (2, 4, 1, false)]);
    }
}
