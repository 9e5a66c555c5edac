//! Clock cycles by what they are spent on.

use super::Memory;
use super::Traffic;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Clock cycles, by what they are spent on. A count, not the index of the last cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cycles {
    /// The MAC array works: load, fill, stream and drain of its folds.
    pub compute: u128,
    /// The MAC array or the vector unit waits for SRAM or DRAM.
    pub stall: u128,
    /// The vector unit works.
    pub vector: u128,
    /// The array's configuration changes.
    pub reconfigure: u128,
}

impl Cycles {
    /// The sum of all cycles.
    pub fn total(&self) -> u128 {
        self.compute + self.stall + self.vector + self.reconfigure
    }

    /// Cycles of a matrix product of `compute` cycles that moves `traffic` through `memory`.
    ///
    /// Each of the three SRAMs has one port to the array of its bandwidth; the slowest bounds the on-chip time from below. Double buffering overlaps on-chip time and DRAM transfer, else they add.
    pub(crate) fn of_gemm(compute: u128, memory: &Memory, traffic: &Traffic) -> Self {
        let ports = traffic
            .array_side_bits()
            .zip(memory.sram_bandwidth_bits_per_cycle, |bits, port| bits.div_ceil(port.into()));
        let on_chip = compute.max(ports.input).max(ports.weight).max(ports.output);
        let total = memory.overlap(on_chip, traffic.dram_total_bits());
        Self { compute, stall: total - compute, ..Self::default() }
    }

    /// MACs per processing element and cycle, `macs` / (`processing_elements` · total cycles); `None` without
    /// cycles. In [0, 1], the share of MAC slots used, where a processing element does at most one MAC a
    /// cycle; see [`Machine::utilisation`](crate::machine::Machine::utilisation) for the others.
    pub fn utilisation(&self, macs: u64, processing_elements: u64) -> Option<f64> {
        let slots = processing_elements as f64 * self.total() as f64;
        (slots > 0.0).then(|| macs as f64 / slots)
    }
}

impl AddAssign for Cycles {
    fn add_assign(&mut self, other: Self) {
        self.compute += other.compute;
        self.stall += other.stall;
        self.vector += other.vector;
        self.reconfigure += other.reconfigure;
    }
}
