//! `hwsim replay`.

use super::arguments::{AccumulatorCostArguments, OutputArguments, OutputFormat};
use super::errors::Failure;
use super::files::Files;
use super::setup;
use crate::cli::output;
use crate::design::{
    COUNT_COLUMNS, MACHINE_COLUMNS, Recording, Replay, UPDATE_COLUMNS, count_cells, machine_cells,
    replay, update_cells,
};
use crate::files::trace::UpdateCost;
use hwmodel::counters::Counters;
use hwmodel::machine::Machine;
use rayon::prelude::*;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::process::ExitCode;

/// Cost of a finished run on other machines, from its trace.
#[derive(Debug, clap::Args)]
#[command(after_help = "docs/explore.md explains what is exact, and every number.")]
pub(super) struct ReplayArguments {
    /// Trace of `hwsim train --trace`, plain or gzip.
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
    /// Machines: shipped names or TOML files, separated by commas or repeated.
    #[arg(
        long,
        value_name = "NAME|FILE",
        value_delimiter = ',',
        required_unless_present = "sweep"
    )]
    machine: Vec<String>,
    /// A TOML file of machines to go through, as for `hwsim sweep`.
    #[arg(long, value_name = "FILE.toml", conflicts_with = "machine")]
    sweep: Option<PathBuf>,
    #[command(flatten)]
    accumulator: AccumulatorCostArguments,
    /// Also one row for each layer.
    #[arg(long)]
    per_layer: bool,
    #[command(flatten)]
    output: OutputArguments,
    /// Threads [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(super) fn run(arguments: &ReplayArguments) -> Result<ExitCode, Failure> {
    let files =
        Files::default().input("the trace", [&arguments.trace]).input("--sweep", &arguments.sweep);
    let machines = arguments.machine.iter();
    machines
        .fold(files, |files, name| files.machine("--machine", name))
        .output("--output", arguments.output.file())
        .check()?;
    setup::threads(arguments.threads.map(usize::from))?;
    let machines = match &arguments.sweep {
        Some(path) => super::sweep::machines_of(path)?,
        None => {
            let names = arguments.machine.iter();
            names.map(|name| setup::machine(name)).collect::<Result<Vec<Machine>, _>>()?
        }
    };
    let recording = Recording::read(&arguments.trace)?;
    let replays: Vec<Replay> = machines
        .par_iter()
        .map(|machine| Ok(replay(&recording, machine, arguments.accumulator.on(machine)?)?))
        .collect::<Result<_, Failure>>()?;
    warn(&recording, &replays);
    let text = match arguments.output.format() {
        OutputFormat::Table => table(&recording, &replays, arguments.per_layer),
        OutputFormat::Csv => csv(&replays, arguments.per_layer)?,
        OutputFormat::Json => json(&recording, &replays, arguments.per_layer)?,
    };
    arguments.output.emit(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Warnings about incomplete data in the totals.
fn warn(recording: &Recording, replays: &[Replay]) {
    let left_out = recording.steps_left_out();
    if left_out > 0 {
        output::note(&format!(
            "hwsim: the trace leaves out {left_out} steps (--trace-every): the totals are those of its {} steps",
            recording.steps()
        ));
    }
    for replay in replays.iter().filter(|replay| replay.narrower_rows > 0) {
        output::note(&format!(
            "hwsim: {}: {} products have a narrower accumulator than in the run: training there might have \
             overflowed and gone another way",
            replay.machine, replay.narrower_rows
        ));
    }
}

fn table(recording: &Recording, replays: &[Replay], per_layer: bool) -> String {
    let name_width = replays.iter().map(|replay| replay.machine.chars().count()).max();
    let layer_width = recording.layers().iter().map(|layer| layer.chars().count() + 2).max();
    let width = name_width.max(layer_width.filter(|_| per_layer)).unwrap_or(0).max(7);
    let mut text = format!(
        "{} steps, {} products of {} kinds\n\n{:<width$} {:>12} {:>11} {:>12} {:>12} {:>9} {:>9} {:>8} {:>8}\n",
        recording.steps(),
        recording.size().0,
        recording.size().1,
        "machine",
        "cycles",
        "seconds",
        "DRAM bits",
        "energy mJ",
        "util. %",
        "mm²",
        "TOPS",
        "TOPS/W"
    );
    let optional = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    for replay in replays {
        let mut line = |name: &str, counters: &Counters, more: String| {
            let share = counters.utilisation(replay.processing_elements).map(|share| 100.0 * share);
            let line = format!(
                "{name:<width$} {:>12.5e} {:>11} {:>12.5e} {:>12.5e} {:>9} {more}",
                counters.cycles.total() as f64,
                if more.is_empty() { String::new() } else { format!("{:.4e}", replay.seconds) },
                counters.traffic.dram_total_bits() as f64,
                counters.energy.total_pj() * 1e-9,
                share.map_or("-".to_owned(), |share| format!("{share:.2}")),
            );
            text.push_str(line.trim_end());
            text.push('\n');
        };
        let whole = format!(
            "{:>9} {:>8} {:>8}",
            optional(replay.area.and_then(|area| area.total_mm2())),
            optional(replay.tops()),
            optional(replay.tops_per_watt())
        );
        line(&replay.machine, &replay.total, whole);
        for layer in replay.layers.iter().filter(|_| per_layer) {
            line(&format!("  {}", layer.name), &layer.counters, String::new());
        }
    }
    text
}

fn csv(replays: &[Replay], per_layer: bool) -> Result<String, Failure> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let head: &[&str] = if per_layer { &["machine", "layer"] } else { &["machine"] };
    csv.write_record(
        head.iter().chain(&COUNT_COLUMNS).chain(&UPDATE_COLUMNS).chain(&MACHINE_COLUMNS),
    )?;
    let columns = head.len() + COUNT_COLUMNS.len() + UPDATE_COLUMNS.len() + MACHINE_COLUMNS.len();
    for replay in replays {
        let pes = replay.processing_elements;
        for layer in replay.layers.iter().filter(|_| per_layer) {
            let mut cells = vec![replay.machine.clone(), layer.name.clone()];
            cells.extend(count_cells(&layer.counters, pes));
            cells.extend(update_cells(&layer.update));
            cells.resize(columns, String::new());
            csv.write_record(cells)?;
        }
        let mut cells = vec![replay.machine.clone()];
        if per_layer {
            cells.push("total".to_owned());
        }
        cells.extend(count_cells(&replay.total, pes));
        cells.extend(update_cells(&replay.update));
        cells.extend(cells_of_machine(replay));
        csv.write_record(cells)?;
    }
    Ok(String::from_utf8(csv.into_inner().map_err(|error| error.into_error())?)?)
}

