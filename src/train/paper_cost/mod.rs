//! The papers' cost equations: training speedup, memory, size and inference speedup
//! (papers/adapt.md section 8).
//!
//! [`CostAccumulator`] takes a run step by step and keeps a state of the size of the network;
//! [`CostSummary`] is every quantity of the paper in its published, released and exact forms.
//! [`schedule`] gives the same quantities for a network-wide word-length schedule (MuPPET).

mod accumulator;
mod error;
pub(crate) mod exact_float;
pub mod figures;
mod muppet_baseline;
mod overhead;
pub mod schedule;
mod sum;
mod summary;

pub use accumulator::{CostAccumulator, CostOptions, LayerCost, LayerStep, SwitchState};
pub use error::CostError;
pub use figures::{FIGURES, Figure};
pub use muppet_baseline::su3_premise;
pub use overhead::{push_down_operations, push_down_operations_bound, push_up_operations};
pub use summary::{CostSummary, Quantity};
