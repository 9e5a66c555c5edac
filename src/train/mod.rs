//! Training: the optimiser, its schedule, and the loop around them.
//!
//! [`Trainer`] takes one optimiser step after the other; [`run`](run::run) adds trace, checkpoints and
//! a clean stop; [`state`] turns a trainer into a checkpoint and back; [`summary`] is what is left at
//! the end.

pub mod accounting;
pub mod asgd;
mod error;
pub mod evaluation;
pub mod options;
pub mod plateau;
pub mod run;
pub mod state;
pub mod summary;
mod terms;
pub mod trainer;

pub use error::TrainError;
pub use options::{RoundingOptions, RunOptions, Schedule};
pub use trainer::{Evaluation, Position, StepOutcome, Trainer};
