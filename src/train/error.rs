//! Errors that end a training run.

use super::optimiser::OptimiserError;
use super::schedule::ScheduleError;
use crate::data::DataError;
use crate::files::checkpoint::SnapshotError;
use crate::files::trace::TraceError;
use crate::network::NetworkError;
use crate::network::vector::softmax_cross_entropy::CrossEntropyError;
use crate::precision::PrecisionError;
use crate::train::paper_cost::CostError;
use hwmodel::machine::MachineError;
use hwmodel::product::GemmWorkError;
use std::path::PathBuf;

/// Error of a training run that cannot start or continue.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A network error.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A controller error.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// An optimiser error.
    #[error("parameter `{parameter}`: {source}")]
    Optimiser {
        /// Name of the parameter.
        parameter: String,
        /// The problem.
        source: OptimiserError,
    },
    /// A schedule that does not fit the run.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The loss cannot be computed.
    #[error(transparent)]
    Loss(#[from] CrossEntropyError),
    /// A cost equation.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// A product beyond the timing model.
    #[error(transparent)]
    Work(#[from] GemmWorkError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The machine.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The trace.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A checkpoint file.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A checkpoint that does not fit the run.
    #[error("the checkpoint cannot be continued: {0}")]
    Resume(String),
    /// A network of a file and data that it does not take.
    #[error(
        "network `{arch}` takes images of {expected:?} (height, width, channels) in {own} classes; data set `{data}` has {given:?} in {classes}"
    )]
    NetworkData {
        /// Name of the network.
        arch: String,
        /// `[h, w, c]` of the network.
        expected: [usize; 3],
        /// Classes of the network.
        own: usize,
        /// Name of the data.
        data: String,
        /// `[h, w, c]` of the data.
        given: [usize; 3],
        /// Classes of the data.
        classes: usize,
    },
    /// A model that the run cannot start from.
    #[error("the model of --init-from cannot be used: {0}")]
    StartingModel(String),
    /// A checkpoint of another run is where this one's would go.
    #[error(
        "`{}` holds a checkpoint of another run ({other}): give another folder, or --overwrite to replace it",
        .folder.display()
    )]
    AnotherRun {
        /// The folder.
        folder: PathBuf,
        /// What tells it apart.
        other: String,
    },
    /// Static formats change after the last epoch.
    #[error(
        "formats change at epoch {epoch}, but the epochs of the run are 0 to {last}: use more --epochs or a shorter --format-schedule",
        last = epochs.saturating_sub(1)
    )]
    FormatSchedule {
        /// The epoch.
        epoch: u32,
        /// Epochs of the run.
        epochs: u32,
    },
    /// An architecture for another kind of data.
    #[error(
        "architecture `{arch}` predicts {predictions} class a sample, but data set `{dataset}` has {targets} targets a sample: train language models (lstm, transformer) on text (`--dataset text`) and the others on images"
    )]
    Predictions {
        /// The architecture.
        arch: String,
        /// Its predictions for a sample.
        predictions: usize,
        /// The data set.
        dataset: String,
        /// Targets of a sample.
        targets: usize,
    },
    /// The training set is too small for a batch.
    #[error(
        "the training set has {images} samples, fewer than the {needed} of one update: use a smaller --batch-size or --accumulation"
    )]
    TooFewImages {
        /// Samples there are.
        images: usize,
        /// Samples of an update.
        needed: usize,
    },
}
