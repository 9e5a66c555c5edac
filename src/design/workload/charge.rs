//! The only module that calls the machine's cost model.

use crate::train::optimiser::RuleOptions;
use hwmodel::energy::Energy;
use hwmodel::machine::{Area, Cost, Machine, WeightUpdate};
use hwmodel::number::accumulator::AccumulatorBits;
use hwmodel::product::{ByOperand, Gemm, GemmWork, GemmWorkError};
use hwmodel::timing::Cycles;
use hwmodel::{Accumulator, Rounding};

const FLOAT32_BITS: u32 = 32;
/// Rounding of the requantisers whose area is counted.
const ROUNDING: Rounding = Rounding::NearestEven;

/// Machine, accumulator and update rule of the charges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge<'a> {
    pub(super) machine: &'a Machine,
    pub(super) accumulator: Accumulator,
    /// Rule of the optimiser's updates.
    pub(super) rule: RuleOptions,
}

/// What `own` work costs that makes `all` of a group out of the work `before` it: the time is that which it adds.
fn after(before: Cost, all: Cost, own: Cost) -> Cost {
    let added = |of: fn(&Cycles) -> u128| of(&all.cycles).saturating_sub(of(&before.cycles));
    let cycles = Cycles {
        vector: added(|cycles| cycles.vector),
        stall: added(|cycles| cycles.stall),
        ..own.cycles
    };
    let leakage = all.energy.leakage_pj - before.energy.leakage_pj;
    Cost { cycles, energy: Energy { leakage_pj: leakage, ..own.energy }, ..own }
}

impl Charge<'_> {
    /// `gemm` as the machine prices it; every MAC counts as non-zero.
    pub(super) fn work(&self, gemm: &Gemm) -> Result<GemmWork, GemmWorkError> {
        self.machine.work(gemm, Some(self.accumulator))
    }

    /// The cost of `work`.
    pub(super) fn product(&self, work: &GemmWork) -> Cost {
        self.machine.cost(work)
    }

    /// The share of the array's MAC slots at the word lengths of `work` that it uses in all cycles
    /// of `cost`; absent without cycles.
    pub(super) fn utilisation(&self, work: &GemmWork, cost: &Cost) -> Option<f64> {
        self.machine.utilisation(work, cost)
    }

    /// `operations` of the vector unit on values on their way to or from the array, after `before` operations whose
    /// last cycle may have had lanes to spare. `None` beyond 64 bits.
    pub(super) fn vector(&self, before: u64, operations: u64) -> Option<Cost> {
        let cost = |operations| self.machine.vector_cost(operations, 0);
        Some(after(cost(before), cost(before.checked_add(operations)?), cost(operations)))
    }

    /// The optimiser's update of `parameters` parameters, whose words on the array have `word_bits` bits (`None`: the
    /// array uses them in float32), after the update `before` of parameters of the same group. Gradients have the
    /// words of their parameters, as `hwsim train` quantises them to the same format. `None` beyond 64 bits.
    pub(super) fn update(
        &self,
        before: WeightUpdate,
        parameters: u64,
        word_bits: Option<u32>,
    ) -> Option<(WeightUpdate, Cost)> {
        let gradient_bits = word_bits.unwrap_or(FLOAT32_BITS);
        let update = self.rule.work().update(parameters, word_bits, gradient_bits)?;
        let mut all = before;
        all += update;
        let cost = |update| self.machine.weight_update_cost(update);
        Some((update, after(cost(&before), cost(&all), cost(&update))))
    }

    /// A change of word lengths.
    pub(super) fn reconfiguration(&self) -> Cost {
        self.machine.reconfiguration_cost()
    }

    /// Array, requantisers and memories for words of `bits` bits and accumulators of these registers.
    pub(super) fn area(&self, bits: ByOperand<u32>, accumulator: AccumulatorBits) -> Area {
        self.machine.area(bits, accumulator, ROUNDING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::product::{GemmKind, GemmShape};

    fn charge(machine: &Machine) -> Charge<'_> {
        let (accumulator, rule) = (Accumulator::default(), RuleOptions::default());
        Charge { machine, accumulator, rule }
    }

    #[test]
    fn groups_cost_as_often_as_they_are() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let charge = charge(&machine);
        let cost = |groups| {
            let gemm = Gemm {
                kind: GemmKind::Forward,
                shape: GemmShape { m: 100, n: 20, k: 30 },
                groups,
                elements: ByOperand { input: 3000, weight: 600, output: 2000 },
                formats: None,
            };
            charge.product(&charge.work(&gemm).unwrap())
        };
        let (one, many) = (cost(1), cost(13));
        assert_eq!(many.cycles.compute, 13 * one.cycles.compute);
        assert_eq!(many.traffic.dram_total_bits(), 13 * one.traffic.dram_total_bits());
        assert!((many.energy.total_pj() / one.energy.total_pj() - 13.0).abs() < 1e-12);
    }

    #[test]
    fn a_group_of_operations_fills_the_lanes_once() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let charge = charge(&machine);
        let parts = [5, 20, 7, 1].iter().scan(0, |before, &operations| {
            let cost = charge.vector(*before, operations).unwrap();
            *before += operations;
            Some(cost.cycles.vector)
        });
        // 33 operations on 16 lanes.
        assert_eq!(parts.sum::<u128>(), 3);
        assert!(charge.vector(u64::MAX, 1).is_none());
    }

    #[test]
    fn an_update_moves_weight_momentum_gradient_and_word() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let charge = charge(&machine);
        let none = WeightUpdate::default();
        let (update, cost) = charge.update(none, 1000, Some(8)).unwrap();
        assert_eq!((update.operations, update.dram_bits()), (8000, 1000 * (4 * 32 + 2 * 8)));
        assert_eq!(cost.traffic.vector_dram_bits, u128::from(update.dram_bits()));
        let (update, float32) = charge.update(none, 1000, None).unwrap();
        assert_eq!((update.operations, float32.traffic.vector_dram_bits), (6000, 160_000));
        assert!(charge.update(none, u64::MAX / 2, None).is_none());
    }

    #[test]
    fn a_group_of_updates_takes_the_time_of_their_sum() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let charge = charge(&machine);
        let mut before = WeightUpdate::default();
        let mut cycles = 0;
        for parameters in [1, 3, 77, 2] {
            let (update, cost) = charge.update(before, parameters, Some(5)).unwrap();
            before += update;
            cycles += cost.cycles.total();
        }
        // 83 parameters of 4 · 32 + 2 · 5 bits at 64 a cycle.
        assert_eq!(cycles, (83_u128 * 138).div_ceil(64));
    }
}
