//! Errors of a workload.

use super::formats::FormatsError;
use hwmodel::timing::GemmWorkError;

/// Sizes that no layer can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerProblem {
    /// A size that must be at least 1.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// The kernel is larger than the padded input.
    #[error(
        "the kernel {kernel:?} (dilated: {dilated:?}) is larger than the padded input {padded:?}"
    )]
    Kernel {
        /// Height and width of the kernel.
        kernel: [u64; 2],
        /// Height and width of what the dilated kernel covers.
        dilated: [u64; 2],
        /// Height and width of the input with its padding.
        padded: [u64; 2],
    },
    /// The groups do not divide the channels.
    #[error("{groups} groups do not divide {channels} input channels and {filters} filters")]
    Groups {
        /// Groups.
        groups: u64,
        /// Channels of the input.
        channels: u64,
        /// Filters.
        filters: u64,
    },
    /// A count beyond 64 bits.
    #[error("its sizes are beyond 64 bits")]
    TooLarge,
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
        /// What is wrong.
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
