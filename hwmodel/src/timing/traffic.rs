//! Bits that move between DRAM, SRAM and the array.

use super::{ByOperand, GemmWork, Schedule};
use crate::machine::Memory;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Bits moved, by operand and memory. Words are packed: an element counts its word length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Read from the operand's SRAM: input and weight by the array, output by DRAM.
    pub sram_read: ByOperand<u128>,
    /// Written to the operand's SRAM: input and weight by DRAM, output by the array.
    pub sram_write: ByOperand<u128>,
    /// Read from DRAM for a matrix product.
    pub dram_read: ByOperand<u128>,
    /// Written to DRAM by a matrix product.
    pub dram_write: ByOperand<u128>,
    /// Read from and written to DRAM by the vector unit.
    pub vector_dram: u128,
}

impl Traffic {
    /// Reads and writes of the SRAMs, by operand.
    pub fn sram(&self) -> ByOperand<u128> {
        self.sram_read.zip(self.sram_write, |read, write| read + write)
    }

    /// Reads and writes of DRAM by matrix products, by operand.
    pub fn dram(&self) -> ByOperand<u128> {
        self.dram_read.zip(self.dram_write, |read, write| read + write)
    }

    /// All DRAM traffic: matrix products and vector unit.
    pub fn dram_total(&self) -> u128 {
        self.dram().total() + self.vector_dram
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.sram_read += other.sram_read;
        self.sram_write += other.sram_write;
        self.dram_read += other.dram_read;
        self.dram_write += other.dram_write;
        self.vector_dram += other.vector_dram;
    }
}

/// The traffic of `work` scheduled as `schedule` with `memory`.
///
/// An operand crosses from DRAM once if all its elements fit into its SRAM (half of it if double
/// buffered), else once per pass of the schedule; outputs cross once. What comes from DRAM is
/// written to SRAM, what goes to DRAM is read from it.
pub fn gemm_traffic(schedule: &Schedule, memory: &Memory, work: &GemmWork) -> Traffic {
    if work.macs() == 0 {
        return Traffic::default();
    }
    let word = work.bits();
    let array_side = schedule.array_side_elements.zip(word, |n, bits| n * u128::from(bits));
    let stored = work.elements().zip(word, |n, bits| u128::from(n) * u128::from(bits));
    let capacity = memory.usable_bits();
    let fetch = |bits: u128, capacity: u64, passes: u64| {
        if bits <= u128::from(capacity) { bits } else { bits * u128::from(passes) }
    };
    let dram_read = ByOperand {
        input: fetch(stored.input, capacity.input, schedule.passes.input),
        weight: fetch(stored.weight, capacity.weight, schedule.passes.weight),
        output: 0,
    };
    let dram_write = ByOperand {
        output: stored.output * u128::from(schedule.passes.output),
        ..ByOperand::default()
    };
    Traffic {
        sram_read: ByOperand { output: dram_write.output, ..array_side },
        sram_write: ByOperand { output: array_side.output, ..dram_read },
        dram_read,
        dram_write,
        vector_dram: 0,
    }
}
