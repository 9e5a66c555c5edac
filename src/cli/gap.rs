//! `hwsim gap`.

use super::arguments::{OutputArguments, expand, records};
use super::errors::Failure;
use super::files::Files;
use super::gap_table::{self, Subject};
use super::model_data::{DataArguments, ModelData, images};
use super::{accumulator_warning, output, setup};
use crate::verify::gap::{
    Distribution, GapOptions, GapRow, LayerGap, NetworkGap, RandomProduct, SCHEMA, rows,
};
use anyhow::{Context as _, anyhow};
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::{Accumulator, Format, Overflow};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// How far a float32 emulation of fixed point is from the integers of hardware.
#[derive(Debug, clap::Args)]
#[command(after_help = "docs/gap.md explains every number.")]
pub(super) struct GapArguments {
    /// Model file whose layers are compared, as written by `hwsim train --save-model`; without it
    /// a random matrix product of --m, --n and --k.
    #[arg(required_unless_present = "m", conflicts_with_all = ["m", "n", "k"])]
    model: Option<PathBuf>,
    /// Only this MAC layer, by name or number.
    #[arg(long, requires = "model")]
    layer: Option<String>,
    /// Test images that the layers are run on.
    #[arg(long, value_name = "N", default_value_t = 32, requires = "model")]
    images: usize,
    #[command(flatten)]
    data: DataArguments,
    /// Rows of the random product.
    #[arg(long, requires = "n")]
    m: Option<usize>,
    /// Columns of the random product.
    #[arg(long, requires = "k")]
    n: Option<usize>,
    /// Terms of each sum of the random product.
    #[arg(long, requires = "m")]
    k: Option<usize>,
    /// Seed of the random product.
    #[arg(long, default_value_t = 1, conflicts_with = "model")]
    seed: u64,
    /// Distribution of its numbers: normal or uniform; the right operand is divided by √K.
    #[arg(long, default_value_t, conflicts_with = "model")]
    distribution: Distribution,
    /// Formats WL,FL of inputs, weights, biases and outputs, joined by `;`, as in '8,4;16,12'.
    #[arg(
        long,
        value_name = "LIST",
        allow_hyphen_values = true,
        default_value = "8,4;12,8;16,12;24,16"
    )]
    formats: Vec<String>,
    /// Accumulator widths in bits (1 to 64) or `exact`, separated by commas; 16..32:4 is a range.
    #[arg(long, alias = "acc", value_name = "LIST", default_value = "16,20,24,32,exact")]
    accumulator: Vec<String>,
    /// What an addition outside the accumulator's range does: wrap, saturate or both in turn [default: saturate].
    #[arg(long, value_name = "WORD")]
    accumulator_overflow: Option<OverflowChoice>,
    /// Threads; all processors if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// An older way to have the rows as CSV in addition to what is printed.
    #[arg(long, value_name = "FILE", hide = true)]
    csv: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
}

/// Overflow policies that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OverflowChoice {
    Wrap,
    Saturate,
    Both,
}

/// Images that run through a network at a time; results do not depend on it.
const BATCH: usize = 64;

