//! The update of weights between training steps, on the vector unit.

use super::{Cost, Machine};
use std::ops::AddAssign;

/// Work of a weight update: operations of the vector unit, and bits from and to DRAM.
///
/// The caller derives them from the optimiser. Sums saturate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct WeightUpdate {
    /// Float32 operations.
    pub operations: u64,
    /// Bits read from DRAM.
    pub read_bits: u64,
    /// Bits written to DRAM.
    pub write_bits: u64,
}

impl WeightUpdate {
    /// Bits read from and written to DRAM.
    pub fn dram_bits(&self) -> u64 {
        self.read_bits.saturating_add(self.write_bits)
    }

    /// This update `times` times; `None` if a count is beyond 64 bits.
    pub fn checked_mul(self, times: u64) -> Option<Self> {
        let all = Self {
            operations: self.operations.checked_mul(times)?,
            read_bits: self.read_bits.checked_mul(times)?,
            write_bits: self.write_bits.checked_mul(times)?,
        };
        all.read_bits.checked_add(all.write_bits).map(|_| all)
    }
}

impl AddAssign for WeightUpdate {
    fn add_assign(&mut self, other: Self) {
        self.operations = self.operations.saturating_add(other.operations);
        self.read_bits = self.read_bits.saturating_add(other.read_bits);
        self.write_bits = self.write_bits.saturating_add(other.write_bits);
    }
}

impl Machine {
    /// The cost of a weight update: operations on the vector unit, all operands from and to DRAM.
    pub fn weight_update_cost(&self, update: &WeightUpdate) -> Cost {
        self.vector_cost(update.operations, update.dram_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_waits_for_its_operands() {
        let each = WeightUpdate { operations: 8, read_bits: 80, write_bits: 72 };
        let update = each.checked_mul(1000).unwrap();
        let cost = Machine::builtin("edge-16x16").unwrap().weight_update_cost(&update);
        assert_eq!(cost.traffic.vector_dram_bits, 152_000);
        // 152000 bits at 64 a cycle; 8000 operations on 16 lanes hide behind them.
        assert_eq!((cost.cycles.vector, cost.cycles.total()), (500, 2375));
    }

    #[test]
    fn counts_beyond_64_bits_are_told_or_saturate() {
        let mut update = WeightUpdate { operations: 1, read_bits: 1 << 63, write_bits: 1 << 63 };
        assert_eq!((update.checked_mul(1), update.dram_bits()), (None, u64::MAX));
        update += update;
        assert_eq!((update.operations, update.read_bits), (2, u64::MAX));
    }
}
