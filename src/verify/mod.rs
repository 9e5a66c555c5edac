//! Verification of the integer arithmetic, and comparisons of networks with other ways of computing them.
//!
//! [`golden`] recomputes vectors of independent programs; [`gap`] compares integers with their emulation in float32;
//! [`export`] writes and verifies vectors of one layer for RTL test benches; [`integer`] runs a network without a
//! float unit; [`accumulator_study`] finds the accumulator width that each layer needs; [`against`] compares the tensors of a
//! network from a file with those that another program stored.

pub mod accumulator_study;
pub mod against;
pub mod conventions;
pub mod export;
pub mod gap;
pub mod golden;
pub mod integer;
