//! Sweeps over many designs, each costed or trained, on one or many computers; resumable after any stop.
//!
//! A [`Grid`] lists points; the machine of a point is made by [`design`]. [`run`] evaluates those points of a [`Plan`] that the
//! results log does not have yet: every result is one checksummed line, appended as soon as it is known, under a hash of
//! all that determines it. From the log the final table is made, in the order of the plan; so a sweep that was killed
//! and started again ends with the same bytes as one that was not.

mod design;
mod driver;
mod error;
mod grid;
mod hash;
mod log;
mod plan;
mod slurm;
#[cfg(test)]
mod tests;

pub use design::{Base, Design, design, is_machine_axis};
pub use driver::{Evaluation, Outcome, Parallelism, Shard, merge, run, table};
pub use error::SweepError;
pub use grid::{Grid, Point, value_of};
pub use hash::ContentHash;
pub use plan::{Plan, PlannedPoint};
pub use slurm::script;
