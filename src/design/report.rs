//! Table cells of replayed runs and costed networks.

use crate::design::workload::{MachineCost, Phase};
use crate::files::trace::UpdateCost;
use hwmodel::counters::Counters;

/// Columns of counts, in the order of [`count_cells`]; meanings as in docs/trace.md.
pub const COUNT_COLUMNS: [&str; 32] = [
    "macs",
    "nonzero_macs",
    "bit_operations",
    "accumulator_events",
    "compute_cycles",
    "stall_cycles",
    "vector_cycles",
    "reconfigure_cycles",
    "total_cycles",
    "utilisation",
    "sram_read_input_bits",
    "sram_read_weight_bits",
    "sram_read_output_bits",
    "sram_write_input_bits",
    "sram_write_weight_bits",
    "sram_write_output_bits",
    "dram_read_input_bits",
    "dram_read_weight_bits",
    "dram_read_output_bits",
    "dram_write_input_bits",
    "dram_write_weight_bits",
    "dram_write_output_bits",
    "dram_vector_bits",
    "dram_total_bits",
    "energy_mac_pj",
    "energy_accumulator_pj",
    "energy_sram_pj",
    "energy_dram_pj",
    "energy_vector_unit_pj",
    "energy_leakage_pj",
    "energy_reconfiguration_pj",
    "energy_total_pj",
];

/// Columns of updates of parameters, in the order of [`update_cells`]; meanings as in docs/trace.md.
pub const UPDATE_COLUMNS: [&str; 4] =
    ["update_operations", "update_dram_bits", "update_cycles", "update_energy_pj"];

/// Columns of a whole machine, in the order of [`machine_cells`].
pub const MACHINE_COLUMNS: [&str; 5] =
    ["seconds", "area_mm2", "tops", "tops_per_watt", "narrower_rows"];

fn float(value: f64) -> String {
    format!("{value:?}")
}

fn optional(value: Option<f64>) -> String {
    value.map_or(String::new(), float)
}

/// Columns of a training run in a sweep's table, after those of the counts; meanings as in docs/explore.md.
pub const TRAINING_COLUMNS: [&str; 9] = [
    "seconds",
    "top1",
    "top1_best",
    "test_loss",
    "su1",
    "size_ratio",
    "final_sparsity",
    "saturation_rate",
    "steps",
];

/// The cells of [`COUNT_COLUMNS`]. Floats have the shortest digits that read back as the same value; empty is no value.
pub fn count_cells(counters: &Counters, processing_elements: u64) -> Vec<String> {
    let (cycles, traffic) = (&counters.cycles, &counters.traffic);
    let mut cells = vec![
        counters.macs.to_string(),
        counters.nonzero_macs.to_string(),
        counters.bit_operations.to_string(),
        counters.accumulator_events.to_string(),
    ];
    let all = [cycles.compute, cycles.stall, cycles.vector, cycles.reconfigure, cycles.total()];
    cells.extend(all.iter().map(u128::to_string));
    cells.push(optional(counters.utilisation(processing_elements)));
    for bits in [
        traffic.sram_read_bits,
        traffic.sram_write_bits,
        traffic.dram_read_bits,
        traffic.dram_write_bits,
    ] {
        cells.extend([bits.input, bits.weight, bits.output].iter().map(u128::to_string));
    }
    cells.extend([traffic.vector_dram_bits, traffic.dram_total_bits()].iter().map(u128::to_string));
    cells.extend(counters.energy.values_pj().map(float));
    cells.push(float(counters.energy.total_pj()));
    cells
}

/// The cells of [`UPDATE_COLUMNS`].
pub fn update_cells(update: &UpdateCost) -> Vec<String> {
    let UpdateCost { operations, dram_bits, cycles, energy_pj } = update;
    vec![operations.to_string(), dram_bits.to_string(), cycles.to_string(), float(*energy_pj)]
}

/// The products and vector operations of a network as counters; updates of parameters are left out, as from those of a run.
/// Every MAC counts as non-zero.
pub fn counters_of(cost: &MachineCost) -> Counters {
    let mut counters = Counters::default();
    for row in cost.rows.iter().filter(|row| row.phase != Phase::Update) {
        let bits = row
            .product
            .map_or(0, |product| u128::from(product.wl.input) * u128::from(product.wl.weight));
        counters.macs += row.macs;
        counters.nonzero_macs += row.macs;
        counters.bit_operations += u128::from(row.macs) * bits;
        counters.add_cost(&row.cost);
    }
    counters
}

/// The updates of all parameters of a network, as a run counts them in their separate columns.
pub fn updates_of(cost: &MachineCost) -> UpdateCost {
    let mut updates = UpdateCost::default();
    for row in cost.rows.iter().filter(|row| row.phase == Phase::Update) {
        updates += UpdateCost {
            operations: row.vector_operations,
            dram_bits: u64::try_from(row.cost.traffic.vector_dram_bits).unwrap_or(u64::MAX),
            cycles: row.cost.cycles.total(),
            energy_pj: row.cost.energy.total_pj(),
        };
    }
    updates
}

/// 10^12 operations per second, two a MAC.
pub fn tops(total: &Counters, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| 2.0 * total.macs as f64 / seconds * 1e-12)
}

/// 10^12 operations per second and watt, two a MAC: operations per pJ.
pub fn tops_per_watt(total: &Counters) -> Option<f64> {
    let energy_pj = total.energy.total_pj();
    (energy_pj > 0.0).then(|| 2.0 * total.macs as f64 / energy_pj)
}

/// The cells of [`MACHINE_COLUMNS`] for the work of `total`, which takes `seconds` on a machine of `area_mm2`.
pub fn machine_cells(
    total: &Counters,
    seconds: f64,
    area_mm2: Option<f64>,
    narrower_rows: u64,
) -> Vec<String> {
    vec![
        float(seconds),
        optional(area_mm2),
        optional(tops(total, seconds)),
        optional(tops_per_watt(total)),
        narrower_rows.to_string(),
    ]
}
