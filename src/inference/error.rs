//! Errors of feeding and scoring a network.

use crate::graph::GraphError;
use crate::onnx::model::{Dimension, Input};
use crate::tensor::ElementType;

/// Why a network cannot be run on some arrays, or its outputs cannot be scored.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// The network.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An array of another shape than the input.
    #[error(
        "input `{input}` takes arrays of shape {expected}, but this one has shape {given:?}{advice}"
    )]
    Shape {
        /// Name of the input.
        input: String,
        /// Its shape, open sizes by name.
        expected: String,
        /// The array's.
        given: Vec<usize>,
        /// What to do.
        advice: String,
    },
    /// A number that the type of the input does not have.
    #[error(
        "input `{input}` takes {element}, which cannot be {value}: convert the array, as in x.astype(\"{element}\")"
    )]
    Type {
        /// Name of the input.
        input: String,
        /// Its type.
        element: ElementType,
        /// A number of the array.
        value: String,
    },
    /// Arrays with different numbers of inputs.
    #[error("input `{first}` has {one} rows but `{second}` has {other}: give every input as many")]
    Rows {
        /// Name of an input.
        first: String,
        /// Its rows.
        one: usize,
        /// Name of another.
        second: String,
        /// Its rows.
        other: usize,
    },
    /// Nothing to feed.
    #[error("the arrays have no rows")]
    Empty,
    /// A batch that the network does not take.
    #[error(
        "the network takes batches of {fixed}, so `--batch {given}` is not possible: leave it out, or export it with an open batch"
    )]
    Batch {
        /// Its own.
        fixed: usize,
        /// The one that is asked for.
        given: usize,
    },
    /// Labels that fit no output.
    #[error("{0}")]
    Labels(String),
}

/// The shape of an input as messages show it.
pub(super) fn shape(input: &Input) -> String {
    let sizes = input.shape.iter().map(|dimension| match dimension {
        Dimension::Fixed(size) => size.to_string(),
        Dimension::Open(Some(name)) => name.clone(),
        Dimension::Open(None) => "?".to_owned(),
    });
    format!("[{}]", sizes.collect::<Vec<_>>().join(", "))
}
