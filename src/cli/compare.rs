//! `hwsim compare`: runs side by side, by their summaries or traces.

mod of_trace;

use super::arguments::{OutputArguments, OutputFormat};
use super::errors::Failure;
use super::files::Files;
use crate::report::{SETTINGS, Settings, differ, of_summary, other_options};
use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Compare runs by their summaries or traces.
#[derive(Debug, Args)]
pub(super) struct CompareArguments {
    /// Summaries that `hwsim train --summary FILE` wrote, or traces of `--trace FILE`, which have less: no
    /// controller, network or seed, and no sums unless every step is in the trace.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
}

/// A quantity of a summary.
struct Quantity {
    /// Its key there, and its CSV column and JSON key here.
    key: &'static str,
    /// Its name in the table.
    label: &'static str,
    /// Multiplier of the value in the table.
    scale: f64,
    /// Digits after the point in the table; `None` for words and whole numbers.
    decimals: Option<usize>,
}

const fn word(key: &'static str, label: &'static str) -> Quantity {
    Quantity { key, label, scale: 1.0, decimals: None }
}

const fn number(key: &'static str, label: &'static str, scale: f64, decimals: usize) -> Quantity {
    Quantity { key, label, scale, decimals: Some(decimals) }
}

/// For language models only.
const PERPLEXITY: &str = "perplexity";

/// Key of the settings that a trace shows, where a run has no summary.
const TRACED: &str = "traced_settings";

/// Rows that say what the run is, before its settings.
const IDENTITY: usize = 5;

/// Figures that summaries of earlier versions lack.
const LATER: [&str; 2] = ["final_sparsity_exact", "mean_sparsity_exact"];

const QUANTITIES: [Quantity; 28] = [
    word("controller", "controller"),
    word("arch", "network"),
    word("dataset", "data"),
    word("machine", "machine"),
    word("seed", "seed"),
    word("epochs", "epochs"),
    word("steps", "steps"),
    number("top1", "top-1, %", 100.0, 2),
    number("top1_best", "best top-1, %", 100.0, 2),
    number("loss", "test loss, nats", 1.0, 4),
    number(PERPLEXITY, "test perplexity", 1.0, 3),
    number("su1", "SU1, training speedup", 1.0, 3),
    number("su2", "SU2, at iso-accuracy", 1.0, 3),
    number("su3", "SU3, against MuPPET's baseline", 1.0, 3),
    number("mem_exact", "MEM, training memory", 1.0, 3),
    number("mem", "MEM as in the paper", 1.0, 3),
    number("size_ratio_exact", "SZ, model size", 1.0, 3),
    number("size_ratio", "SZ as in the paper", 1.0, 3),
    number("inference_su", "inference speedup", 1.0, 3),
    number("final_sparsity_exact", "zero weights at the end, %", 100.0, 2),
    number("final_sparsity", "zero weights at the end, mean of layers, %", 100.0, 2),
    number("mean_sparsity_exact", "zero weights on average, %", 100.0, 2),
    number("mean_sparsity", "zero weights on average, mean of layers, %", 100.0, 2),
    number("saturation_rate", "saturated, %", 100.0, 4),
    word("accumulator_events", "accumulator events"),
    word("cycles", "cycles"),
    number("machine_seconds", "machine time, ms", 1e3, 3),
    number("energy_pj", "energy, mJ", 1e-9, 4),
];

/// A run with its name: that of its file, or of its controller.
pub(super) struct Run {
    pub(super) name: String,
    pub(super) summary: Map<String, Value>,
}

impl Run {
    fn value(&self, quantity: &Quantity) -> &Value {
        self.summary.get(quantity.key).unwrap_or(&Value::Null)
    }

    /// The settings of a summary, or those that a trace shows.
    fn settings(&self) -> Settings {
        let Some(traced) = self.summary.get(TRACED) else { return of_summary(&self.summary) };
        SETTINGS.map(|setting| traced.get(setting.key)?.as_str().map(str::to_owned))
    }
}

pub(super) fn run(arguments: &CompareArguments) -> Result<ExitCode, Failure> {
    Files::default()
        .input("a run", &arguments.runs)
        .output("--output", arguments.output.file())
        .check()?;
    let runs: Vec<Run> =
        arguments.runs.iter().map(|path| read_any(path)).collect::<Result<_, Failure>>()?;
    let text = match arguments.output.format() {
        OutputFormat::Table => table(&runs),
        OutputFormat::Csv => csv(&runs)?,
        OutputFormat::Json => json(&runs)?,
    };
    arguments.output.emit(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The summary or trace at `path`.
fn read_any(path: &Path) -> Result<Run, Failure> {
    let mut start = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    // A gzip file, or the name of a trace's first column.
    if read.is_ok() && [[0x1f, 0x8b], *b"sc"].contains(&start) {
        return Ok(of_trace::read(path)?);
    }
    self::read(path)
}

/// The summary at `path`.
pub(super) fn read(path: &Path) -> Result<Run, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
    let why =
        "is no summary or trace: give a file of `hwsim train --summary FILE` or `--trace FILE`";
    let summary: Map<String, Value> =
        serde_json::from_str(&text).with_context(|| format!("`{shown}` {why}"))?;
    // A float32 run has no SU2; everything else is in every summary.
    let optional = |key: &str| key == PERPLEXITY || LATER.contains(&key);
    for quantity in QUANTITIES.iter().filter(|quantity| !optional(quantity.key)) {
        if !summary.contains_key(quantity.key) {
            let key = quantity.key;
            return Err(Failure::Run(anyhow!("`{shown}` {why} (it has no `{key}`)")));
        }
    }
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(Run { name, summary })
}

/// A value as written in the summary; empty if the run has none.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cell(quantity: &Quantity, value: &Value) -> String {
    match (value.as_f64(), quantity.decimals) {
        (Some(number), Some(decimals)) => format!("{:.decimals$}", quantity.scale * number),
        _ if value.is_null() => "-".to_owned(),
        _ => plain(value),
    }
}

