//! `hwsim machines`.

use super::arguments::OutputArguments;
use super::errors::Failure;
use super::files::Files;
use super::{output, setup};
use anyhow::{Context as _, anyhow};
use hwmodel::Rounding;
use hwmodel::cast::{exact, toward_zero};
use hwmodel::energy::EnergyTables;
use hwmodel::mac_style::MacEnergy;
use hwmodel::machine::{Area, Machine};
use hwmodel::product::ByOperand;
use hwmodel::timing::{Circuit, Staging};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Word lengths in bits for which rates and energies are shown.
const WORD_LENGTHS: [u32; 6] = [1, 2, 4, 8, 16, 32];
/// Word length of the list, and of areas where the hardware has no fixed width.
const COMMON: u32 = 8;
/// Terms of a sum, for accumulators without a fixed width.
const TERMS: u64 = 1024;
const BITS_PER_KIB: u64 = 8192;

/// The shipped machines, or one machine with what follows from its description.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct MachinesArguments {
    #[command(subcommand)]
    command: Option<MachinesCommand>,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, clap::Subcommand)]
enum MachinesCommand {
    /// The shipped energy tables, or the CSV text of one, to start one's own from.
    Energy {
        /// Name of a table; without it the names are listed.
        table: Option<String>,
        /// Write it into this file instead of printing it.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// One machine: peak rates, balance and energy of a MAC at several word lengths, area.
    Show {
        /// The name of a shipped machine, or a TOML file.
        machine: String,
        #[command(flatten)]
        output: OutputArguments,
        /// Print the TOML description, as a template for user-defined machines.
        #[arg(long, conflicts_with_all = ["json", "format"])]
        toml: bool,
    },
}

/// Rates and energy of a machine for words of one length.
#[derive(Debug, Serialize)]
struct AtWordLength {
    /// Bits of both operands.
    word_length: u32,
    accumulator_bits: u32,
    macs_per_cycle: f64,
    /// 10^12 operations per second, two a MAC.
    peak_tops: f64,
    /// Peak MACs per bit of DRAM bandwidth.
    macs_per_dram_bit: f64,
    mac_pj: MacEnergy,
    /// With these words, sums of 1024 terms and rounding to nearest even.
    area: Area,
}

#[derive(Debug, Serialize)]
struct MachineReport {
    name: String,
    rows: u32,
    columns: u32,
    overlap_load: bool,
    overlap_drain: bool,
    circuit: Circuit,
    dataflow: &'static str,
    mac: String,
    zero_gating: bool,
    zero_skip_limit: u32,
    accumulator: String,
    clock_mhz: f64,
    sram_bits: ByOperand<u64>,
    sram_bandwidth_bits_per_cycle: ByOperand<u64>,
    reuse: &'static str,
    dram_bandwidth_bits_per_cycle: u64,
    double_buffered: bool,
    dram_pj_per_bit: f64,
    float32_lanes: u64,
    reconfiguration_cycles: u64,
    reconfiguration_pj: f64,
    energy_table: String,
    node_nm: u32,
    energies_checked: bool,
    at: Vec<AtWordLength>,
    /// With words of 8 bits, sums of 1024 terms and rounding to nearest even.
    area: Area,
}

pub(super) fn run(arguments: &MachinesArguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        None => {
            let machines = Machine::names().map(Machine::builtin).collect::<Result<Vec<_>, _>>()?;
            let reports: Vec<_> = machines.iter().map(report).collect();
            arguments.output.emit_rows(&reports, &reports, |reports| list(reports))?;
        }
        Some(MachinesCommand::Energy { table, output }) => {
            energy(table.as_deref(), output.as_deref())?
        }
        Some(MachinesCommand::Show { machine, toml: true, output }) => {
            check_files(machine, output)?;
            output.emit(&description(machine)?)?;
        }
        Some(MachinesCommand::Show { machine, output, .. }) => {
            check_files(machine, output)?;
            let report = report(&setup::machine(machine)?);
            output.emit_rows(&report, std::slice::from_ref(&report), show)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn check_files(machine: &str, output: &OutputArguments) -> Result<(), Failure> {
    Files::default().machine("the machine", machine).output("--output", output.file()).check()
}

/// The TOML text of a shipped machine or of a file that is one.
fn description(name: &str) -> Result<String, Failure> {
    setup::machine(name)?;
    match Machine::builtin_toml(name) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Ok(std::fs::read_to_string(name)
            .with_context(|| format!("cannot read machine `{name}`"))?),
    }
}

fn report(machine: &Machine) -> MachineReport {
    let area_at = |word_length| {
        let bits = ByOperand { input: word_length, weight: word_length, output: word_length };
        let sums = machine.accumulator_bits(word_length, word_length, TERMS);
        machine.area(bits, sums, Rounding::NearestEven)
    };
    let at = |word_length| {
        let accumulator_bits = machine.accumulator_bits(word_length, word_length, TERMS);
        AtWordLength {
            word_length,
            accumulator_bits,
            macs_per_cycle: machine.peak_macs_per_cycle(word_length, word_length),
            peak_tops: machine.peak_tops(word_length, word_length),
            macs_per_dram_bit: machine.balance_macs_per_bit(word_length, word_length),
            mac_pj: machine.mac_cost(word_length, word_length, accumulator_bits).energy,
            area: area_at(word_length),
        }
    };
    let (array, memory, energy) = (machine.array(), machine.memory(), machine.energy());
    let accumulator = machine.accumulator();
    MachineReport {
        name: machine.name().to_owned(),
        rows: array.rows,
        columns: array.columns,
        overlap_load: array.overlap_load,
        overlap_drain: array.overlap_drain,
        circuit: array.circuit,
        dataflow: machine.dataflow().name(),
        mac: machine.mac().style.describe(),
        zero_gating: machine.mac().zero_gating,
        zero_skip_limit: machine.mac().zero_skip_limit,
        accumulator: if accumulator.is_one_level() {
            format!("{} {}", accumulator.width, accumulator.overflow)
        } else {
            accumulator.to_string()
        },
        clock_mhz: machine.clock_mhz(),
        sram_bits: memory.sram_bits,
        sram_bandwidth_bits_per_cycle: memory.sram_bandwidth_bits_per_cycle,
        reuse: memory.reuse.name(),
        dram_bandwidth_bits_per_cycle: memory.dram_bandwidth_bits_per_cycle,
        double_buffered: memory.double_buffered,
        dram_pj_per_bit: energy.dram_pj_per_bit(),
        float32_lanes: machine.vector_unit().float32_lanes,
        reconfiguration_cycles: machine.reconfiguration().latency_cycles,
        reconfiguration_pj: machine.reconfiguration().energy_pj,
        energy_table: energy.table().to_owned(),
        node_nm: energy.node_nm(),
        energies_checked: energy.all_checked(),
        at: WORD_LENGTHS.into_iter().map(at).collect(),
        area: area_at(COMMON),
    }
}

/// Three significant digits, without trailing zeros.
fn short(value: f64) -> String {
    let magnitude = if value > 0.0 { toward_zero::<i32>(libm::log10(value).floor()) } else { 0 };
    let decimals = exact::<usize>((2 - magnitude).clamp(0, 6));
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn optional(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), short)
}

fn list(reports: &[MachineReport]) -> String {
    let mut text = format!(
        "{:<22} {:<18} {:<31} {:>7} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7}\n",
        "machine",
        "dataflow",
        "MAC",
        "MHz",
        "SRAM KiB",
        "DRAM b/c",
        "TOPS@8",
        "MAC/bit",
        "pJ/MAC",
        "mm2"
    );
    for report in reports {
        let Some(at) = report.at.iter().find(|at| at.word_length == COMMON) else { continue };
        let _ = writeln!(
            text,
            "{:<22} {:<18} {:<31} {:>7} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7}",
            report.name,
            report.dataflow,
            report.mac,
            short(report.clock_mhz),
            report.sram_bits.total() / BITS_PER_KIB,
            report.dram_bandwidth_bits_per_cycle,
            short(at.peak_tops),
            short(at.macs_per_dram_bit),
            short(at.mac_pj.total_pj()),
            optional(report.area.total_mm2()),
        );
    }
    text.push_str(
        "\nTOPS, MACs per bit of DRAM bandwidth and energy of a MAC are peaks at 8-bit words. Energies and areas are a model, \
         on different nodes.\nOne machine in full: hwsim machines show NAME. Keys and formulas: docs/machine.md.\n",
    );
    text
}

fn show(report: &MachineReport) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<22}{value}");
    };
    let yes = |flag: bool| if flag { "yes" } else { "no" };
    let by_operand = |values: ByOperand<u64>, divisor: u64| {
        let each = values.map(|value| short(value as f64 / divisor as f64));
        format!("input {}, weight {}, output {}", each.input, each.weight, each.output)
    };
    line("machine", report.name.clone());
    line(
        "array",
        format!(
            "{} x {}, {}, {} MHz",
            report.rows,
            report.columns,
            report.dataflow,
            short(report.clock_mhz)
        ),
    );
    line(
        "overlap of folds",
        format!("load {}, drain {}", yes(report.overlap_load), yes(report.overlap_drain)),
    );
    if !report.circuit.is_default() {
        line("circuit", circuit(&report.circuit));
    }
    line("MAC", report.mac.clone());
    let skipping = match report.zero_skip_limit {
        0 | 1 => "not skipped".to_owned(),
        limit => format!("skipped, up to {limit}-fold"),
    };
    line("zeros", format!("gated {}, {skipping}", yes(report.zero_gating)));
    line("accumulator", report.accumulator.clone());
    line("SRAM KiB", by_operand(report.sram_bits, BITS_PER_KIB));
    line("SRAM bits per cycle", by_operand(report.sram_bandwidth_bits_per_cycle, 1));
    line(
        "DRAM",
        format!(
            "{} bits per cycle = {} GB/s, {} pJ per bit",
            report.dram_bandwidth_bits_per_cycle,
            short(report.dram_bandwidth_bits_per_cycle as f64 * report.clock_mhz * 1e-3 / 8.0),
            short(report.dram_pj_per_bit)
        ),
    );
    line(
        "on chip",
        format!("double buffered {}, reuse {}", yes(report.double_buffered), report.reuse),
    );
    line("vector unit", format!("{} float32 operations per cycle", report.float32_lanes));
    line(
        "reconfiguration",
        format!(
            "{} cycles, {} pJ",
            report.reconfiguration_cycles,
            short(report.reconfiguration_pj)
        ),
    );
    let checked =
        if report.energies_checked { "" } else { " (not all compared with their source)" };
    line("energy", format!("{}, {} nm{checked}", report.energy_table, report.node_nm));
    line("area (8 bits)", area(&report.area));
    let _ = writeln!(
        text,
        "\n{:>4} {:>12} {:>12} {:>10} {:>12} {:>12} {:>14}",
        "WL", "accumulator", "MACs/cycle", "TOPS", "MACs/DRAM b", "pJ multiply", "pJ accumulate"
    );
    for at in &report.at {
        let _ = writeln!(
            text,
            "{:>4} {:>12} {:>12} {:>10} {:>12} {:>12} {:>14}",
            at.word_length,
            at.accumulator_bits,
            short(at.macs_per_cycle),
            short(at.peak_tops),
            short(at.macs_per_dram_bit),
            short(at.mac_pj.multiply_pj),
            short(at.mac_pj.accumulate_pj)
        );
    }
    text
}

