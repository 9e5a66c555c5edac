//! Counters per layer and matrix product.

use crate::energy::Energy;
use crate::machine::Cost;
use crate::product::GemmWork;
use crate::timing::{Cycles, Traffic};
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
    /// Random bits that stochastic rounding drew while quantising.
    #[serde(default)]
    pub random_bits: u64,
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

    /// MACs per cycle of each of `processing_elements`; `None` without cycles. In [0, 1], the share of MAC slots used,
    /// unless a processing element does several MACs a cycle.
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
        self.random_bits += other.random_bits;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::product::{GemmKind, GemmShape};
    use proptest::prelude::*;

    fn product() -> (Machine, GemmWork) {
        let shape = GemmShape { m: 32, n: 16, k: 10 };
        let work = GemmWork::float32(GemmKind::GradWeight, shape).unwrap();
        (Machine::builtin("edge-16x16").unwrap(), work.with_nonzero_macs(5000).unwrap())
    }

    #[test]
    fn a_product_and_a_vector_operation_are_counted() {
        let (machine, work) = product();
        let mut counters = Counters::default();
        counters.add_gemm(&work, &machine.cost(&work));
        counters.add_cost(&machine.vector_cost(32, 0));
        counters.add_cost(&machine.reconfiguration_cost());
        assert_eq!((counters.macs, counters.nonzero_macs), (5120, 5000));
        assert_eq!(counters.bit_operations, 5120 * 1024);
        let dram_cycles = (320 + 160 + 512) * 32 / 64;
        assert_eq!(counters.cycles.total(), dram_cycles + 2 + 64);
        let slots = 256.0 * (dram_cycles + 66) as f64;
        assert_eq!(counters.utilisation(256), Some(5120.0 / slots));
        assert_eq!(Counters::default().utilisation(256), None);
    }

    #[test]
    fn counters_survive_json() {
        let (machine, work) = product();
        let mut counters = Counters { bit_operations: u128::MAX / 3, ..Counters::default() };
        counters.add_gemm(&work, &machine.cost(&work));
        let text = serde_json::to_string(&counters).unwrap();
        assert_eq!(serde_json::from_str::<Counters>(&text).unwrap(), counters);
        assert!(serde_json::from_str::<Counters>("{\"macs\": 1}").is_err());
    }

    fn counters(values: [u32; 25]) -> Counters {
        let role = |at: usize| ByRole {
            weight: values[at].into(),
            activation: values[at + 1].into(),
            gradient: values[at + 2].into(),
            output: values[at + 3].into(),
        };
        let mut traffic = Traffic { vector_dram_bits: values[21].into(), ..Traffic::default() };
        traffic.sram_read_bits.input = values[22].into();
        traffic.dram_write_bits.output = values[23].into();
        Counters {
            macs: values[0].into(),
            nonzero_macs: values[1].into(),
            bit_operations: values[2].into(),
            accumulator_events: values[3].into(),
            quantised: role(4),
            saturated: role(8),
            flushed_to_zero: role(12),
            random_bits: values[24].into(),
            cycles: Cycles {
                compute: values[16].into(),
                stall: values[17].into(),
                vector: values[18].into(),
                reconfigure: values[19].into(),
            },
            traffic,
            // Integers of 32 bits: their sums are exact in f64.
            energy: Energy { sram_pj: values[20].into(), ..Energy::default() },
        }
    }

    proptest! {
        #[test]
        fn shards_merge_to_the_same_totals_in_any_order(
            values in prop::array::uniform3(
                prop::collection::vec(any::<u32>(), 25).prop_map(|v| v.try_into().unwrap())),
        ) {
            let [a, b, c] = values.map(counters);
            let in_order: Counters = [a, b, c].into_iter().sum();
            let mut grouped = b;
            grouped += c;
            let regrouped: Counters = [grouped, a].into_iter().sum();
            prop_assert_eq!(in_order, regrouped);
            let quantised: u64 = [a, b, c].iter().map(|counters| counters.quantised.total()).sum();
            prop_assert_eq!(in_order.quantised.total(), quantised);
        }
    }
}
