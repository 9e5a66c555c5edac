//! Errors of replaying a trace.

use crate::files::trace::TraceError;
use hwmodel::product::GemmWorkError;

/// A run that cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The trace has no products.
    #[error("`{0}` has no row of a matrix product: record a run with `hwsim train --trace`")]
    Empty(String),
    /// A row contradicts itself.
    #[error(
        "step {step}, layer `{layer}`, {kind:?}: {reason}: the trace was changed or is damaged"
    )]
    Row {
        /// Optimiser step.
        step: u64,
        /// Name of the layer.
        layer: String,
        /// Which product.
        kind: hwmodel::product::GemmKind,
        /// The problem.
        reason: String,
    },
    /// A product is beyond the timing model.
    #[error("layer `{layer}`: {source}")]
    Work {
        /// Name of the layer.
        layer: String,
        /// Why.
        source: GemmWorkError,
    },
}