/// A row for each setting in which runs differ.
fn differences(runs: &[Run]) -> Vec<Vec<String>> {
    let settings: Vec<Settings> = runs.iter().map(Run::settings).collect();
    let named = SETTINGS.iter().enumerate().map(|(index, setting)| {
        let values = settings.iter().map(|own| own[index].clone()).collect();
        (setting.label.to_owned(), values)
    });
    let summaries: Vec<_> = runs.iter().map(|run| Some(&run.summary)).collect();
    let others = other_options(&summaries)
        .into_iter()
        .map(|(name, values)| (format!("option {name}"), values));
    named
        .chain(others)
        .filter(|(_, values): &(String, Vec<Option<String>>)| {
            differ(values.iter().map(Option::as_deref))
        })
        .map(|(label, values)| {
            let cells = values.into_iter().map(|value| value.unwrap_or_else(|| "-".to_owned()));
            std::iter::once(label).chain(cells).collect()
        })
        .collect()
}

/// One column a run; settings are named where runs differ in them.
pub(super) fn table(runs: &[Run]) -> String {
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(runs.iter().map(|run| run.name.clone()));
    for (index, quantity) in QUANTITIES.iter().enumerate() {
        if index == IDENTITY {
            rows.extend(differences(runs));
        }
        let mut row = vec![quantity.label.to_owned()];
        row.extend(runs.iter().map(|run| cell(quantity, run.value(quantity))));
        rows.push(row);
    }
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..=runs.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = format!("{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            line.push_str(&format!("  {cell:>width$}"));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push_str(&reasons_without_su3(runs));
    out
}

/// Why runs have no SU3: one line, without their names, if the reason is the same for all.
fn reasons_without_su3(runs: &[Run]) -> String {
    let reason =
        |run: &Run| run.summary.get("su3_reason").and_then(Value::as_str).map(str::to_owned);
    let reasons: Vec<Option<String>> = runs.iter().map(reason).collect();
    match reasons.first() {
        Some(Some(first)) if reasons.iter().all(|reason| reason.as_ref() == Some(first)) => {
            format!("no SU3: {first}\n")
        }
        _ => {
            let named = runs.iter().zip(&reasons).filter_map(|(run, reason)| {
                reason.as_ref().map(|reason| format!("no SU3 of {}: {reason}\n", run.name))
            });
            named.collect()
        }
    }
}

fn csv(runs: &[Run]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let keys = QUANTITIES.iter().map(|quantity| quantity.key);
    let settings = SETTINGS.iter().map(|setting| setting.key);
    writer.write_record(std::iter::once("run").chain(keys).chain(settings))?;
    for run in runs {
        let values = QUANTITIES.iter().map(|quantity| plain(run.value(quantity)));
        let values = values.chain(run.settings().map(Option::unwrap_or_default));
        writer.write_record(std::iter::once(run.name.clone()).chain(values))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn json(runs: &[Run]) -> anyhow::Result<String> {
    let object = |run: &Run| {
        let name = ("run".to_owned(), Value::String(run.name.clone()));
        let values = QUANTITIES
            .iter()
            .map(|quantity| (quantity.key.to_owned(), run.value(quantity).clone()));
        let settings = SETTINGS.iter().zip(run.settings());
        let settings =
            settings.map(|(setting, value)| (setting.key.to_owned(), Value::from(value)));
        Value::Object(std::iter::once(name).chain(values).chain(settings).collect())
    };
    let all: Vec<Value> = runs.iter().map(object).collect();
    Ok(format!("{}\n", serde_json::to_string_pretty(&all)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> Vec<Run> {
        let of = |name: &str, controller: &str, su2: Value| {
            let mut summary: Map<String, Value> = QUANTITIES
                .iter()
                .map(|quantity| match quantity.decimals {
                    None => (quantity.key.to_owned(), Value::from(7)),
                    Some(_) => (quantity.key.to_owned(), Value::from(0.25)),
                })
                .collect();
            summary.insert("controller".to_owned(), controller.into());
            summary.insert("su2".to_owned(), su2);
            Run { name: name.to_owned(), summary }
        };
        vec![of("first", "adapt", Value::from(1.5)), of("second, again", "muppet", Value::Null)]
    }

    #[test]
    fn a_table_has_a_column_a_run() {
        let text = table(&runs());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + QUANTITIES.len());
        let row = |label, first, second| format!("{label:<42}  {first:>7}  {second:>13}");
        assert_eq!(lines[0], row("", "first", "second, again"));
        assert_eq!(lines[1], row("controller", "adapt", "muppet"));
        assert!(lines[8].ends_with("25.00          25.00"), "{}", lines[8]);
        assert!(lines[13].ends_with("1.500              -"), "{}", lines[13]);
    }

    #[test]
    fn csv_and_json_have_the_values_of_the_summary() {
        let text = csv(&runs()).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let su2 = header.iter().position(|key| key == "su2").unwrap();
        assert_eq!((&rows[0][su2], &rows[1][su2], &rows[1][0]), ("1.5", "", "second, again"));
        let list: Value = serde_json::from_str(&json(&runs()).unwrap()).unwrap();
        assert_eq!(list[0]["top1"], 0.25);
        assert_eq!(list[1]["su2"], Value::Null);
        assert_eq!(list[1]["run"], "second, again");
    }
}
