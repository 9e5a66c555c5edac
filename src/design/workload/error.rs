//! Errors of a workload.

use super::formats::FormatsError;
use hwmodel::product::{GemmWorkError, SizeError};

/// Error of invalid layer sizes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerProblem {
    /// Sizes that do not fit, or are beyond 64 bits.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// A product beyond the timing model.
    #[error(transparent)]
    Product(#[from] GemmWorkError),
}

/// A workload that cannot be built or costed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// A layer with impossible sizes.
    #[error("layer `{layer}` is impossible: {problem}")]
    Layer {
        /// Name of the layer.
        layer: String,
        /// The problem.
        problem: LayerProblem,
    },
    /// No layer runs on the array.
    #[error("workload `{0}` has no convolution or matrix product")]
    NoProduct(String),
    /// The sum over layers is beyond 64 bits.
    #[error(
        "workload `{0}` has more than 2^64 - 1 MACs, operations or parameters: use a smaller batch"
    )]
    TooLarge(String),
    /// The batch is 0.
    #[error("the batch must be at least 1")]
    Batch,
    /// There is no architecture of this name.
    #[error("unknown architecture `{name}`: use one of {known}")]
    UnknownArchitecture {
        /// The name given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The formats do not fit the workload.
    #[error(transparent)]
    Formats(#[from] FormatsError),
}
