//! Why a network has no ONNX graph.

use super::target::Target;
use hwmodel::{Overflow, Rounding};

/// A network that cannot be written exactly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A layer.
    #[error("layer `{layer}` ({kind}) {refusal}")]
    Layer {
        /// Its name.
        layer: String,
        /// Its kind.
        kind: &'static str,
        /// The reason.
        refusal: Refusal,
    },
    /// A language model.
    #[error("the network takes tokens: only networks of numbers are exported")]
    Tokens,
    /// An accumulator that rounds or has levels.
    #[error(
        "the accumulator of the model ({0}) rounds or limits partial sums, which no ONNX operator does: evaluate and export it with one exact level"
    )]
    Accumulator(String),
    /// The last value is a flattened image.
    #[error(
        "the network ends with a flattened image, whose elements have another order in ONNX: end it with a product"
    )]
    FlattenedOutput,
}

/// Why a layer cannot be written exactly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its kind has no form.
    #[error("is not among the kinds that are exported: {}", super::rules::KINDS)]
    Kind,
    /// A product of floats.
    #[error(
        "computes in float32, whose sums depend on their order: quantise the model with --wl and --fl"
    )]
    Float32,
    /// A scale that changes with the data.
    #[error(
        "has a scale that is chosen from each batch, and a file has fixed ones: quantise the model with --wl and --fl"
    )]
    Dynamic,
    /// A rounding mode.
    #[error("rounds {rounding}, and {target} rounds {}", target.roundings())]
    Rounding {
        /// The mode.
        rounding: Rounding,
        /// What is written.
        target: Target,
    },
    /// An overflow mode.
    #[error(
        "has overflow mode {0}, and ONNX's quantisers saturate: evaluate the model with saturation"
    )]
    Overflow(Overflow),
    /// Words that are too long.
    #[error("has words of {wl} bits, and {target} has at most {}: quantise it to shorter ones", target.longest_word())]
    WordLength {
        /// Bits.
        wl: u32,
        /// What is written.
        target: Target,
    },
    /// A word of a sign alone.
    #[error(
        "has signed words of 1 bit, -1 and 0, and QONNX's quantiser of 1 bit has -1 and 1: use 2 bits"
    )]
    OneBit,
    /// A step that is not a normal float32.
    #[error(
        "has a step of 2^{0}, and scales are float32 numbers: use fractional lengths nearer to 0"
    )]
    Step(i32),
    /// An accumulator that overflows.
    #[error(
        "may have sums of {needed} bits, and the accumulator of {bits} bits overflows, as no ONNX operator does: give `--accumulator {needed}` or more, with which it is then to be evaluated"
    )]
    Accumulator {
        /// Bits of the accumulator.
        bits: u32,
        /// Bits that are sufficient.
        needed: u32,
    },
    /// Running statistics that normalise nothing.
    #[error("cannot normalise: {0}")]
    Statistics(String),
    /// A bias beyond 32 bits.
    #[error("has a bias that needs more than 32 bits at the scale of its sums")]
    Bias,
    /// An average of numbers that are not words.
    #[error("averages float32 numbers, whose sum depends on their order: put a product before it")]
    FloatAverage,
    /// An average with a partial last window.
    #[error(
        "averages a last window that reaches beyond the image and divides by its whole size, as no ONNX operator does"
    )]
    PartialAverage,
    /// Elements of flattened images where order matters.
    #[error("reads a flattened image together with, or in place of, values of another order")]
    Order,
}
