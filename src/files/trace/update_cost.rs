//! What the optimiser's update of a layer's parameters costs.

use hwmodel::machine::Machine;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// The optimiser's update of a layer's parameters on the vector unit, which is in none of the other counts: those are of
/// the layer's products. Sums saturate.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateCost {
    /// Float32 operations.
    pub operations: u64,
    /// Bits read from and written to DRAM.
    pub dram_bits: u64,
    /// Clock cycles, waiting for DRAM included.
    pub cycles: u128,
    /// Energy in pJ of operations, DRAM and leakage.
    pub energy_pj: f64,
}

impl UpdateCost {
    /// `operations` and `dram_bits` of one update on `machine`.
    pub fn on(machine: &Machine, operations: u64, dram_bits: u64) -> Self {
        let cost = machine.vector_cost(operations, dram_bits);
        let (cycles, energy_pj) = (cost.cycles.total(), cost.energy.total());
        Self { operations, dram_bits, cycles, energy_pj }
    }
}

impl AddAssign for UpdateCost {
    fn add_assign(&mut self, other: Self) {
        self.operations = self.operations.saturating_add(other.operations);
        self.dram_bits = self.dram_bits.saturating_add(other.dram_bits);
        self.cycles = self.cycles.saturating_add(other.cycles);
        self.energy_pj += other.energy_pj;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::machine::WeightUpdate;

    #[test]
    fn an_update_costs_what_the_machine_charges() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let update = WeightUpdate::sgd(1000, 8, 16, true);
        let mut cost = UpdateCost::on(&machine, 8000, 152_000);
        let charged = machine.weight_update_cost(&update);
        assert_eq!((cost.cycles, cost.energy_pj), (charged.cycles.total(), charged.energy.total()));
        cost += UpdateCost { operations: u64::MAX, ..cost };
        assert_eq!((cost.operations, cost.dram_bits, cost.cycles), (u64::MAX, 304_000, 4750));
    }
}
