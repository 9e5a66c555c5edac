//! `hwsim gap`.

use super::arguments::{LevelArguments, OutputArguments, expand, fixed_type, records};
use super::errors::Failure;
use super::files::Files;
use super::gap_conventions::{self, ConventionArguments};
use super::gap_table::{self, Subject};
use super::model_data::{DataArguments, ModelData, architecture, images};
use super::{accumulator_warning, output, setup};
use crate::data::Dataset;
use crate::network::{Network, NoSingleProduct};
use crate::verify::gap::{
    Distribution, GapOptions, GapRow, LayerGap, NetworkGap, RandomProduct, SCHEMA, rows,
};
use anyhow::{Context as _, anyhow};
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::{Accumulator, Format, Overflow};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How far a float32 emulation of fixed point is from the integers of hardware.
#[derive(Debug, clap::Args)]
#[command(after_help = "docs/gap.md explains every number.")]
pub(super) struct GapArguments {
    /// Network whose layers are compared: a model file, as written by `hwsim train --save-model`, an ONNX network of floats, or a
    /// built-in architecture with its initial weights; without it a random matrix product of --m, --n and --k.
    #[arg(required_unless_present_any = ["m", "conventions"], conflicts_with_all = ["m", "n", "k"])]
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
    /// Seed of the random product [default: 1], or of the initial weights of a built-in architecture [default: that of training].
    #[arg(long)]
    seed: Option<u64>,
    /// Distribution of its numbers: normal or uniform; the right operand is divided by √K.
    #[arg(long, default_value_t, conflicts_with = "model")]
    distribution: Distribution,
    /// Formats WL,FL of inputs, weights, biases and outputs, joined by `;`, as in '8,4;16,12' [default: 8,4;12,8;16,12;24,16;
    /// with --conventions the model's own, else 8,4].
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    formats: Vec<String>,
    /// Accumulator widths in bits (1 to 64) or `exact`, separated by commas; 16..32:4 is a range.
    #[arg(long, alias = "acc", value_name = "LIST", default_value = "16,20,24,32,exact")]
    accumulator: Vec<String>,
    /// What an addition outside the accumulator's range does: wrap, saturate or both in turn [default: saturate].
    #[arg(long, value_name = "WORD")]
    accumulator_overflow: Option<OverflowChoice>,
    #[command(flatten)]
    conventions: ConventionArguments,
    #[command(flatten)]
    levels: LevelArguments,
    /// Threads; all processors if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// An older way to have the rows as CSV in addition to what is printed.
    #[arg(long, value_name = "FILE", hide = true)]
    csv: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
}

/// What is compared.
pub(super) enum Source<'a> {
    /// The layers of a saved model.
    Model(&'a Path),
    /// A product of random numbers.
    Random(RandomProduct),
}

/// Overflow policies that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OverflowChoice {
    Wrap,
    Saturate,
    Both,
}

/// Images that run through a network at a time; results do not depend on it.
pub(super) const BATCH: usize = 64;

/// Formats that are compared if none are given.
const FORMATS: &str = "8,4;12,8;16,12;24,16";

