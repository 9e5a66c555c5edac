//! Training: the optimiser, its schedule, and the loop around them.

pub mod asgd;
pub mod options;
pub mod plateau;

pub use options::{BackwardArithmetic, RoundingOptions, RunOptions, Schedule};
