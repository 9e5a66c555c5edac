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
    pub mac: f64,
    /// Additions into the accumulators of the MAC array.
    pub accumulator: f64,
    /// Reads and writes of the on-chip operand memories.
    pub sram: f64,
    /// Reads and writes of off-chip memory.
    pub dram: f64,
    /// Float32 operations of the vector unit.
    pub vector_unit: f64,
    /// Static power over the time taken.
    pub leakage: f64,
    /// Changes of the array's configuration.
    pub reconfiguration: f64,
}

impl Energy {
    /// Names of the components, in the order of [`Energy::values`].
    pub const COMPONENTS: [&'static str; 7] =
        ["mac", "accumulator", "sram", "dram", "vector_unit", "leakage", "reconfiguration"];

    /// The energy of every component in pJ, in the order of [`Energy::COMPONENTS`].
    pub fn values(&self) -> [f64; 7] {
        [
            self.mac,
            self.accumulator,
            self.sram,
            self.dram,
            self.vector_unit,
            self.leakage,
            self.reconfiguration,
        ]
    }

    /// The sum of all components in pJ, added in the order of [`Energy::COMPONENTS`].
    pub fn total(&self) -> f64 {
        self.values().iter().sum()
    }
}

impl AddAssign for Energy {
    fn add_assign(&mut self, other: Self) {
        self.mac += other.mac;
        self.accumulator += other.accumulator;
        self.sram += other.sram;
        self.dram += other.dram;
        self.vector_unit += other.vector_unit;
        self.leakage += other.leakage;
        self.reconfiguration += other.reconfiguration;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_is_added_and_in_the_total() {
        let one = Energy {
            mac: 1.0,
            accumulator: 2.0,
            sram: 4.0,
            dram: 8.0,
            vector_unit: 16.0,
            leakage: 32.0,
            reconfiguration: 64.0,
        };
        assert_eq!(one.total(), 127.0);
        let mut two = one;
        two += one;
        assert_eq!(two.values(), [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]);
    }
}
