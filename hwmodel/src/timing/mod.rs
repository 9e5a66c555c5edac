//! Cycles and memory traffic of matrix products on a MAC array.
//!
//! A dataflow turns the shape of a product into a [`Schedule`]: folds, cycles per fold, elements
//! that cross the array's edge, and how often an operand that does not fit on chip is fetched. What
//! follows, overlap of folds, traffic in bits ([`Traffic`]) and stalls ([`Cycles`]), is the same for every
//! dataflow; how the array is built ([`Circuit`]) changes the cycles of a fold. A further dataflow is one more file like `output_stationary.rs` and one line of the list in `dataflow.rs`.
//! All formulas are closed, without a loop over folds.
//!
//! The formulas are stated in `docs/machine.md`.

mod circuit;
mod cycles;
mod dataflow;
pub mod input_stationary;
pub mod output_stationary;
mod parts;
mod schedule;
mod stationary;
mod traffic;
pub mod weight_stationary;

pub use circuit::{Circuit, Drain, DrainStart, PartialSums, Staging};
pub use cycles::Cycles;
pub use dataflow::{Dataflow, DataflowDescription, Stationary};
pub use parts::{Array, MacUnit, Memory, Reuse};
pub use schedule::{FoldCycles, Resources, Schedule, Streams, schedule, throughput, words};
pub use traffic::{Traffic, gemm_traffic};

#[cfg(test)]
mod tests {
    use super::MacUnit;
    use crate::mac_style::MacStyle;
    use crate::product::{ByOperand, GemmKind, GemmShape, GemmWork};

    /// One MAC a cycle at any width, no zero skipping.
    pub(super) fn exact() -> MacUnit {
        MacUnit {
            style: MacStyle::default(),
            zero_gating: true,
            zero_skip_limit: 1,
            float32_macs_per_cycle: 1.0,
        }
    }

    /// M, N, K with words of 8 bits and sums of 24.
    pub(super) fn fixed((m, n, k): (u64, u64, u64)) -> GemmWork {
        let bits = ByOperand { input: 8, weight: 8, output: 8 };
        GemmWork::fixed(GemmKind::Forward, GemmShape { m, n, k }, bits, 24).unwrap()
    }
}
