//! A cost report as a text table.

use super::overview;
use crate::cli::table::{joules, scaled};
use crate::design::workload::{CostReport, CostRow, MachineCost, Pass, Phase};
use hwmodel::energy::Energy;
use hwmodel::machine::Cost;
use hwmodel::product::ByOperand;
use std::collections::BTreeSet;

/// Longest layer name that is not shortened.
const NAME: usize = 30;

/// The whole report.
pub(super) fn render(report: &CostReport) -> String {
    let pass = match report.pass {
        Pass::Inference => "inference",
        Pass::Training => "one training step",
    };
    let mut text = Text::default();
    text.line(format!(
        "{}: {pass}, batch {}, formats {}; {} MACs a sample forward, {} parameters",
        report.workload,
        report.batch,
        report.formats,
        scaled(report.macs as f64),
        scaled(report.parameters as f64)
    ));
    if report.machines.len() > 1 {
        text.line("");
        overview::lines(&report.machines).iter().for_each(|line| text.line(line));
    }
    for machine in &report.machines {
        text.machine(machine);
    }
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref().trim_end());
        self.0.push('\n');
    }

    fn machine(&mut self, machine: &MachineCost) {
        let (shown, free): (Vec<_>, Vec<_>) =
            machine.rows.iter().partition(|row| row.macs > 0 || row.vector_operations > 0);
        let width = shown.iter().map(|row| row.layer.chars().count()).max().unwrap_or(0);
        let width = width.clamp("total".len(), NAME);
        self.line("");
        self.line(format!(
            "{} ({}×{}, {} MHz)",
            machine.machine, machine.array_rows, machine.array_columns, machine.clock_mhz
        ));
        let total = &machine.total;
        let several = several_words(&machine.rows);
        let columns: Vec<_> = CYCLES.into_iter().chain(several.then_some(WORDS)).collect();
        self.section(width, &columns, &shown, |row| {
            let mut cells = match row {
                Some(row) => cycles(&shape(row), row.macs, &row.cost, row.utilisation),
                None => cycles("", total.macs, &total.cost, total.utilisation),
            };
            if several {
                cells.push(row.map_or_else(String::new, words));
            }
            cells
        });
        self.section(width, &TRAFFIC, &shown, |row| {
            traffic(row.map_or(&total.cost, |row| &row.cost))
        });
        let energies: Vec<_> =
            Energy::COMPONENTS.iter().map(|&name| (name, name.len().max(8))).collect();
        let energies = [&energies[..], &[("total pJ", 8)]].concat();
        self.section(width, &energies, &shown, |row| {
            energy(row.map_or(&total.cost, |row| &row.cost))
        });
        self.line("");
        self.footer(machine, &free);
    }

    /// One table: a line a row, then the total.
    fn section(
        &mut self,
        width: usize,
        columns: &[(&str, usize)],
        rows: &[&CostRow],
        cells: impl Fn(Option<&CostRow>) -> Vec<String>,
    ) {
        self.line("");
        let titles = columns.iter().map(|(title, _)| (*title).to_owned()).collect::<Vec<_>>();
        self.row(width, "layer", "phase", columns, &titles);
        for row in rows {
            self.row(width, &row.layer, row.phase.name(), columns, &cells(Some(row)));
        }
        self.row(width, "total", "", columns, &cells(None));
    }

    fn row(
        &mut self,
        width: usize,
        layer: &str,
        phase: &str,
        columns: &[(&str, usize)],
        cells: &[String],
    ) {
        let mut line = format!("{:<width$} {phase:<11}", shortened(layer));
        for ((_, width), cell) in columns.iter().zip(cells) {
            line.push_str(&format!(" {cell:>width$}"));
        }
        self.line(line);
    }

    fn footer(&mut self, machine: &MachineCost, free: &[&CostRow]) {
        let total = &machine.total;
        self.line(format!(
            "{} cycles = {:.6} s, {}",
            scaled(total.cost.cycles.total() as f64),
            machine.seconds,
            joules(total.cost.energy.total_pj())
        ));
        if let Some(area) = &machine.area {
            let mm2 = |um2: Option<f64>| match um2 {
                Some(um2) => format!(" = {:.3} mm²", um2 * 1e-6),
                None => String::new(),
            };
            let transistors = area.array_transistors + area.requantiser_transistors;
            let (logic, sram) = (scaled(transistors), scaled(area.sram_bits as f64));
            self.line(format!(
                "area: array and requantisers {logic} transistors{}, SRAM {sram} bits{}",
                mm2(area.logic_um2),
                mm2(area.sram_um2)
            ));
        }
        if !free.is_empty() {
            let kinds: BTreeSet<&str> = free.iter().map(|row| row.kind.as_str()).collect();
            let kinds: Vec<_> = kinds.into_iter().collect();
            self.line(format!(
                "not shown: {} phases that cost nothing ({})",
                free.len(),
                kinds.join(", ")
            ));
        }
    }
}

