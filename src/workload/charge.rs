//! The only place that asks a machine what something costs.

use super::product::Product;
use hwmodel::machine::{Cost, Machine};
use hwmodel::timing::{ByOperand, GemmWork, GemmWorkError};
use hwmodel::{AccumulatorWidth, Format};

/// Widest accumulator that the cost model knows, in bits.
const MAX_ACCUMULATOR_BITS: u32 = 128;
/// A weight in float32, as the optimiser keeps it.
const FLOAT32_BITS: u64 = 32;
/// Operations of plain gradient descent per weight: w - η·g.
const UPDATE_OPERATIONS: u64 = 2;

/// What charges are made on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge<'a> {
    pub(super) machine: &'a Machine,
    pub(super) accumulator: AccumulatorWidth,
}

/// A product with its cost over all groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charged {
    /// One group's work.
    pub(super) work: GemmWork,
    /// Of all groups.
    pub(super) cost: Cost,
}

impl Charge<'_> {
    /// `product` in `formats`, or in float32 without; every MAC counts as non-zero.
    pub(super) fn product(
        &self,
        product: &Product,
        formats: Option<ByOperand<Format>>,
    ) -> Result<Charged, GemmWorkError> {
        let work = match formats {
            None => GemmWork::float32(product.kind, product.shape)?,
            Some(formats) => {
                let wl = formats.map(Format::wl);
                let bits = self.accumulator.bits_for(wl.input, wl.weight, product.shape.k);
                GemmWork::fixed(product.kind, product.shape, wl, bits.min(MAX_ACCUMULATOR_BITS))?
            }
        };
        let work = work.with_elements(product.elements)?;
        Ok(Charged { work, cost: times(self.machine.cost(&work), product.groups) })
    }

    /// `operations` of the vector unit on values on their way to or from the array.
    pub(super) fn vector(&self, operations: u64) -> Cost {
        self.machine.vector_cost(operations, 0)
    }

    /// The update of `parameters` weights: float32 weight and gradient are read from DRAM, the
    /// weight is written back, and so is its word of `word_bits` bits for the array, if it has one.
    /// Operations and cost; `None` beyond 64 bits.
    pub(super) fn update(&self, parameters: u64, word_bits: Option<u32>) -> Option<(u64, Cost)> {
        let bits = 3 * FLOAT32_BITS + u64::from(word_bits.unwrap_or(0));
        let operations = parameters.checked_mul(UPDATE_OPERATIONS)?;
        let dram_bits = parameters.checked_mul(bits)?;
        Some((operations, self.machine.vector_cost(operations, dram_bits)))
    }

    /// A change of word lengths.
    pub(super) fn reconfiguration(&self) -> Cost {
        self.machine.reconfiguration_cost()
    }
}

/// `count` times `cost`, by doubling: integers are exact, energies rounded in a fixed order.
fn times(cost: Cost, count: u64) -> Cost {
    let (mut sum, mut power, mut rest) = (Cost::default(), cost, count);
    while rest > 0 {
        if rest & 1 == 1 {
            sum += power;
        }
        rest >>= 1;
        if rest > 0 {
            let half = power;
            power += half;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::timing::{GemmKind, GemmShape};

    fn edge() -> Machine {
        Machine::builtin("edge-16x16").unwrap()
    }

    #[test]
    fn groups_cost_as_often_as_they_are() {
        let machine = edge();
        let charge = Charge { machine: &machine, accumulator: AccumulatorWidth::Exact };
        let product = |groups| Product {
            kind: GemmKind::Forward,
            shape: GemmShape { m: 100, n: 20, k: 30 },
            groups,
            elements: ByOperand { input: 3000, weight: 600, output: 2000 },
        };
        let one = charge.product(&product(1), None).unwrap().cost;
        let many = charge.product(&product(13), None).unwrap().cost;
        assert_eq!(many.cycles.total(), 13 * one.cycles.total());
        assert_eq!(many.traffic.dram_total(), 13 * one.traffic.dram_total());
        assert!((many.energy.total() / one.energy.total() - 13.0).abs() < 1e-12);
        assert_eq!(times(one, 0), Cost::default());
        assert_eq!(times(one, 1), one);
    }

    #[test]
    fn an_update_moves_weight_gradient_and_word() {
        let machine = edge();
        let charge = Charge { machine: &machine, accumulator: AccumulatorWidth::Exact };
        let (operations, cost) = charge.update(1000, Some(8)).unwrap();
        assert_eq!(operations, 2000);
        assert_eq!(cost.traffic.vector_dram, 1000 * (96 + 8));
        let (_, float32) = charge.update(1000, None).unwrap();
        assert_eq!(float32.traffic.vector_dram, 96_000);
        assert!(charge.update(u64::MAX / 2, None).is_none());
    }
}
