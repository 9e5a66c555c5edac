//! The parts of a machine.

use super::MacStyle;
use crate::timing::{ByOperand, GemmWork, NumberSystem};
use serde::Serialize;

/// The MAC array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Array {
    /// Rows, 1 to 65536.
    pub rows: u32,
    /// Columns, 1 to 65536.
    pub columns: u32,
}

impl Array {
    /// rows · columns.
    pub fn processing_elements(self) -> u64 {
        u64::from(self.rows) * u64::from(self.columns)
    }
}

/// How a processing element of the array works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MacUnit {
    /// The build of the multiplier.
    pub style: MacStyle,
    /// Whether a MAC with a zero operand spends no energy in multiplier and accumulator. It takes its
    /// cycle all the same.
    pub zero_gating: bool,
    /// Float32 MACs per processing element and cycle, above 0 and at most 1.
    pub float32_macs_per_cycle: f64,
}

impl MacUnit {
    /// Cycles that one processing element takes for `macs` MACs of `work`.
    pub fn cycles(&self, macs: u64, work: &GemmWork) -> u64 {
        match work.number_system() {
            NumberSystem::Fixed => self.style.cycles(macs),
            NumberSystem::Float32 => {
                // Above 2^53 MACs f64 rounds; a rate of at most 1 never needs fewer cycles than MACs.
                macs.max((macs as f64 / self.float32_macs_per_cycle).ceil() as u64)
            }
        }
    }
}

/// On-chip operand memories and off-chip memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Capacity of each operand's SRAM in bits.
    pub sram_bits: ByOperand<u64>,
    /// Bits per cycle between each SRAM and the array.
    pub sram_bandwidth_bits_per_cycle: u64,
    /// Bits per cycle to and from DRAM together.
    pub dram_bandwidth_bits_per_cycle: u64,
    /// Whether half of each SRAM is filled while the array works on the other half.
    pub double_buffered: bool,
}

impl Memory {
    /// The bits of each SRAM that the working set of a product may take: all, or half if double
    /// buffered.
    pub fn usable_bits(&self) -> ByOperand<u64> {
        self.sram_bits.map(|bits| if self.double_buffered { bits / 2 } else { bits })
    }

    /// Cycles of `on_chip` cycles of work and the transfer of `dram_bits`: the longer of the two if
    /// double buffered, else their sum.
    pub(crate) fn overlap(&self, on_chip: u128, dram_bits: u128) -> u128 {
        let transfer = dram_bits.div_ceil(u128::from(self.dram_bandwidth_bits_per_cycle));
        if self.double_buffered { on_chip.max(transfer) } else { on_chip + transfer }
    }
}

/// What it takes to change the array's configuration, e.g. to other word lengths.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reconfiguration {
    /// Cycles in which the array does nothing else.
    pub latency_cycles: u64,
    /// Energy in pJ.
    pub energy_pj: f64,
}

/// The float32 vector unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VectorUnit {
    /// Float32 operations per cycle.
    pub float32_lanes: u64,
}
