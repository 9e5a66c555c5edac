//! Area of the machine that a workload needs.

use super::charge::Charge;
use super::report::{AreaRow, CostRow, ProductRow};
use hwmodel::number::accumulator::AccumulatorBits;
use hwmodel::product::{ByOperand, NumberSystem};

/// The area of the machine with words and accumulators as wide as the widest of the fixed-point
/// products of `rows`; `None` if there are none.
pub(super) fn area(charge: &Charge<'_>, rows: &[CostRow]) -> Option<AreaRow> {
    let fixed = || {
        let products = rows.iter().filter_map(|row| row.product.as_ref());
        products.filter(|product| product.number_system == NumberSystem::Fixed)
    };
    let bits = ByOperand {
        input: fixed().map(|product| product.wl.input).max()?,
        weight: fixed().map(|product| product.wl.weight).max()?,
        output: fixed().map(|product| product.wl.output).max()?,
    };
    let accumulator = fixed().map(ProductRow::accumulator).reduce(AccumulatorBits::widest)?;
    let area = charge.area(bits, accumulator);
    Some(AreaRow {
        array_transistors: area.array_transistors,
        requantiser_transistors: area.requantiser_transistors,
        sram_bits: area.sram_bits,
        logic_um2: area.logic_um2,
        sram_um2: area.sram_um2,
    })
}
