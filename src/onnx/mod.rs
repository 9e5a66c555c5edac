//! ONNX files: their messages, their structure without weights, sizes of symbolic dimensions, and models with their values.
//!
//! [`structure`] copies the nodes and small constants out of a file and skips its weights without reading them; [`prost`]
//! decodes that by the trimmed messages of `proto`. [`model`] reads a model with all its values. What a network costs
//! ([`crate::design::workload::onnx`]) and what it computes ([`crate::graph`]) are built on these.

mod dimensions;
mod error;
pub mod model;
pub(crate) mod proto;
mod skim;

pub use dimensions::Dimensions;
pub use error::OnnxError;

use prost::Message;
use std::io::{Read, Seek};

/// The graph of the model in `source`, without weights.
///
/// # Errors
/// If it cannot be read, is damaged or not an ONNX model, or has no nodes.
pub(crate) fn structure(source: impl Read + Seek) -> Result<proto::Graph, OnnxError> {
    let structure = skim::skim(source)?;
    let model = proto::Model::decode(structure.as_slice())
        .map_err(|error| OnnxError::Malformed(error.to_string()))?;
    model.graph.filter(|graph| !graph.node.is_empty()).ok_or(OnnxError::NoGraph)
}
