//! The optimiser's update of weights, on the vector unit.

use super::{Cost, Machine};
use serde::{Deserialize, Serialize};

const FLOAT32_BITS: u64 = 32;

/// What an update does with each weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightUpdate {
    /// Weights updated.
    pub elements: u64,
    /// Float32 operations a weight.
    pub operations: u64,
    /// Bits read from DRAM a weight.
    pub read_bits: u64,
    /// Bits written to DRAM a weight.
    pub write_bits: u64,
}

impl WeightUpdate {
    /// Stochastic gradient descent on `elements` float32 master weights: g + β·W, μ·m + d (with `momentum`),
    /// W - lr·m and the quantisation to `weight_bits` bits; two operations each.
    ///
    /// Read are the gradient (`gradient_bits`), master and momentum, written are master, momentum and the
    /// quantised weight (none if `weight_bits` is 0: the float32 master is what the array uses).
    pub fn sgd(elements: u64, weight_bits: u32, gradient_bits: u32, momentum: bool) -> Self {
        let state = FLOAT32_BITS * (1 + u64::from(momentum));
        Self {
            elements,
            operations: 4 + 2 * u64::from(momentum) + 2 * u64::from(weight_bits > 0),
            read_bits: state + u64::from(gradient_bits),
            write_bits: state + u64::from(weight_bits),
        }
    }
}

impl Machine {
    /// The cost of a weight update: operations on the vector unit, all operands from and to DRAM.
    pub fn weight_update_cost(&self, update: &WeightUpdate) -> Cost {
        let total = |each: u64| update.elements.saturating_mul(each);
        let bits = update.read_bits.saturating_add(update.write_bits);
        self.vector_cost(total(update.operations), total(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_moves_master_momentum_gradient_and_quantised_weight() {
        let update = WeightUpdate::sgd(1000, 8, 16, true);
        assert_eq!((update.operations, update.read_bits, update.write_bits), (8, 80, 72));
        let cost = Machine::builtin("edge-16x16").unwrap().weight_update_cost(&update);
        assert_eq!(cost.traffic.vector_dram, 152_000);
        // 152000 bits at 64 a cycle; 8000 operations on 16 lanes hide behind them.
        assert_eq!((cost.cycles.vector, cost.cycles.total()), (500, 2375));
        let plain = WeightUpdate::sgd(1000, 0, 32, false);
        assert_eq!((plain.operations, plain.read_bits, plain.write_bits), (4, 64, 32));
    }
}
