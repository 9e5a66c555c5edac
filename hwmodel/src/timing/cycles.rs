//! Clock cycles by what they are spent on.

use super::{ByOperand, Schedule};
use crate::machine::Memory;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Clock cycles, by what they are spent on. A count, not the index of the last cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cycles {
    /// The MAC array works: fill, stream and drain of every fold.
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

    /// Cycles of a matrix product: `schedule` on `memory`, with `array_side_bits` between SRAM and
    /// array and `dram_bits` between DRAM and SRAM.
    ///
    /// Each of the three SRAMs has one port to the array of the SRAM bandwidth; the slowest bounds the
    /// on-chip time from below. Double buffering overlaps on-chip time and DRAM transfer, else they add.
    pub(crate) fn of_gemm(
        schedule: &Schedule,
        memory: &Memory,
        array_side_bits: ByOperand<u128>,
        dram_bits: u128,
    ) -> Self {
        let compute = schedule.compute_cycles();
        let ports = array_side_bits
            .map(|bits| bits.div_ceil(u128::from(memory.sram_bandwidth_bits_per_cycle)));
        let on_chip = compute.max(ports.input).max(ports.weight).max(ports.output);
        Self { compute, stall: memory.overlap(on_chip, dram_bits) - compute, ..Self::default() }
    }

    /// The share of MAC slots used: `macs` / (`processing_elements` · total cycles), in [0, 1];
    /// `None` without cycles.
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