/// What is not usual in how an array is built.
fn circuit(circuit: &Circuit) -> String {
    let usual = Circuit::default();
    let Circuit {
        input_registers,
        row_hop,
        multiplier_latency,
        accumulator_latency,
        switch_cycles,
        drain,
        drain_start,
        partial_sums,
        leave_early,
        broadcast,
        staging,
    } = *circuit;
    let mut parts = Vec::new();
    let mut number = |name: &str, value: u32, usual: u32| {
        if value != usual {
            parts.push(format!("{name} {value}"));
        }
    };
    number("input registers", input_registers, usual.input_registers);
    number("row hop", row_hop, usual.row_hop);
    number("multiplier latency", multiplier_latency, usual.multiplier_latency);
    number("accumulator latency", accumulator_latency, usual.accumulator_latency);
    number("switch cycles", switch_cycles, usual.switch_cycles);
    let mut word = |name: &str, value: &str, usual: &str| {
        if value != usual {
            parts.push(format!("{name} {value}"));
        }
    };
    word("drain", drain.name(), usual.drain.name());
    word("drain start", drain_start.name(), usual.drain_start.name());
    word("partial sums", partial_sums.name(), usual.partial_sums.name());
    if leave_early {
        parts.push("edge folds leave early".to_owned());
    }
    if broadcast {
        parts.push("operands broadcast".to_owned());
    }
    if let Some(Staging { rows, tile_cycles, product_cycles }) = staging {
        parts.push(format!(
            "tiles of {rows} rows staged ({tile_cycles} cycles each, {product_cycles} a product)"
        ));
    }
    parts.join(", ")
}

