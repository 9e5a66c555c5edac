//! ONNX files: their messages, their structure without weights, sizes of symbolic dimensions, and models with their values.
//!
//! `structure` copies the nodes and small constants out of a file and skips its weights without reading them; [`prost`]
//! decodes that by the trimmed messages of `proto`. [`model`] reads a model with all its values. Either way the graph is
//! checked: every value is made once, before it is read, and the inputs of a node have types that fit each other. What a
//! network costs ([`crate::design::workload::onnx`]) and what it computes ([`crate::graph`]) are built on these. [`mod@write`]
//! makes a file of a model.

mod dimensions;
mod error;
pub mod model;
mod order;
pub(crate) mod proto;
mod skim;
mod types;
pub mod write;

pub use dimensions::Dimensions;
pub use error::{GraphProblem, OnnxError};

use prost::Message;
use skim::Keep;
use std::io::{Read, Seek};

/// The graph of the model in `source`, without weights.
///
/// # Errors
/// If it cannot be read, is damaged or not an ONNX model, or has no nodes.
pub(crate) fn structure(source: impl Read + Seek) -> Result<proto::Graph, OnnxError> {
    Ok(decoded(source, Keep::Structure)?.1)
}

/// The model in `source` and its graph, which is checked.
fn decoded(
    source: impl Read + Seek,
    keep: Keep,
) -> Result<(proto::Model, proto::Graph), OnnxError> {
    let bytes = skim::skim(source, keep)?;
    let mut model = proto::Model::decode(bytes.as_slice())
        .map_err(|error| OnnxError::Malformed(error.to_string()))?;
    let graph = model.graph.take().filter(|graph| !graph.node.is_empty());
    let graph = graph.ok_or(OnnxError::NoGraph)?;
    order::check(&graph)?;
    types::check(&graph)?;
    Ok((model, graph))
}

/// The error that node `index` of a graph has `problem`.
fn of_node(index: usize, node: &proto::Node, problem: GraphProblem) -> OnnxError {
    OnnxError::Node { node: node.label(index), operator: node.operator_name(), problem }
}
