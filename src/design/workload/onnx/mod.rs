//! Workloads from ONNX models: every layer and its sizes, no weights.
//!
//! `walk` goes through the nodes of the model's [`structure`](crate::onnx) in order, infers shapes by `rules` and computes
//! small constants, since exporters express shapes as arithmetic; what does work becomes a [`Layer`](super::Layer).
//! Operators, and what they are charged as: `docs/cost.md`.
//!
//! A shape is never guessed: an operator without a rule, a size that is not known or a declared shape
//! that contradicts the inferred one is an error that names the node.

mod error;
mod fact;
mod fold;
mod node;
mod rules;
mod tensor;
mod walk;
mod words;

pub use error::{NodeProblem, OnnxCostError};

use super::Workload;
use crate::onnx::{self, Dimensions, OnnxError};
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

/// The workload of the ONNX model in file `path`, with its symbolic sizes as `dimensions` say. The
/// workload's name is that of the file.
///
/// # Errors
/// If the file cannot be read, is damaged or not an ONNX model, a symbolic size is missing, or a node
/// has no rule or impossible sizes.
pub fn read(path: &Path, dimensions: &Dimensions) -> Result<Workload, OnnxCostError> {
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
) -> Result<Workload, OnnxCostError> {
    let layers = walk::layers(&onnx::structure(model)?, dimensions)?;
    Ok(Workload::new(name, layers)?)
}

#[cfg(test)]
mod tests;
