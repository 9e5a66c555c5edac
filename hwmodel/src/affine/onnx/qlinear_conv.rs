//! QLinearConv.

use super::super::product::{Adder, Window, Words, convolve};
use super::super::requantise::RequantiseRule;
use super::super::{AffineError, AffineTensor};
use super::Output;
use super::output::single;
use crate::array::{MacArray, MacReport};

/// A convolution of affine words.
#[derive(Debug, Clone, Copy)]
pub struct QLinearConv<'a> {
    /// `[o, kh, kw, c / groups]`, scales and zero points of the tensor or of axis 0.
    pub weights: &'a AffineTensor,
    /// One value for each output channel with the scale input · weight, or none.
    pub bias: &'a [i32],
    /// Strides, padding, dilations, groups.
    pub window: Window,
    /// How products are added. ONNX Runtime adds depthwise convolutions exactly on every CPU.
    pub adder: Adder,
    /// How a sum becomes a word.
    pub rule: RequantiseRule,
    /// The words of the result.
    pub output: Output,
}

/// The convolution of x `[n, h, w, c]`; the result is `[n, oh, ow, o]`.
///
/// The sums are those of [`convolve`](super::super::product::convolve()) plus the bias, in int32; a rule makes them words.
///
/// # Errors
/// If shapes, scales, zero points or bias do not fit.
pub fn qlinear_conv(
    array: &MacArray,
    convolution: &QLinearConv<'_>,
    x: &AffineTensor,
) -> Result<(AffineTensor, MacReport), AffineError> {
    let QLinearConv { weights, bias, window, adder, rule, output } = *convolution;
    let (input, _) = single(x)?;
    let mut sums = convolve(array, adder, Words::of(x, 3)?, Words::of(weights, 0)?, window)?;
    if !bias.is_empty() {
        sums.add_bias(bias)?;
    }
    let scales = output.scales_of_sums(input, weights);
    let data = sums.requantised(array.simd, rule, &scales, output.range(), output.format())?;
    let [height, width] = sums.pixels();
    let shape = [x.shape()[0], height, width, sums.columns()];
    Ok((output.tensor(&shape, data)?, sums.report()))
}
