//! What networks and training runs cost on machines, and which of many designs are worth building.
//!
//! [`workload`] has the shapes of a network that is costed without being run. A [`Recording`] keeps all that the cost of a run depends on; [`replay`] re-costs it on a machine, to the last bit
//! as the run itself would have. [`pareto`] finds the points that no other point beats. [`peppp`] chooses a number format for
//! a memory budget. docs/explore.md describes the commands made of them.

pub mod calibration;
mod error;
pub mod pareto;
pub mod peppp;
mod recording;
mod replay;
mod report;
pub mod sweep;
#[cfg(test)]
mod tests;
mod work;
pub mod workload;

pub use error::ExploreError;
pub use recording::Recording;
pub use replay::{LayerReplay, Replay, replay};
pub use report::{
    COUNT_COLUMNS, MACHINE_COLUMNS, TRAINING_COLUMNS, UPDATE_COLUMNS, count_cells, counters_of,
    machine_cells, tops, tops_per_watt, update_cells, updates_of,
};