fn energy(table: Option<&str>, file: Option<&Path>) -> Result<(), Failure> {
    let names: Vec<_> = EnergyTables::builtin_names().collect();
    let text = match table {
        None => names.join("\n") + "\n",
        Some(name) => EnergyTables::builtin_csv(name)
            .ok_or_else(|| {
                let known = names.join(", ");
                Failure::usage(anyhow!("unknown energy table `{name}`: use one of {known}"))
            })?
            .to_owned(),
    };
    match file {
        Some(file) => output::write(file, &text)?,
        None => output::print(&text)?,
    }
    Ok(())
}

fn area(area: &Area) -> String {
    let mm2 = |um2: Option<f64>| optional(um2.map(|um2| um2 * 1e-6));
    format!(
        "{} transistors a PE, array {} M, requantisers {} M; logic {} mm2, SRAM {} mm2",
        area.pe_transistors.round(),
        short(area.array_transistors * 1e-6),
        short(area.requantiser_transistors * 1e-6),
        mm2(area.logic_um2),
        mm2(area.sram_um2)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let texts = [0.0, 0.256, 91.7504, 65536.0, 0.001_234_5, 4.0].map(short);
        assert_eq!(texts, ["0", "0.256", "91.8", "65536", "0.00123", "4"]);
    }

    #[test]
    fn every_shipped_machine_is_listed_with_its_peak() {
        let reports: Vec<_> =
            Machine::names().map(|name| report(&Machine::builtin(name).unwrap())).collect();
        let text = list(&reports);
        for name in Machine::names() {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name}");
        }
        let tpu = text.lines().find(|line| line.starts_with("tpu")).unwrap();
        assert!(tpu.contains("91.8"), "{tpu}");
    }
}