pub(super) fn run(arguments: &GapArguments) -> Result<ExitCode, Failure> {
    let options = GapOptions {
        simd: setup::simd()?,
        formats: arguments.formats()?,
        accumulators: arguments.accumulators()?,
    };
    setup::threads(arguments.threads)?;
    Files::default()
        .input("the model", &arguments.model)
        .data(arguments.data.data_dir.as_ref())
        .output("--csv", &arguments.csv)
        .output("--output", arguments.output.file())
        .check()?;
    let (subject, layers) = match (&arguments.model, arguments.m, arguments.n, arguments.k) {
        (Some(model), ..) => network_gap(arguments, model, options)?,
        (None, Some(m), Some(n), Some(k)) => {
            if arguments.data.dataset.is_some() || arguments.data.data_dir.is_some() {
                return Err(Failure::usage(anyhow!("a data set needs a MODEL that runs on it")));
            }
            let (seed, distribution) = (arguments.seed, arguments.distribution);
            let product = RandomProduct { m, n, k, seed, distribution };
            let gap = product.measure(&options).map_err(Failure::usage)?;
            (Subject::Random(product), vec![LayerGap { layer: "product".to_owned(), gap }])
        }
        _ => return Err(Failure::usage(anyhow!("give a MODEL, or all of --m, --n and --k"))),
    };
    let rows = rows(&layers);
    // The widest accumulator that has the fault speaks for the others.
    let bits = |row: &GapRow| match row.accumulator {
        AccumulatorWidth::Bits(bits) => Some(bits),
        AccumulatorWidth::Exact => None,
    };
    let warnings = rows.iter().filter_map(|row| Some((bits(row)?, warning(row)?)));
    if let Some((_, warning)) = warnings.max_by_key(|(bits, _)| *bits) {
        output::note(&format!("hwsim: warning: {warning}"));
    }
    let mut outputs = output::Attempts::default();
    if let Some(path) = &arguments.csv {
        outputs.add(records(&rows).and_then(|text| output::write(path, &text)));
    }
    let report = Report { schema: SCHEMA, subject: &subject, rows: &rows };
    let table = |_: &Report<'_>| gap_table::render(&subject, &layers);
    outputs.add(arguments.output.emit_rows(&report, &rows, table));
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// The warning about an accumulator that holds no sum of 1 or more.
fn warning(row: &GapRow) -> Option<String> {
    let sums = accumulator_warning::Sums {
        layer: &row.layer,
        fractional_bits: 2 * row.fl,
        sufficient: row.bits_any_words,
    };
    let accumulator = Accumulator { width: row.accumulator, overflow: Overflow::Saturate };
    accumulator_warning::of_sums([sums], accumulator, row.accumulator_events)
}

fn network_gap(
    arguments: &GapArguments,
    model: &std::path::Path,
    options: GapOptions,
) -> Result<(Subject, Vec<LayerGap>), Failure> {
    let data = ModelData::load(model, &arguments.data, arguments.images)?;
    let layers = match &arguments.layer {
        Some(layer) => vec![data.layer(layer)?],
        None => (0..data.network.mac_layers.len()).collect(),
    };
    let ModelData { network, header, dataset } = data;
    let fixed = network.parameters.iter().any(|parameter| parameter.quantised.is_some());
    let count = dataset.test.len();
    let bar = ProgressBar::new(count as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.tick();
    let cannot = || format!("cannot compare `{}`", model.display());
    let mut gap = NetworkGap::new(network, layers, options).with_context(cannot)?;
    for start in (0..count).step_by(BATCH) {
        let end = count.min(start + BATCH);
        gap.add(images(&dataset, start..end)).with_context(cannot)?;
        bar.set_position(end as u64);
    }
    bar.finish_and_clear();
    let subject = Subject::Network {
        network: header.arch,
        dataset: dataset.name,
        data_origin: dataset.origin.to_string(),
        images: count,
        quantised_weights: fixed,
    };
    Ok((subject, gap.finish()))
}

impl GapArguments {
    fn formats(&self) -> Result<Vec<Format>, Failure> {
        let wrong = |text: &str, why: String| {
            Failure::usage(anyhow!("`--formats` has `{text}`: {why}, as in 8,4"))
        };
        let parse = |text: &str| {
            let form = || wrong(text, "write WL,FL".to_owned());
            let (wl, fl) = text.split_once(',').ok_or_else(form)?;
            let wl = wl.trim().parse().map_err(|_| form())?;
            let fl = fl.trim().parse().map_err(|_| form())?;
            Format::new(wl, fl).map_err(|error| wrong(text, error.to_string()))
        };
        let mut all = Vec::new();
        for text in self.formats.iter().flat_map(|list| list.split(';')) {
            all.push(parse(text)?);
        }
        Ok(all)
    }

    /// The widths, each with every policy; `exact` once, since nothing overflows it.
    fn accumulators(&self) -> Result<Vec<Accumulator>, Failure> {
        let policies: &[Overflow] = match self.accumulator_overflow {
            Some(OverflowChoice::Wrap) => &[Overflow::Wrap],
            None | Some(OverflowChoice::Saturate) => &[Overflow::Saturate],
            Some(OverflowChoice::Both) => &[Overflow::Saturate, Overflow::Wrap],
        };
        let mut accumulators = Vec::new();
        let wrong = |text: &str, error: &dyn std::fmt::Display| {
            Failure::usage(anyhow!("`--accumulator` has `{text}`: {error}"))
        };
        let lists = self.accumulator.iter();
        let items = lists.map(|list| expand(list).map_err(|error| wrong(list, &error)));
        for text in items.collect::<Result<Vec<_>, _>>()?.concat() {
            let width: AccumulatorWidth = text.parse().map_err(|error| wrong(&text, &error))?;
            let policies = match width {
                AccumulatorWidth::Exact => &policies[..1],
                AccumulatorWidth::Bits(_) => policies,
            };
            let with_width = |&overflow: &Overflow| Accumulator { width, overflow };
            accumulators.extend(policies.iter().map(with_width));
        }
        let all_exact = accumulators.iter().all(|each| each.width == AccumulatorWidth::Exact);
        if all_exact && self.accumulator_overflow.is_some() {
            return Err(Failure::usage(anyhow!(
                "`--accumulator-overflow` has no effect, since every accumulator is exact: add bits to --accumulator or leave it out"
            )));
        }
        Ok(accumulators)
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    #[serde(flatten)]
    subject: &'a Subject,
    rows: &'a [GapRow],
}
