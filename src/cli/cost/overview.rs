//! Comparison of machines: one row for each, before the separate tables.

use crate::cli::table::{joules, scaled, seconds};
use crate::design::workload::MachineCost;

const HEAD: [&str; 8] =
    ["machine", "array", "cycles", "time", "energy", "used %", "area, mm²", "DRAM, bits"];

/// The table, a line a machine.
pub(super) fn lines(machines: &[MachineCost]) -> Vec<String> {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(machines.iter().map(cells));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; HEAD.len()] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; HEAD.len()]| {
        let mut line = format!("{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(widths).skip(1) {
            line.push_str(&format!("  {cell:>width$}"));
        }
        line
    };
    rows.iter().map(line).collect()
}

fn cells(machine: &MachineCost) -> [String; HEAD.len()] {
    let total = &machine.total;
    let dram = total.cost.traffic.dram_bits();
    let bits = [dram.input, dram.weight, dram.output, total.cost.traffic.vector_dram_bits];
    let area = machine.area.and_then(|area| Some(area.logic_um2? + area.sram_um2?));
    [
        machine.machine.clone(),
        format!("{}×{}", machine.array_rows, machine.array_columns),
        scaled(total.cost.cycles.total() as f64),
        seconds(machine.seconds),
        joules(total.cost.energy.total_pj()),
        total.utilisation.map_or("-".to_owned(), |used| format!("{:.2}", 100.0 * used)),
        area.map_or("-".to_owned(), |um2| format!("{:.3}", um2 * 1e-6)),
        scaled(bits.iter().map(|&bits| bits as f64).sum()),
    ]
}
