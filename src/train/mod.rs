//! Training: the [optimiser], the [schedule] of its learning rate, and the loop around them.
//!
//! [`Trainer`] takes one optimiser step after the other; [`run`](run::run) adds trace, checkpoints and
//! a clean stop; [`state`] turns a trainer into a checkpoint and back; [`summary`] is the
//! final summary.

pub mod accounting;
pub mod checkpoint_folder;
mod epoch;
mod error;
pub mod evaluation;
mod gradients;
mod ledger;
pub mod loss;
mod micro_batch;
mod model;
pub mod optimiser;
pub mod options;
pub mod outcome;
pub mod paper_cost;
mod phases;
pub mod run;
pub mod schedule;
mod start;
pub mod state;
mod step;
pub mod summary;
mod terms;
pub mod trainer;
mod update;
pub mod weight_update;

pub use error::TrainError;
pub use options::{RoundingOptions, RunOptions, StartingModel};
pub use outcome::{Evaluation, LayerOutcome, Position, StepOutcome};
pub use phases::{PhaseSeconds, WallTime};
pub use schedule::Schedule;
pub use trainer::Trainer;
