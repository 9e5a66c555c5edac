//! The parts of a machine that timing and traffic depend on: the array, its MACs and its memories.

use super::Circuit;
use crate::cast::{exact, toward_zero};
use crate::mac_style::{MacStyle, Throughput};
use crate::product::{ByOperand, GemmWork, NumberSystem};
use serde::Serialize;

/// The MAC array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Array {
    /// Rows, 1 to 65536.
    pub rows: u32,
    /// Columns, 1 to 65536.
    pub columns: u32,
    /// Whether the operands of the next fold come in while the present one computes.
    pub overlap_load: bool,
    /// Whether the results of a fold leave while the next one loads and computes.
    pub overlap_drain: bool,
    /// Its registers, drains and places of partial sums.
    #[serde(skip_serializing_if = "Circuit::is_default")]
    pub circuit: Circuit,
}

impl Array {
    /// An array of the usual build whose folds do not overlap.
    pub fn new(rows: u32, columns: u32) -> Self {
        let circuit = Circuit::default();
        Self { rows, columns, overlap_load: false, overlap_drain: false, circuit }
    }

    /// Rows and columns.
    pub fn side(self) -> [u64; 2] {
        [self.rows.into(), self.columns.into()]
    }

    /// rows · columns.
    pub fn processing_elements(self) -> u64 {
        u64::from(self.rows) * u64::from(self.columns)
    }
}

/// Configuration of a processing element: MAC style, zero gating and skipping, float32 rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MacUnit {
    /// The build of the multiplier.
    pub style: MacStyle,
    /// Whether a MAC with a zero operand spends no energy in multiplier and accumulator. It takes its
    /// cycle all the same.
    pub zero_gating: bool,
    /// The most that skipping of MACs with a zero operand shortens a stream, as a factor, 1 to 1024; 1: none
    /// are skipped. A skipped MAC spends no energy.
    pub zero_skip_limit: u32,
    /// Float32 MACs per processing element and cycle, above 0 and at most 1.
    pub float32_macs_per_cycle: f64,
}

impl MacUnit {
    /// Whether a MAC with a zero operand spends no energy.
    pub fn zeros_are_free(&self) -> bool {
        self.zero_gating || self.zero_skip_limit > 1
    }

    /// Cycles of a stream of `macs` MACs of `work`, `throughput.terms` of which are products of one sum if
    /// `terms_in_stream`, else spread over processing elements.
    ///
    /// With zero skipping the share of non-zero MACs of the whole product counts, as if zeros were spread
    /// evenly, but at least 1/limit.
    pub(crate) fn stream_cycles(
        &self,
        macs: u64,
        work: &GemmWork,
        throughput: Throughput,
        terms_in_stream: bool,
    ) -> u64 {
        let dense = match work.number_system() {
            NumberSystem::Fixed => {
                let terms = if terms_in_stream { u64::from(throughput.terms) } else { 1 };
                macs.div_ceil(terms) * u64::from(throughput.cycles)
            }
            NumberSystem::Float32 => {
                // Above 2^53 MACs f64 rounds; a rate of at most 1 never needs fewer cycles than MACs.
                macs.max(toward_zero::<u64>((macs as f64 / self.float32_macs_per_cycle).ceil()))
            }
        };
        if self.zero_skip_limit <= 1 || work.macs() == 0 {
            return dense;
        }
        let share = u128::from(dense) * u128::from(work.nonzero_macs());
        let nonzero = exact::<u64>(share.div_ceil(u128::from(work.macs())));
        nonzero.max(dense.div_ceil(u64::from(self.zero_skip_limit)))
    }
}

/// Reuse policy for an operand that does not fit its SRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// Nothing: it is fetched from DRAM for every fold of the other operand.
    #[default]
    Whole,
    /// The strip that the columns of the array work on, if the strip fits: folds go down the rows first.
    Strip,
}

impl Reuse {
    /// The name in machine descriptions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Strip => "strip",
        }
    }
}

/// On-chip operand memories and off-chip memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Capacity of each operand's SRAM in bits. That of the output also holds partial sums.
    pub sram_bits: ByOperand<u64>,
    /// Bits per cycle between each SRAM and the array, reads and writes together.
    pub sram_bandwidth_bits_per_cycle: ByOperand<u64>,
    /// Bits per cycle to and from DRAM together.
    pub dram_bandwidth_bits_per_cycle: u64,
    /// Whether half of each SRAM is filled while the array works on the other half.
    pub double_buffered: bool,
    /// What stays on chip of an operand that does not fit.
    pub reuse: Reuse,
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
