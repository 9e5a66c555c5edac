//! Energy by the component that spends it.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Energy in pJ, by component.
///
/// The values are f64, whose addition is not associative: add energies in a fixed order where equal
/// bits matter.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Energy {
    /// Multiplications of the MAC array.
    #[serde(rename = "mac")]
    pub mac_pj: f64,
    /// Additions into the accumulators of the MAC array.
    #[serde(rename = "accumulator")]
    pub accumulator_pj: f64,
    /// Reads and writes of the on-chip operand memories.
    #[serde(rename = "sram")]
    pub sram_pj: f64,
    /// Reads and writes of off-chip memory.
    #[serde(rename = "dram")]
    pub dram_pj: f64,
    /// Float32 operations of the vector unit.
    #[serde(rename = "vector_unit")]
    pub vector_unit_pj: f64,
    /// Static power over the time taken.
    #[serde(rename = "leakage")]
    pub leakage_pj: f64,
    /// Changes of the array's configuration.
    #[serde(rename = "reconfiguration")]
    pub reconfiguration_pj: f64,
}

impl Energy {
    /// Names of the components, in the order of [`Energy::values_pj`].
    pub const COMPONENTS: [&'static str; 7] =
        ["mac", "accumulator", "sram", "dram", "vector_unit", "leakage", "reconfiguration"];

    /// The energy of every component in pJ, in the order of [`Energy::COMPONENTS`].
    pub fn values_pj(&self) -> [f64; 7] {
        [
            self.mac_pj,
            self.accumulator_pj,
            self.sram_pj,
            self.dram_pj,
            self.vector_unit_pj,
            self.leakage_pj,
            self.reconfiguration_pj,
        ]
    }

    /// The sum of all components in pJ, added in the order of [`Energy::COMPONENTS`].
    pub fn total_pj(&self) -> f64 {
        self.values_pj().iter().sum()
    }
}

impl AddAssign for Energy {
    fn add_assign(&mut self, other: Self) {
        self.mac_pj += other.mac_pj;
        self.accumulator_pj += other.accumulator_pj;
        self.sram_pj += other.sram_pj;
        self.dram_pj += other.dram_pj;
        self.vector_unit_pj += other.vector_unit_pj;
        self.leakage_pj += other.leakage_pj;
        self.reconfiguration_pj += other.reconfiguration_pj;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_is_added_and_in_the_total() {
        let one = Energy {
            mac_pj: 1.0,
            accumulator_pj: 2.0,
            sram_pj: 4.0,
            dram_pj: 8.0,
            vector_unit_pj: 16.0,
            leakage_pj: 32.0,
            reconfiguration_pj: 64.0,
        };
        assert_eq!(one.total_pj(), 127.0);
        let mut two = one;
        two += one;
        assert_eq!(two.values_pj(), [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]);
    }
}
