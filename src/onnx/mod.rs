//! Workloads from ONNX models: every layer and its sizes, no weights.
//!
//! A model passes through four steps. `skim` copies its structure out of the file and skips weights
//! without reading them; [`prost`] decodes that by the trimmed messages of `proto`; `walk` goes
//! through the nodes in order, infers shapes by `rules` and computes small constants, since exporters
//! express shapes as arithmetic; what does work becomes a [`Layer`](crate::design::workload::Layer).
//! Operators, and what they are charged as: `docs/cost.md`.
//!
//! A shape is never guessed: an operator without a rule, a size that is not known or a declared shape
//! that contradicts the inferred one is an error that names the node.

mod dimensions;
mod error;
mod fact;
mod fold;
pub mod model;
mod node;
mod proto;
mod rules;
mod skim;
mod tensor;
mod walk;

pub use dimensions::Dimensions;
pub use error::{NodeProblem, OnnxError};

use crate::design::workload::Workload;
use prost::Message;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

/// The workload of the ONNX model in file `path`, with its symbolic sizes as `dimensions` say. The
/// workload's name is that of the file.
///
/// # Errors
/// If the file cannot be read, is damaged or no ONNX model, a symbolic size is missing, or a node
/// has no rule or impossible sizes.
pub fn read(path: &Path, dimensions: &Dimensions) -> Result<Workload, OnnxError> {
    let file = File::open(path).map_err(OnnxError::Io)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    read_from(BufReader::new(file), &name, dimensions)
}

/// As [`read`], from anything that can be read and seeked, as a workload called `name`.
///
/// # Errors
/// As [`read`].
pub fn read_from(
    model: impl Read + Seek,
    name: &str,
    dimensions: &Dimensions,
) -> Result<Workload, OnnxError> {
    let structure = skim::skim(model)?;
    let model = proto::Model::decode(structure.as_slice())
        .map_err(|error| OnnxError::Malformed(error.to_string()))?;
    let graph = model.graph.filter(|graph| !graph.node.is_empty()).ok_or(OnnxError::NoGraph)?;
    let layers = walk::layers(&graph, dimensions)?;
    Ok(Workload::new(name, layers)?)
}

#[cfg(test)]
mod tests;
