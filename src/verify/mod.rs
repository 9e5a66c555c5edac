//! What shows that the integers are right, and what other tools make of the same network.
//!
//! [`golden`] checks vectors of independent programs; [`gap`] compares integers with their emulation in float32;
//! [`export`] writes and verifies vectors of one layer for RTL test benches; [`integer`] runs a network without a
//! float unit; [`accumulator_study`] says how wide accumulators must be.

pub mod accumulator_study;
pub mod export;
pub mod gap;
pub mod golden;
pub mod integer;
