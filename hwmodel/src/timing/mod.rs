//! Cycles and memory traffic of matrix products on a MAC array.
//!
//! A dataflow turns the shape of a product into a [`Schedule`]: folds, cycles per fold, elements
//! that cross the array's edge, and how often an operand that does not fit on chip is fetched. What
//! follows, traffic in bits ([`Traffic`]) and stalls ([`Cycles`]), is the same for every dataflow. A
//! further dataflow is one more file like `output_stationary.rs` and one arm in [`schedule`].
//!
//! The formulas are stated in `docs/machine.md`.

mod cycles;
mod operand;
pub mod output_stationary;
mod schedule;
mod traffic;
mod work;

pub use cycles::Cycles;
pub use operand::ByOperand;
pub use schedule::{FoldCycles, Schedule, schedule};
pub use traffic::{Traffic, gemm_traffic};
pub use work::{GemmKind, GemmShape, GemmWork, GemmWorkError, NumberSystem};
