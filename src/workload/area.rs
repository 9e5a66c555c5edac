//! Area of what a workload needs on a machine.

use super::report::CostRow;
use hwmodel::machine::Machine;
use hwmodel::timing::NumberSystem;

/// Area in µm² of the multipliers and accumulators of the whole array, built for the widest words
/// of `rows`; memories, vector unit and wires are not in it. `None` if the machine's energy table
/// states no areas or a product runs in float32.
pub(super) fn mac_array_um2(machine: &Machine, rows: &[CostRow]) -> Option<f64> {
    let products: Vec<_> = rows.iter().filter_map(|row| row.product).collect();
    if products.iter().any(|product| product.number_system == NumberSystem::Float32) {
        return None;
    }
    let input = products.iter().map(|product| product.wl.input).max()?;
    let weight = products.iter().map(|product| product.wl.weight).max()?;
    let accumulator = products.iter().map(|product| product.accumulator_bits).max()?;
    let one = machine.energy().mac_um2(input, weight, accumulator)?;
    Some(one * machine.array().processing_elements() as f64)
}
