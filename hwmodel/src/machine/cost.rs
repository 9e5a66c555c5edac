//! Cost of a matrix product or of vector operations on a machine: cycles, memory traffic, energy.

use super::Machine;
use crate::energy::Energy;
use crate::mac_style::MacEnergy;
use crate::product::{ByOperand, Gemm, GemmWork, GemmWorkError, NumberSystem};
use crate::timing::{self, Cycles, Resources, Schedule, Traffic};
use crate::{Accumulator, Format};
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// mW · cycles / MHz = nJ.
const PICOJOULES_PER_MW_CYCLE_PER_MHZ: f64 = 1e3;

/// Cost on a machine.
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
    /// The cost parameters of a product on this machine, every MAC non-zero, summed in `accumulator` or else the
    /// machine's own accumulator.
    ///
    /// # Errors
    /// If the product is too large for the timing model.
    pub fn work(
        &self,
        gemm: &Gemm,
        accumulator: Option<Accumulator>,
    ) -> Result<GemmWork, GemmWorkError> {
        let accumulator = accumulator.unwrap_or(self.accumulator);
        let bits = |words: ByOperand<Format>| {
            accumulator.bits_for(words.input, words.weight, gemm.shape.k)
        };
        match gemm.formats.map(bits) {
            Some(bits) => gemm.work(bits.outer)?.with_inner(bits.inner),
            None => gemm.work(0),
        }
    }

    /// The timetable of a matrix product before memory limits.
    pub fn schedule(&self, work: &GemmWork) -> Schedule {
        let resources = Resources {
            array: self.array,
            mac: &self.mac,
            partial_sum_bits: self.memory.usable_bits().output,
        };
        timing::schedule(&resources, self.dataflow, work)
    }

    /// The cost of a matrix product that has the machine to itself. A product with a dimension of
    /// zero costs nothing.
    pub fn cost(&self, work: &GemmWork) -> Cost {
        let schedule = self.schedule(work);
        let traffic = timing::gemm_traffic(&schedule, &self.memory, work);
        let cycles = Cycles::of_gemm(schedule.compute_cycles(self.array), &self.memory, &traffic);
        let macs = if self.mac.zeros_are_free() { work.nonzero_macs() } else { work.macs() } as f64;
        let MacEnergy { multiply_pj, accumulate_pj } = self.mac_energy(work);
        let sram =
            traffic.sram_bits().zip(self.sram_pj_per_bit, |bits, pj| bits as f64 * pj).total();
        let energy = Energy {
            mac_pj: macs * multiply_pj,
            accumulator_pj: macs * accumulate_pj,
            sram_pj: sram,
            dram_pj: traffic.dram_total_bits() as f64 * self.energy.dram_pj_per_bit(),
            leakage_pj: self.leakage_pj(cycles),
            ..Energy::default()
        };
        Cost { cycles, traffic, energy }
    }

    /// Energy of one MAC of a product.
    fn mac_energy(&self, work: &GemmWork) -> MacEnergy {
        match work.number_system() {
            NumberSystem::Fixed => {
                self.energy_of(timing::words(self.dataflow, work), work.accumulator())
            }
            NumberSystem::Float32 => MacEnergy {
                multiply_pj: self.energy.float32_multiply_pj(),
                accumulate_pj: self.energy.float32_add_pj(),
            },
        }
    }

    /// The share of the array's MAC slots that a product of `cost` used, in [0, 1]: MACs over cycles and the
    /// MACs per cycle that the array can do at these word lengths. `None` without cycles. A machine that skips
    /// zeros can exceed 1, since MACs it did not do count.
    pub fn utilisation(&self, work: &GemmWork, cost: &Cost) -> Option<f64> {
        let peak = match work.number_system() {
            NumberSystem::Fixed => {
                timing::throughput(self.dataflow, &self.mac, work).macs_per_cycle()
            }
            NumberSystem::Float32 => self.mac.float32_macs_per_cycle,
        };
        let elements = self.array.processing_elements();
        cost.cycles.utilisation(work.macs(), elements).map(|macs| macs / peak)
    }

    /// The cost of one change of the array's configuration.
    pub fn reconfiguration_cost(&self) -> Cost {
        let reconfigure = u128::from(self.reconfiguration.latency_cycles);
        let cycles = Cycles { reconfigure, ..Cycles::default() };
        let energy = Energy {
            reconfiguration_pj: self.reconfiguration.energy_pj,
            leakage_pj: self.leakage_pj(cycles),
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
            vector_unit_pj: float32_operations as f64 * self.energy.float32_operation_pj(),
            dram_pj: dram_bits as f64 * self.energy.dram_pj_per_bit(),
            leakage_pj: self.leakage_pj(cycles),
            ..Energy::default()
        };
        let traffic = Traffic { vector_dram_bits: u128::from(dram_bits), ..Traffic::default() };
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
