//! Networks of layers as ONNX graphs that other programs run with the same integers.
//!
//! The mirror of [`imported`](super::imported): each layer becomes a node or a few (`rules`), and what rounds it to its format
//! becomes the quantisers of the [`Target`]. Formats ⟨WL, FL⟩ are scales 2^-FL with zero point 0. Values are
//! `[N, C, H, W]` in the file and `[h, w, c]` here. What a graph cannot say exactly is refused with the layer and the reason.

mod error;
mod qdq;
mod qonnx;
mod rules;
mod target;
mod tensor;
mod writing;

pub use error::{ExportError, Refusal};
pub use target::Target;

use super::graph::Network;
use crate::onnx::write::Document;
use hwmodel::{Accumulator, Format, Overflow, Rounding, SimdLevel};
use std::num::NonZeroU32;
use writing::Writing;

/// Arithmetic of a network in evaluation, apart from its formats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExportSettings {
    /// Accumulator of the array.
    pub accumulator: Accumulator,
    /// Rounding where the formats state none.
    pub rounding: Rounding,
    /// Overflow mode of requantised words where the formats state none.
    pub overflow: Overflow,
    /// Instructions to use; never changes a result.
    pub simd: SimdLevel,
}

/// A network as an ONNX graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The graph; description and metadata are left to the caller.
    pub document: Document,
    /// The products.
    pub products: Vec<ExportedProduct>,
    /// What float32 does not hold, by layer: there a program that computes the graph in float32 may round.
    pub rounded: Vec<Rounded>,
    /// Whether a batch norm is computed in float32, as it is here.
    pub has_batch_norm: bool,
}

/// A product as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedProduct {
    /// Name of the layer.
    pub layer: String,
    /// Format of the input that the product reads.
    pub input: Format,
    /// Format of the weights.
    pub weight: Format,
    /// Format of the result.
    pub output: Format,
    /// Bits of a two's complement word that holds every sum, bias included, for any input.
    pub sum_bits: u32,
}

/// A layer whose numbers need more bits than float32 has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rounded {
    /// Name of the layer.
    pub layer: String,
    /// Bits of the largest magnitude.
    pub bits: NonZeroU32,
}

/// `network` as an ONNX graph for `target`.
///
/// # Errors
/// If a layer, a format, a mode or the accumulator cannot be written exactly.
pub fn export(
    network: &Network,
    settings: &ExportSettings,
    target: Target,
) -> Result<Exported, ExportError> {
    if network.takes_tokens() {
        return Err(ExportError::Tokens);
    }
    if !settings.accumulator.is_one_level() {
        return Err(ExportError::Accumulator(settings.accumulator.to_string()));
    }
    let mut writing = Writing::new(network, settings, target);
    for (index, node) in network.nodes.iter().enumerate() {
        // A layer that has its value was fused into an earlier one.
        if writing.is_written(index) {
            continue;
        }
        rules::apply(&mut writing, index).map_err(|refusal| ExportError::Layer {
            layer: node.name.clone(),
            kind: node.kind(),
            refusal,
        })?;
    }
    writing.finish()
}

#[cfg(test)]
mod tests;
