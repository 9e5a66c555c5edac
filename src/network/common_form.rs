//! What a layer is in the terms of other programs.

use hwmodel::array::Convolution2d;
use hwmodel::elementwise::{PoolWindow, Slope};

/// A layer as an operator that other programs have too. Its parameters and formats are those of its node; in evaluation the
/// results of a product, a batch norm, a leaky ReLU, an average and a sum are rounded to their format, all others are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommonForm {
    /// A convolution with zero padding; weights `[o, kh, kw, c / groups]`, and a bias `[o]` if there are two parameters.
    Convolution(Convolution2d),
    /// A product with the weights `[o, 1, 1, k]` of one pixel, and a bias `[o]` if there are two parameters.
    Linear,
    /// (x - μ)·s + β in float32, s = γ/sqrt(σ² + ε).
    BatchNorm,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6), 6 rounded down to a number of the format.
    Relu6,
    /// x, or a fraction of x where it is negative.
    LeakyRelu(Slope),
    /// The largest pixel of every window; padding is never chosen.
    MaxPool(PoolWindow),
    /// The mean of every window, divided by its whole size, or of the whole image without a window.
    AveragePool(Option<PoolWindow>),
    /// `[h, w, c]` → `[1, 1, h·w·c]`.
    Flatten,
    /// The input.
    Identity,
    /// The sum of two inputs in the format of the first.
    Add,
    /// The channels of all inputs in the format of the first.
    Concatenate,
}
