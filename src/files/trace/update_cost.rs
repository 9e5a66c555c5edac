//! Cost of the optimiser's update of a layer's parameters.

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

    #[test]
    fn sums_saturate() {
        let mut cost =
            UpdateCost { operations: 8000, dram_bits: 152_000, cycles: 2375, energy_pj: 0.5 };
        cost += UpdateCost { operations: u64::MAX, ..cost };
        assert_eq!((cost.operations, cost.dram_bits, cost.cycles), (u64::MAX, 304_000, 4750));
    }
}
