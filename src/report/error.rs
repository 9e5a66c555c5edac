//! Errors of reading what a report is made of.

use crate::design::pareto::ParetoError;
use crate::files::trace::TraceError;
use crate::train::paper_cost::CostError;

/// Error of the inputs of a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A trace without a complete step.
    #[error("trace `{file}` has no complete step: let the run take at least one")]
    Empty {
        /// The trace.
        file: String,
    },
    /// A layer that the first step does not have.
    #[error("trace `{file}`, step {step}: layer `{layer}` was not there in the first step")]
    Layer {
        /// The trace.
        file: String,
        /// The step.
        step: u64,
        /// The layer.
        layer: String,
    },
    /// Impossible values in a trace.
    #[error("trace `{file}`, step {step}: {source}")]
    Cost {
        /// The trace.
        file: String,
        /// The step.
        step: u64,
        /// The problem.
        source: CostError,
    },
    /// A product of an impossible size.
    #[error("trace `{file}`, step {step}: the product of layer `{layer}` is too large")]
    Size {
        /// The trace.
        file: String,
        /// The step.
        step: u64,
        /// The layer.
        layer: String,
    },
    /// A file that is no summary.
    #[error("`{file}` is no summary of `hwsim train --summary`: {reason}")]
    Summary {
        /// The file.
        file: String,
        /// The problem.
        reason: String,
    },
    /// A summary and a trace of different runs.
    #[error("summary `{summary}` does not belong to trace `{trace}`: {reason}")]
    OtherRun {
        /// The summary.
        summary: String,
        /// The trace.
        trace: String,
        /// The evidence.
        reason: String,
    },
    /// A table of designs without anything to compare.
    #[error(
        "`{file}` has no two of the columns {known}: give a table of `hwsim sweep`, `hwsim replay` or `hwsim pareto front`"
    )]
    Columns {
        /// The table.
        file: String,
        /// Columns that the report knows.
        known: String,
    },
    /// A table of designs cannot be read.
    #[error(transparent)]
    Pareto(#[from] ParetoError),
}