const CYCLES: [(&str, usize); 7] = [
    ("M×N×K (×groups)", 24),
    ("MACs", 8),
    ("compute", 8),
    ("stall", 8),
    ("vector", 8),
    ("reconf.", 8),
    ("used %", 7),
];

fn cycles(shape: &str, macs: u64, cost: &Cost, used: Option<f64>) -> Vec<String> {
    let cycles = cost.cycles;
    let mut cells = vec![shape.to_owned(), scaled(macs as f64)];
    let all = [cycles.compute, cycles.stall, cycles.vector, cycles.reconfigure];
    cells.extend(all.map(|cycles| scaled(cycles as f64)));
    cells.push(used.filter(|_| macs > 0).map_or("-".to_owned(), |u| format!("{:.2}", 100.0 * u)));
    cells
}

/// Shown where layers have different word lengths.
const WORDS: (&str, usize) = ("bits I×W→O", 11);

/// Whether the forward products of `rows` have different word lengths.
fn several_words(rows: &[CostRow]) -> bool {
    let forward = rows.iter().filter(|row| row.phase == Phase::Forward);
    let mut lengths = forward.filter_map(|row| row.product.map(|product| product.wl));
    lengths.next().is_some_and(|first| lengths.any(|other| other != first))
}

fn words(row: &CostRow) -> String {
    let words = row.product.map(|product| product.wl);
    words.map_or_else(String::new, |wl| format!("{}×{}→{}", wl.input, wl.weight, wl.output))
}

fn shape(row: &CostRow) -> String {
    match &row.product {
        None => row.kind.clone(),
        Some(product) => {
            let groups =
                if product.groups == 1 { String::new() } else { format!(" ×{}", product.groups) };
            format!("{}×{}×{}{groups}", product.m, product.n, product.k)
        }
    }
}

const TRAFFIC: [(&str, usize); 7] = [
    ("SRAM in, bits", 14),
    ("weight", 8),
    ("output", 8),
    ("DRAM in, bits", 14),
    ("weight", 8),
    ("output", 8),
    ("vector", 8),
];

fn traffic(cost: &Cost) -> Vec<String> {
    let traffic = cost.traffic;
    let mut cells = Vec::new();
    for memory in [traffic.sram_bits(), traffic.dram_bits()] {
        let ByOperand { input, weight, output } = memory;
        cells.extend([input, weight, output].map(|bits| scaled(bits as f64)));
    }
    cells.push(scaled(traffic.vector_dram_bits as f64));
    cells
}

/// Every component in pJ, then their sum.
fn energy(cost: &Cost) -> Vec<String> {
    let values = cost.energy.values_pj();
    values.into_iter().chain([cost.energy.total_pj()]).map(scaled).collect()
}

/// A layer's name, the beginning cut off if it is long: the end says more.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length - (NAME - 1)).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shortened("conv1"), "conv1");
        let long = shortened("/model/encoder/layers.11/self_attn/q_proj/MatMul");
        assert_eq!(long, "…rs.11/self_attn/q_proj/MatMul");
        assert_eq!(long.chars().count(), NAME);
    }
}
