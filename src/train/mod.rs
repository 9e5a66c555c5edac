//! Training: the optimiser, its schedule, and the loop around them.
//!
//! [`Trainer`] takes one optimiser step after the other; [`run`](run::run) adds trace, checkpoints and
//! a clean stop; [`state`] turns a trainer into a checkpoint and back; [`summary`] is what is left at
//! the end.

pub mod accounting;
pub mod asgd;
mod epoch;
mod error;
pub mod evaluation;
mod gradients;
mod micro_batch;
pub mod options;
pub mod outcome;
pub mod plateau;
mod recording;
mod requantise;
pub mod run;
pub mod state;
mod step;
pub mod summary;
mod terms;
pub mod trainer;

pub use error::TrainError;
pub use options::{RoundingOptions, RunOptions, Schedule};
pub use outcome::{Evaluation, Position, StepOutcome};
pub use trainer::Trainer;
