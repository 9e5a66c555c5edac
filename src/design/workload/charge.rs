//! The only module that calls the machine's cost model.

use super::product::Product;
use hwmodel::machine::{Area, Cost, Machine, WeightUpdate};
use hwmodel::timing::{ByOperand, GemmWork, GemmWorkError};
use hwmodel::{AccumulatorWidth, Format, Rounding};

/// Widest accumulator that the cost model knows, in bits.
const MAX_ACCUMULATOR_BITS: u32 = 128;
/// Gradients of weights leave the array in float32.
const GRADIENT_BITS: u32 = 32;
/// Rounding of the requantisers whose area is counted.
const ROUNDING: Rounding = Rounding::NearestEven;

/// What charges are made on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge<'a> {
    pub(super) machine: &'a Machine,
    pub(super) accumulator: AccumulatorWidth,
}

impl Charge<'_> {
    /// `product` in `formats`, or in float32 without; every MAC counts as non-zero.
    pub(super) fn work(
        &self,
        product: &Product,
        formats: Option<ByOperand<Format>>,
    ) -> Result<GemmWork, GemmWorkError> {
        let work = match formats {
            None => GemmWork::float32(product.kind, product.shape)?,
            Some(formats) => {
                let wl = formats.map(Format::wl);
                let bits = self.accumulator.bits_for(wl.input, wl.weight, product.shape.k);
                GemmWork::fixed(product.kind, product.shape, wl, bits.min(MAX_ACCUMULATOR_BITS))?
            }
        };
        work.with_elements(product.elements)?.with_groups(product.groups)
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
        let all = self.machine.vector_cost(before.checked_add(operations)?, 0);
        let earlier = self.machine.vector_cost(before, 0);
        let mut cost = self.machine.vector_cost(operations, 0);
        cost.cycles.vector = all.cycles.vector - earlier.cycles.vector;
        cost.energy.leakage = all.energy.leakage - earlier.energy.leakage;
        Some(cost)
    }

    /// A step of gradient descent without momentum on `parameters` weights, whose words on the array
    /// have `word_bits` bits, or which the array uses in float32. Operations and cost; `None` beyond
    /// 64 bits.
    pub(super) fn update(&self, parameters: u64, word_bits: Option<u32>) -> Option<(u64, Cost)> {
        let update = WeightUpdate::sgd(parameters, word_bits.unwrap_or(0), GRADIENT_BITS, false);
        parameters.checked_mul(update.read_bits + update.write_bits)?;
        let operations = parameters.checked_mul(update.operations)?;
        Some((operations, self.machine.weight_update_cost(&update)))
    }

    /// A change of word lengths.
    pub(super) fn reconfiguration(&self) -> Cost {
        self.machine.reconfiguration_cost()
    }

    /// Array, requantisers and memories for words of `bits` bits and accumulators of
    /// `accumulator_bits`.
    pub(super) fn area(&self, bits: ByOperand<u32>, accumulator_bits: u32) -> Area {
        self.machine.area(bits, accumulator_bits, ROUNDING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::timing::{GemmKind, GemmShape};

    #[test]
    fn groups_cost_as_often_as_they_are() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let charge = Charge { machine: &machine, accumulator: AccumulatorWidth::Exact };
        let cost = |groups| {
            let product = Product {
                kind: GemmKind::Forward,
                shape: GemmShape { m: 100, n: 20, k: 30 },
                groups,
                elements: ByOperand { input: 3000, weight: 600, output: 2000 },
                input_tensor: 3000,
            };
            charge.product(&charge.work(&product, None).unwrap())
        };
        let (one, many) = (cost(1), cost(13));
        assert_eq!(many.cycles.compute, 13 * one.cycles.compute);
        assert_eq!(many.traffic.dram_total(), 13 * one.traffic.dram_total());
        assert!((many.energy.total() / one.energy.total() - 13.0).abs() < 1e-12);
    }

    #[test]
    fn a_group_of_operations_fills_the_lanes_once() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let charge = Charge { machine: &machine, accumulator: AccumulatorWidth::Exact };
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
    fn an_update_moves_weight_gradient_and_word() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let charge = Charge { machine: &machine, accumulator: AccumulatorWidth::Exact };
        let (operations, cost) = charge.update(1000, Some(8)).unwrap();
        assert_eq!(operations, 6000);
        assert_eq!(cost.traffic.vector_dram, 1000 * (3 * 32 + 8));
        let (operations, float32) = charge.update(1000, None).unwrap();
        assert_eq!((operations, float32.traffic.vector_dram), (4000, 96_000));
        assert!(charge.update(u64::MAX / 2, None).is_none());
    }
}