pub(super) fn run(arguments: &GapArguments) -> Result<ExitCode, Failure> {
    if arguments.conventions.list() {
        return gap_conventions::list(&arguments.output);
    }
    let comparison = arguments.conventions.comparison()?;
    let formats = match (&comparison, arguments.formats.is_empty()) {
        (Some(_), true) => Vec::new(),
        _ => arguments.formats()?,
    };
    let options =
        GapOptions { simd: setup::simd()?, formats, accumulators: arguments.accumulators()? };
    setup::threads(arguments.threads)?;
    Files::default()
        .input("the model", arguments.model.iter().filter(|model| architecture(model).is_none()))
        .data(arguments.data.data_dir.as_ref())
        .output("--csv", &arguments.csv)
        .output("--output", arguments.output.file())
        .check()?;
    if let Some(comparison) = comparison {
        return comparison.run(arguments, &options);
    }
    let (subject, layers) = match arguments.source()? {
        Source::Model(model) => network_gap(arguments, model, options)?,
        Source::Random(product) => {
            let gap = product.measure(&options).map_err(Failure::usage)?;
            (Subject::Random(product), vec![LayerGap { layer: "product".to_owned(), gap }])
        }
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
    let accumulator = Accumulator::new(row.accumulator, Overflow::Saturate);
    accumulator_warning::of_sums([sums], accumulator, row.accumulator_events)
}

fn network_gap(
    arguments: &GapArguments,
    model: &std::path::Path,
    options: GapOptions,
) -> Result<(Subject, Vec<LayerGap>), Failure> {
    let ModelImages { network, layers, subject, dataset } = ModelImages::load(arguments, model)?;
    let count = dataset.test.len();
    let bar = progress(count);
    let cannot = || format!("cannot compare `{}`", model.display());
    let mut gap = NetworkGap::new(network, layers, options).with_context(cannot)?;
    for start in (0..count).step_by(BATCH) {
        let end = count.min(start + BATCH);
        gap.add(images(&dataset, start..end)).with_context(cannot)?;
        bar.set_position(end as u64);
    }
    bar.finish_and_clear();
    Ok((subject, gap.finish()))
}

/// A bar over images.
pub(super) fn progress(count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.tick();
    bar
}

/// A model with the layers that are compared and the images that it is run on.
pub(super) struct ModelImages {
    pub(super) network: Network,
    /// Numbers of the MAC layers.
    pub(super) layers: Vec<usize>,
    pub(super) subject: Subject,
    pub(super) dataset: Dataset,
}

impl ModelImages {
    pub(super) fn load(arguments: &GapArguments, model: &Path) -> Result<Self, Failure> {
        let data = ModelData::load(model, arguments.seed, &arguments.data, arguments.images)?;
        let layers = match &arguments.layer {
            Some(layer) => vec![data.layer(layer)?],
            None => single_products(&data.network)
                .with_context(|| format!("cannot compare `{}`", model.display()))?,
        };
        let ModelData { network, header, dataset } = data;
        let quantised_weights =
            network.parameters.iter().any(|parameter| parameter.quantised.is_some());
        let subject = Subject::Network {
            network: header.arch,
            initial_weights: architecture(model).map(|_| header.seed),
            dataset: dataset.name.clone(),
            data_origin: dataset.origin.to_string(),
            images: dataset.test.len(),
            quantised_weights,
        };
        Ok(Self { network, layers, subject, dataset })
    }
}

/// The MAC layers of `network` that are one product; a note names the others.
///
/// # Errors
/// If all are others.
fn single_products(network: &Network) -> Result<Vec<usize>, NoSingleProduct> {
    let (mut products, mut others) = (Vec::new(), Vec::new());
    for layer in 0..network.mac_layers.len() {
        match network.single_product(layer) {
            Ok(_) => products.push(layer),
            Err(error) => others.push((&network.mac_layers[layer].name, error)),
        }
    }
    let names: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    match others.into_iter().next() {
        Some((_, error)) if products.is_empty() => return Err(error),
        Some(_) => output::note(&format!(
            "hwsim: note: gap leaves out what is not one product of an input and a weight: {names}"
        )),
        None => {}
    }
    Ok(products)
}

impl GapArguments {
    /// The random product of these sizes.
    pub(super) fn random(&self, [m, n, k]: [usize; 3]) -> Result<RandomProduct, Failure> {
        if self.data.dataset.is_some() || self.data.data_dir.is_some() {
            return Err(Failure::usage(anyhow!("a data set needs a MODEL that runs on it")));
        }
        Ok(RandomProduct { m, n, k, seed: self.seed.unwrap_or(1), distribution: self.distribution })
    }

    /// What is compared: a saved model, or a random product of these sizes.
    pub(super) fn source(&self) -> Result<Source<'_>, Failure> {
        match (&self.model, self.m, self.n, self.k) {
            (Some(model), ..) => Ok(Source::Model(model)),
            (None, Some(m), Some(n), Some(k)) => Ok(Source::Random(self.random([m, n, k])?)),
            _ => Err(Failure::usage(anyhow!("give a MODEL, or all of --m, --n and --k"))),
        }
    }

    /// Where the result goes.
    pub(super) fn output(&self) -> &OutputArguments {
        &self.output
    }

    fn formats(&self) -> Result<Vec<Format>, Failure> {
        let lists: Vec<&str> = match self.formats.is_empty() {
            true => vec![FORMATS],
            false => self.formats.iter().map(String::as_str).collect(),
        };
        let mut all = Vec::new();
        for text in lists.into_iter().flat_map(|list| list.split(';')) {
            all.push(words(text, "--formats")?);
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
            for &overflow in policies {
                accumulators.push(self.levels.over(Accumulator::new(width, overflow))?);
            }
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

/// The words of a format's text; a note says that its modes are not used here.
///
/// # Errors
/// If the text is not a format.
pub(super) fn words(text: &str, flag: &str) -> Result<Format, Failure> {
    let fixed = fixed_type(text, flag)?;
    if fixed.rounding.is_some() || fixed.overflow.is_some() {
        let stated =
            "rounds operands to nearest even and saturates them, and outputs by --conventions";
        output::note(&format!("hwsim: note: gap {stated}: the modes of `{text}` are not used"));
    }
    Ok(fixed.format)
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    #[serde(flatten)]
    subject: &'a Subject,
    rows: &'a [GapRow],
}
