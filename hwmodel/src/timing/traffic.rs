//! Bits that move between DRAM, SRAM and the array.

use super::Schedule;
use super::schedule::product;
use super::{Memory, Reuse};
use crate::product::{ByOperand, GemmShape, GemmWork};
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Bits moved, by operand and memory. Words are packed: an element counts its word length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Read from the operand's SRAM: input and weight by the array, output by DRAM and, as partial sums, by
    /// the array.
    #[serde(rename = "sram_read")]
    pub sram_read_bits: ByOperand<u128>,
    /// Written to the operand's SRAM: input and weight by DRAM, output and partial sums by the array.
    #[serde(rename = "sram_write")]
    pub sram_write_bits: ByOperand<u128>,
    /// Read from DRAM for a matrix product.
    #[serde(rename = "dram_read")]
    pub dram_read_bits: ByOperand<u128>,
    /// Written to DRAM by a matrix product.
    #[serde(rename = "dram_write")]
    pub dram_write_bits: ByOperand<u128>,
    /// Read from and written to DRAM by the vector unit.
    #[serde(rename = "vector_dram")]
    pub vector_dram_bits: u128,
}

impl Traffic {
    /// Reads and writes of the SRAMs, by operand.
    pub fn sram_bits(&self) -> ByOperand<u128> {
        self.sram_read_bits.zip(self.sram_write_bits, |read, write| read + write)
    }

    /// Bits between SRAM and array, by operand: what each SRAM's port carries.
    pub fn array_side_bits(&self) -> ByOperand<u128> {
        let partial_sums_read =
            self.sram_read_bits.output.saturating_sub(self.dram_write_bits.output);
        ByOperand { output: self.sram_write_bits.output + partial_sums_read, ..self.sram_read_bits }
    }

    /// Reads and writes of DRAM by matrix products, by operand.
    pub fn dram_bits(&self) -> ByOperand<u128> {
        self.dram_read_bits.zip(self.dram_write_bits, |read, write| read + write)
    }

    /// All DRAM traffic: matrix products and vector unit.
    pub fn dram_total_bits(&self) -> u128 {
        self.dram_bits().total() + self.vector_dram_bits
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.sram_read_bits += other.sram_read_bits;
        self.sram_write_bits += other.sram_write_bits;
        self.dram_read_bits += other.dram_read_bits;
        self.dram_write_bits += other.dram_write_bits;
        self.vector_dram_bits += other.vector_dram_bits;
    }
}

/// The traffic of `work` scheduled as `schedule` with `memory`.
///
/// An operand crosses from DRAM once if all elements of a group fit into its SRAM (half of it if double
/// buffered), else once per pass of the schedule; with [`Reuse::Strip`] also once if the strip along the
/// columns fits. Outputs cross once. What comes from DRAM is written to SRAM, what goes to DRAM is
/// read from it. Partial sums are written to the output's SRAM and read back at accumulator width.
pub fn gemm_traffic(schedule: &Schedule, memory: &Memory, work: &GemmWork) -> Traffic {
    if work.macs() == 0 {
        return Traffic::default();
    }
    let word = work.bits();
    let array_side = schedule.array_side_elements.zip(word, |n, bits| n * u128::from(bits));
    let packed =
        |elements: ByOperand<u64>| elements.zip(word, |n, bits| u128::from(n) * u128::from(bits));
    let (unique, strip) = (packed(work.elements()), packed(schedule.strip));
    let capacity = memory.usable_bits();
    let groups = u128::from(work.groups());
    let once = |matrix: u128, unique: u128, strip: u128, capacity: u64, passes: u64| {
        let every_pass = unique * u128::from(passes);
        let strip_stays = memory.reuse == Reuse::Strip && strip > 0;
        groups
            * if unique <= u128::from(capacity) {
                unique
            } else if strip_stays && strip.min(unique) <= u128::from(capacity) {
                // Windows of a convolution that lie in several strips come once for each.
                matrix.clamp(unique, every_pass)
            } else {
                every_pass
            }
    };
    let GemmShape { m, n, k } = work.shape();
    let matrix = ByOperand {
        input: product(m, k, u64::from(word.input)),
        weight: product(k, n, u64::from(word.weight)),
        output: 0,
    };
    let fetch = |of: fn(ByOperand<u128>) -> u128, capacity: u64, passes: u64| {
        once(of(matrix), of(unique), of(strip), capacity, passes)
    };
    let dram_read = ByOperand {
        input: fetch(|bits| bits.input, capacity.input, schedule.passes.input),
        weight: fetch(|bits| bits.weight, capacity.weight, schedule.passes.weight),
        output: 0,
    };
    let dram_write = ByOperand { output: groups * unique.output, ..ByOperand::default() };
    let partial_sums = schedule.partial_sums * u128::from(work.accumulator_bits());
    Traffic {
        sram_read_bits: ByOperand { output: dram_write.output + partial_sums, ..array_side },
        sram_write_bits: ByOperand { output: array_side.output + partial_sums, ..dram_read },
        dram_read_bits: dram_read,
        dram_write_bits: dram_write,
        vector_dram_bits: 0,
    }
}
