//! Cycles, traffic and energy of work on a machine.

use super::Machine;
use crate::energy::Energy;
use crate::timing::{self, ByOperand, Cycles, GemmWork, NumberSystem, Traffic};
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// mW · cycles / MHz = nJ.
const PICOJOULES_PER_MW_CYCLE_PER_MHZ: f64 = 1e3;

/// What work costs on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Clock cycles.
    pub cycles: Cycles,
    /// Bits moved.
    pub traffic: Traffic,
    /// Energy in pJ.
    pub energy: Energy,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.traffic += other.traffic;
        self.energy += other.energy;
    }
}

impl Machine {
    /// The cost of a matrix product that has the machine to itself. A product with a dimension of
    /// zero costs nothing.
    pub fn cost(&self, work: &GemmWork) -> Cost {
        let schedule = timing::schedule(self.array, self.dataflow, &self.mac, work);
        let traffic = timing::gemm_traffic(&schedule, &self.memory, work);
        let array_side = ByOperand { output: traffic.sram_write.output, ..traffic.sram_read };
        let cycles = Cycles::of_gemm(&schedule, &self.memory, array_side, traffic.dram_total());
        let macs = if self.mac.zero_gating { work.nonzero_macs() } else { work.macs() } as f64;
        let (multiply_pj, add_pj) = match work.number_system() {
            NumberSystem::Fixed => {
                let ByOperand { input, weight, .. } = work.bits();
                let multiply = self.mac.style.multiply_pj(&self.energy, input, weight);
                (multiply, self.energy.add_pj(work.accumulator_bits()))
            }
            NumberSystem::Float32 => {
                (self.energy.float32_multiply_pj(), self.energy.float32_add_pj())
            }
        };
        let sram = traffic.sram().zip(self.sram_pj_per_bit, |bits, pj| bits as f64 * pj).total();
        let energy = Energy {
            mac: macs * multiply_pj,
            accumulator: macs * add_pj,
            sram,
            dram: traffic.dram_total() as f64 * self.energy.dram_pj_per_bit(),
            leakage: self.leakage_pj(cycles),
            ..Energy::default()
        };
        Cost { cycles, traffic, energy }
    }

    /// The cost of one change of the array's configuration.
    pub fn reconfiguration_cost(&self) -> Cost {
        let reconfigure = u128::from(self.reconfiguration.latency_cycles);
        let cycles = Cycles { reconfigure, ..Cycles::default() };
        let energy = Energy {
            reconfiguration: self.reconfiguration.energy_pj,
            leakage: self.leakage_pj(cycles),
            ..Energy::default()
        };
        Cost { cycles, energy, ..Cost::default() }
    }

    /// The cost of `float32_operations` on the vector unit that move `dram_bits` to and from DRAM
    /// (0 for what works on values on their way to or from the array).
    pub fn vector_cost(&self, float32_operations: u64, dram_bits: u64) -> Cost {
        let vector = u128::from(float32_operations.div_ceil(self.vector_unit.float32_lanes));
        let total = self.memory.overlap(vector, u128::from(dram_bits));
        let cycles = Cycles { vector, stall: total - vector, ..Cycles::default() };
        let energy = Energy {
            vector_unit: float32_operations as f64 * self.energy.float32_operation_pj(),
            dram: dram_bits as f64 * self.energy.dram_pj_per_bit(),
            leakage: self.leakage_pj(cycles),
            ..Energy::default()
        };
        let traffic = Traffic { vector_dram: u128::from(dram_bits), ..Traffic::default() };
        Cost { cycles, traffic, energy }
    }

    /// Static energy in pJ of the time that `cycles` take.
    fn leakage_pj(&self, cycles: Cycles) -> f64 {
        let sram_bits = self.memory.sram_bits.total();
        let power_mw = self.energy.leakage_mw(self.array.processing_elements(), sram_bits);
        power_mw * cycles.total() as f64 / self.clock_mhz * PICOJOULES_PER_MW_CYCLE_PER_MHZ
    }
}

#[cfg(test)]
mod tests;
