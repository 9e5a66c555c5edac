//! A cost report as CSV: one row for each machine, layer and phase, then the machine's totals.

use crate::cli::errors::Failure;
use crate::design::workload::{CostReport, CostRow, MachineCost, ProductRow, Totals};
use anyhow::Context as _;
use hwmodel::energy::Energy;
use hwmodel::machine::Cost;
use hwmodel::product::{ByOperand, NumberSystem};

/// The columns before traffic and energy.
const COLUMNS: [&str; 29] = [
    "machine",
    "row",
    "layer",
    "kind",
    "phase",
    "number_system",
    "wl_input",
    "fl_input",
    "wl_weight",
    "fl_weight",
    "wl_output",
    "fl_output",
    "accumulator_bits",
    "m",
    "n",
    "k",
    "groups",
    "macs",
    "vector_operations",
    "compute_cycles",
    "stall_cycles",
    "vector_cycles",
    "reconfigure_cycles",
    "total_cycles",
    "processing_elements",
    "utilisation",
    "seconds",
    "logic_um2",
    "sram_um2",
];
const OPERANDS: [&str; 3] = ["input", "weight", "output"];
const MEMORIES: [&str; 4] = ["sram_read", "sram_write", "dram_read", "dram_write"];

pub(super) fn render(report: &CostReport) -> Result<String, Failure> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(header())?;
    for machine in &report.machines {
        for row in &machine.rows {
            csv.write_record(layer(machine, row))?;
        }
        csv.write_record(total(machine))?;
    }
    let bytes = csv.into_inner().context("cannot write CSV")?;
    Ok(String::from_utf8(bytes)?)
}

fn header() -> Vec<String> {
    let mut columns: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
    for memory in MEMORIES {
        columns.extend(OPERANDS.map(|operand| format!("{memory}_{operand}_bits")));
    }
    columns.push("dram_vector_bits".to_owned());
    columns.extend(Energy::COMPONENTS.map(|component| format!("energy_{component}_pj")));
    columns.push("energy_total_pj".to_owned());
    columns
}

fn layer(machine: &MachineCost, row: &CostRow) -> Vec<String> {
    let mut cells = [&machine.machine, "layer", &row.layer, &row.kind, row.phase.name()]
        .map(str::to_owned)
        .to_vec();
    match &row.product {
        Some(product) => cells.extend(product_cells(product)),
        None => cells.extend(std::iter::repeat_n(String::new(), 12)),
    }
    let counted = Totals {
        macs: row.macs,
        vector_operations: row.vector_operations,
        cost: row.cost,
        utilisation: row.utilisation,
    };
    cells.extend(counts(machine, &counted));
    cells.extend([const { String::new() }; 3]);
    cells.extend(costs(&row.cost));
    cells
}

fn total(machine: &MachineCost) -> Vec<String> {
    let mut cells = vec![machine.machine.clone(), "total".to_owned()];
    cells.extend(std::iter::repeat_n(String::new(), 15));
    cells.extend(counts(machine, &machine.total));
    cells.push(machine.seconds.to_string());
    let area = machine.area.map_or([None; 2], |area| [area.logic_um2, area.sram_um2]);
    cells.extend(area.map(|um2| um2.map_or(String::new(), |um2| um2.to_string())));
    cells.extend(costs(&machine.total.cost));
    cells
}

/// From `number_system` to `groups`.
fn product_cells(product: &ProductRow) -> Vec<String> {
    let system = match product.number_system {
        NumberSystem::Fixed => "fixed",
        NumberSystem::Float32 => "float32",
    };
    let mut cells = vec![system.to_owned()];
    let fl = product.fl;
    let pairs = [
        (product.wl.input, fl.map(|fl| fl.input)),
        (product.wl.weight, fl.map(|fl| fl.weight)),
        (product.wl.output, fl.map(|fl| fl.output)),
    ];
    for (wl, fl) in pairs {
        cells.extend([wl.to_string(), fl.map_or(String::new(), |fl| fl.to_string())]);
    }
    cells.push(product.accumulator_bits.to_string());
    cells.extend([product.m, product.n, product.k, product.groups].map(|size| size.to_string()));
    cells
}

/// From `macs` to `utilisation`.
fn counts(machine: &MachineCost, totals: &Totals) -> Vec<String> {
    let cycles = totals.cost.cycles;
    let mut cells = vec![totals.macs.to_string(), totals.vector_operations.to_string()];
    let all = [cycles.compute, cycles.stall, cycles.vector, cycles.reconfigure, cycles.total()];
    cells.extend(all.map(|cycles| cycles.to_string()));
    cells.push(machine.processing_elements().to_string());
    cells.push(totals.utilisation.map_or(String::new(), |share| share.to_string()));
    cells
}

/// Traffic and energy.
fn costs(cost: &Cost) -> Vec<String> {
    let traffic = cost.traffic;
    let mut cells = Vec::new();
    for memory in [
        traffic.sram_read_bits,
        traffic.sram_write_bits,
        traffic.dram_read_bits,
        traffic.dram_write_bits,
    ] {
        let ByOperand { input, weight, output } = memory;
        cells.extend([input, weight, output].map(|bits| bits.to_string()));
    }
    cells.push(traffic.vector_dram_bits.to_string());
    cells.extend(cost.energy.values_pj().map(|pj| pj.to_string()));
    cells.push(cost.energy.total_pj().to_string());
    cells
}