/// An object of `columns`; cells that are not numbers are null.
fn object(columns: &[&str], cells: Vec<String>) -> Map<String, Value> {
    let number = |cell: &String| serde_json::from_str(cell).unwrap_or(Value::Null);
    columns.iter().zip(cells).map(|(&name, cell)| (name.to_owned(), number(&cell))).collect()
}

/// Products and updates.
fn counts(counters: &Counters, pes: u64, update: &UpdateCost) -> Map<String, Value> {
    let mut all = object(&COUNT_COLUMNS, count_cells(counters, pes));
    all.extend(object(&UPDATE_COLUMNS, update_cells(update)));
    all
}

fn json(recording: &Recording, replays: &[Replay], per_layer: bool) -> Result<String, Failure> {
    let machines = replays.iter().map(|replay| {
        let pes = replay.processing_elements;
        let mut machine = Map::new();
        machine.insert("machine".to_owned(), replay.machine.clone().into());
        machine.extend(object(&MACHINE_COLUMNS, cells_of_machine(replay)));
        machine.insert("total".to_owned(), counts(&replay.total, pes, &replay.update).into());
        if per_layer {
            let layers = replay.layers.iter().map(|layer| {
                let mut object = counts(&layer.counters, pes, &layer.update);
                object.insert("layer".to_owned(), layer.name.clone().into());
                Value::Object(object)
            });
            machine.insert("layers".to_owned(), layers.collect::<Vec<_>>().into());
        }
        Value::Object(machine)
    });
    let all = serde_json::json!({
        "schema": 1,
        "steps": recording.steps(),
        "steps_left_out": recording.steps_left_out(),
        "machines": machines.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

/// The cells of [`MACHINE_COLUMNS`].
fn cells_of_machine(replay: &Replay) -> Vec<String> {
    let area_mm2 = replay.area.and_then(|area| area.total_mm2());
    machine_cells(&replay.total, replay.seconds, area_mm2, replay.narrower_rows)
}
