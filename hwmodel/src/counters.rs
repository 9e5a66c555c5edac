//! What is counted per layer and matrix product.

use crate::energy::Energy;
use crate::machine::Cost;
use crate::timing::{Cycles, GemmWork, Traffic};
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// A count for each role that a tensor may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByRole {
    /// Weights and biases.
    pub weight: u64,
    /// Inputs of a layer.
    pub activation: u64,
    /// Gradients.
    pub gradient: u64,
    /// Results of a matrix product, requantised from accumulators.
    pub output: u64,
}

impl ByRole {
    /// The sum over all roles.
    pub fn total(&self) -> u64 {
        self.weight + self.activation + self.gradient + self.output
    }
}

impl AddAssign for ByRole {
    fn add_assign(&mut self, other: Self) {
        self.weight += other.weight;
        self.activation += other.activation;
        self.gradient += other.gradient;
        self.output += other.output;
    }
}

/// The counts of one (layer, kind of matrix product), or a sum of them.
///
/// Adding is associative and commutative for all integers, so shards merge to the same totals in any
/// order. Energies are f64: merge them in a fixed order for equal bits.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// MACs, M·N·K.
    pub macs: u64,
    /// MACs with two non-zero operands.
    pub nonzero_macs: u64,
    /// MACs·WLa·WLb (32 bits for float32).
    pub bit_operations: u128,
    /// Additions that left the range of the accumulator.
    pub accumulator_events: u64,
    /// Elements quantised or requantised: the base of the two rates below.
    pub quantised: ByRole,
    /// Elements that left the range of their format, high or low, while quantised.
    pub saturated: ByRole,
    /// Non-zero elements that became zero while quantised.
    pub flushed_to_zero: ByRole,
    /// Clock cycles.
    pub cycles: Cycles,
    /// Bits moved.
    pub traffic: Traffic,
    /// Energy in pJ.
    pub energy: Energy,
}

impl Counters {
    /// Adds a matrix product that cost `cost`.
    pub fn add_gemm(&mut self, work: &GemmWork, cost: &Cost) {
        self.macs += work.macs();
        self.nonzero_macs += work.nonzero_macs();
        self.bit_operations += work.bit_operations();
        self.add_cost(cost);
    }

    /// Adds the cost of anything else, such as vector operations or a reconfiguration.
    pub fn add_cost(&mut self, cost: &Cost) {
        self.cycles += cost.cycles;
        self.traffic += cost.traffic;
        self.energy += cost.energy;
    }

    /// The share of the MAC slots of `processing_elements` used, in [0, 1]; `None` without cycles.
    pub fn utilisation(&self, processing_elements: u64) -> Option<f64> {
        self.cycles.utilisation(self.macs, processing_elements)
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.macs += other.macs;
        self.nonzero_macs += other.nonzero_macs;
        self.bit_operations += other.bit_operations;
        self.accumulator_events += other.accumulator_events;
        self.quantised += other.quantised;
        self.saturated += other.saturated;
        self.flushed_to_zero += other.flushed_to_zero;
        self.cycles += other.cycles;
        self.traffic += other.traffic;
        self.energy += other.energy;
    }
}

impl std::iter::Sum for Counters {
    /// The sum, added in the order of the iterator.
    fn sum<I: Iterator<Item = Self>>(counters: I) -> Self {
        counters.fold(Self::default(), |mut sum, counters| {
            sum += counters;
            sum
        })
    }
}
