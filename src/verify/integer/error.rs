//! Errors of compiling or running an integer program.

use crate::network::NetworkError;
use crate::network::vector::batch_norm::BatchNormError;
use crate::precision::NumberFormat;
use hwmodel::array::ShapeError;
use hwmodel::elementwise::{ChannelRequantiseError, ProductOverflowError};
use hwmodel::{Format, TensorError};

/// A network that has no integer program.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A layer computes in floats.
    #[error(
        "layer `{layer}` has format {format}: an integer program needs a fixed ⟨WL, FL⟩ for every layer, as `hwsim train` gives with --controller adapt or static"
    )]
    Format {
        /// Name of the layer.
        layer: String,
        /// Its format.
        format: NumberFormat,
    },
    /// A layer that needs the float unit.
    #[error(
        "layer `{layer}` ({kind}) has no integer program: networks of convolutions, linear layers, batch norm, ReLU, pooling and sums do"
    )]
    Unsupported {
        /// Name of the layer.
        layer: String,
        /// Its kind.
        kind: &'static str,
    },
    /// Random rounding has no place in a program that repeats.
    #[error(
        "an integer program rounds deterministically: use a `--rounding` other than stochastic"
    )]
    Stochastic,
    /// A format that brings its modes.
    #[error(
        "the format of `{0}` brings its own rounding or overflow mode, and an integer program has one of each for all layers: quantise with --wl and --fl"
    )]
    Modes(String),
    /// An accumulator whose sums are not those that batch norms were folded for.
    #[error(
        "an integer program folds batch norms for sums with the fractional length of the products, but the accumulator is set to {fl} fractional bits: leave out `--accumulator-fl`"
    )]
    AccumulatorFraction {
        /// Its fractional length in bits.
        fl: i32,
    },
    /// A scale too large for a right shift.
    #[error(
        "batch norm `{layer}` multiplies channel {channel} by {factor:.3e} steps of the result per step of the accumulator: a right shift gives less than 2^31; give the layer's output fewer fractional bits"
    )]
    Multiplier {
        /// Name of the layer.
        layer: String,
        /// The channel.
        channel: usize,
        /// Steps of the result per step of the accumulator.
        factor: f64,
    },
    /// Scale or offset is not finite.
    #[error(
        "batch norm `{layer}` has a scale or offset that is not finite in channel {channel}: training has diverged"
    )]
    NotFinite {
        /// Name of the layer.
        layer: String,
        /// The channel.
        channel: usize,
    },
    /// Running statistics that normalise nothing.
    #[error("batch norm `{layer}`: {source}")]
    BatchNorm {
        /// Name of the layer.
        layer: String,
        /// The problem.
        source: BatchNormError,
    },
    /// Words in front of a batch norm that no interval of accumulators stands for.
    #[error("the layer before batch norm `{layer}`: {source}")]
    Overflow {
        /// Name of the layer.
        layer: String,
        /// The problem.
        source: ProductOverflowError,
    },
    /// A requantiser of a batch norm.
    #[error("batch norm `{layer}`: {source}")]
    Requantise {
        /// Name of the layer.
        layer: String,
        /// The problem.
        source: ChannelRequantiseError,
    },
}

/// Images that a program cannot run on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The images have another shape.
    #[error("the program takes images of {expected:?} (height, width, channels), got {given:?}")]
    Shape {
        /// `[h, w, c]` expected.
        expected: [usize; 3],
        /// Shape given.
        given: Vec<usize>,
    },
    /// The pixels have another format.
    #[error("the program takes pixels in {expected}, got {given}")]
    Format {
        /// Format expected.
        expected: Format,
        /// Format given.
        given: Format,
    },
    /// Pixels that cannot be quantised, or values that do not fit a layer.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Shapes of a product.
    #[error(transparent)]
    Product(#[from] ShapeError),
    /// Requantisation.
    #[error(transparent)]
    Requantise(#[from] ChannelRequantiseError),
    /// A tensor.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}
