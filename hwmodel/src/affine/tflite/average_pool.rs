//! AVERAGE_POOL_2D.

use super::operand::Operand;
use super::{Output, TfliteError};
use crate::affine::AffineTensor;
use crate::cast::exact;
use crate::kernels::RawInteger;
use crate::number::rounding::modes::NearestAway;
use crate::number::rounding::{Mode, Quotient};
use crate::{RawData, with_narrow};

/// Padding of a pooling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolPadding {
    /// None: only windows inside the image.
    Valid,
    /// As much that the output has ⌈size / stride⌉ pixels, the odd one below and to the right.
    Same,
}

/// The mean of the pixels of every window that are inside the image, in NHWC; the scale and the zero point of the result are the
/// input's, which therefore stay inside the mean: half_away(Σx / n), limited. All kernel sets compute so.
///
/// # Errors
/// If the input does not have four dimensions and one scale, or is neither int8 nor int16; or a window or stride is 0 or does not
/// fit.
pub fn average_pool(
    x: &AffineTensor,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: PoolPadding,
    activation: super::Activation,
) -> Result<AffineTensor, TfliteError> {
    let operand = Operand::new(x, "the input")?;
    let output = Output {
        format: x.words().format(),
        scale: operand.scale,
        zero_point: operand.zero_point,
        activation,
    };
    let range = output.range()?;
    let wrong = |why| TfliteError::Pool { input: x.shape().to_vec(), kernel, stride, why };
    let &[images, height, width, channels] = x.shape() else {
        return Err(wrong("the input needs the dimensions n, h, w, c"));
    };
    let rows = Axis::new(height, kernel[0], stride[0], padding).map_err(wrong)?;
    let columns = Axis::new(width, kernel[1], stride[1], padding).map_err(wrong)?;
    let shape = [images, rows.outputs, columns.outputs, channels];
    let mut sums = vec![0i64; channels];
    let mut means = Vec::with_capacity(shape.iter().product());
    for image in 0..images {
        for row in 0..rows.outputs {
            for column in 0..columns.outputs {
                let (down, across) = (rows.pixels(row), columns.pixels(column));
                let pixels = down.len() * across.len();
                sums.fill(0);
                for (y, x) in down.flat_map(|y| across.clone().map(move |x| (y, x))) {
                    let at = ((image * height + y) * width + x) * channels;
                    for (sum, &word) in sums.iter_mut().zip(&operand.words[at..]) {
                        *sum += i64::from(word);
                    }
                }
                means.extend(sums.iter().map(|&sum| range.limit(mean(sum, pixels))));
            }
        }
    }
    let mut data = RawData::zeros(output.format, means.len());
    with_narrow!(&mut data, out => {
        out.iter_mut().zip(&means).for_each(|(out, &mean)| *out = RawInteger::from_i32(mean));
    });
    output.tensor(&shape, data)
}

/// sum / pixels, ties away from zero.
fn mean(sum: i64, pixels: usize) -> i64 {
    let divisor = exact::<i64>(pixels);
    let parts =
        Quotient { floor: sum.div_euclid(divisor), remainder: sum.rem_euclid(divisor), divisor };
    parts.floor + i64::from(NearestAway::up(parts))
}

/// Windows along one axis.
struct Axis {
    size: usize,
    kernel: usize,
    stride: usize,
    /// Padding before the first pixel.
    before: usize,
    outputs: usize,
}

impl Axis {
    fn new(
        size: usize,
        kernel: usize,
        stride: usize,
        padding: PoolPadding,
    ) -> Result<Self, &'static str> {
        if size == 0 || kernel == 0 || stride == 0 {
            return Err("sizes, windows and strides are at least 1");
        }
        match padding {
            PoolPadding::Valid if kernel > size => Err("the window is larger than the input"),
            PoolPadding::Valid => {
                Ok(Self { size, kernel, stride, before: 0, outputs: (size - kernel) / stride + 1 })
            }
            PoolPadding::Same => {
                let outputs = size.div_ceil(stride);
                // At most the kernel, so that every window has a pixel of the image.
                let covered = (outputs - 1) * stride;
                let before = (kernel - kernel.min(size - covered)) / 2;
                Ok(Self { size, kernel, stride, before, outputs })
            }
        }
    }

    /// The pixels of window `output` that are inside the image.
    fn pixels(&self, output: usize) -> std::ops::Range<usize> {
        let start = output * self.stride;
        let end = start.saturating_add(self.kernel).saturating_sub(self.before);
        start.saturating_sub(self.before)..end.min(self.size)
    }
}
