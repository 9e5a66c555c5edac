//! Reported figures of a simulated layer.

use super::geometry::Dimensions;
use crate::product::ByOperand;

/// Transfers of one operand at one memory. Cycles count from 0, the first of the schedule; DRAM reads before it
/// have negative cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accesses {
    /// Cycle of the first one.
    pub start: i64,
    /// Cycle of the last one.
    pub stop: i64,
    /// Elements read or written.
    pub count: u64,
}

impl Accesses {
    /// count / (stop - start + 1), in words per cycle.
    pub fn bandwidth(&self) -> f64 {
        self.count as f64 / (self.stop - self.start + 1) as f64
    }
}

/// One line of each report.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerResult {
    /// Name of the layer.
    pub name: String,
    /// The product that it is.
    pub dimensions: Dimensions,
    /// From the first DRAM read to the last DRAM write, in cycles.
    pub total_cycles_with_prefetch: i64,
    /// Index of the last cycle of the schedule, stalls included.
    pub total_cycles: i64,
    /// Cycles by which stalls lengthen the schedule.
    pub stall_cycles: i64,
    /// MACs per processing element and cycle of the whole layer, in percent.
    pub overall_utilisation: f64,
    /// Share of the array that is mapped, mean over folds, in percent.
    pub mapping_efficiency: f64,
    /// MACs per processing element and cycle, mean over folds, in percent.
    pub compute_utilisation: f64,
    /// Accesses between the array and the buffers.
    pub sram: ByOperand<Accesses>,
    /// Accesses between the buffers and DRAM.
    pub dram: ByOperand<Accesses>,
}

impl LayerResult {
    /// Mean SRAM bandwidths in words per cycle: accesses / Total Cycles.
    pub fn sram_bandwidth(&self) -> ByOperand<f64> {
        self.sram.map(|accesses| accesses.count as f64 / self.total_cycles as f64)
    }

    /// Mean DRAM bandwidths in words per cycle, each while it is in use.
    pub fn dram_bandwidth(&self) -> ByOperand<f64> {
        self.dram.map(|accesses| accesses.bandwidth())
    }
}
