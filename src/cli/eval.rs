//! `hwsim eval`.

use super::arguments::{AccumulatorArguments, OutputArguments};
use super::errors::Failure;
use super::eval_formats::{FormatsAfterTraining, Quantised};
use super::eval_network::{self, NetworkArguments};
use super::files::Files;
use super::integer_table::IntegerResult;
use super::model::{First, Model};
use super::model_data::DataArguments;
use super::network_file::{self, NetworkFile};
use super::predictions::{Predictions, scores_have_a_file};
use super::random_arguments::RandomArguments;
use super::{accumulator_table, eval_checks, output, setup};
use crate::network::BackwardArithmetic;
use crate::network::PassSettings;
use crate::precision::NumberFormat;
use crate::train::accounting::{Accountant, StepAccounts};
use crate::train::evaluation::{EvaluatedBatch, evaluate_batches};
use crate::verify::accumulator_study::{AccumulatorStudy, LayerAccumulator};
use crate::verify::integer::{self, Comparison, Program, RunError};
use anyhow::{Context as _, anyhow};
use hwmodel::array::MacArray;
use hwmodel::counters::Counters;
use hwmodel::{Rounding, SimdLevel};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Bit-accurate inference of a saved model or an ONNX network.
#[derive(Debug, clap::Args)]
pub(super) struct EvalArguments {
    /// Model file, as written by `hwsim train --save-model`, an ONNX network with its values (docs/networks.md), or the name of
    /// a built-in network, which has random values.
    model: PathBuf,
    #[command(flatten)]
    network: NetworkArguments,
    #[command(flatten)]
    data: DataArguments,
    /// Test images used; all if not given.
    #[arg(long)]
    limit_test: Option<usize>,
    #[command(flatten)]
    formats: FormatsAfterTraining,
    #[command(flatten)]
    accumulator: AccumulatorArguments,
    /// Rounding of activations; the model's own if not given.
    #[arg(long)]
    rounding: Option<Rounding>,
    #[command(flatten)]
    random: RandomArguments,
    /// Machine whose cycles and energy are reported: a shipped name or a TOML file.
    #[arg(long, default_value = hwmodel::machine::Machine::DEFAULT)]
    machine: String,
    /// Also run the network without a float unit, batch norm folded into integer multipliers and
    /// shifts, and compare (docs/integer.md).
    #[arg(long)]
    integer_only: bool,
    /// Also report, layer by layer, the smallest accumulator that never overflows on these images, those
    /// that suffice for any input and any words, and what their bits cost.
    #[arg(long)]
    accumulator_study: bool,
    /// Threads; all processors if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Write the result as JSON too.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Write the class that the network predicts for each sample as CSV: index, label, prediction.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Also write the score of every class (the logits) to --predictions.
    #[arg(long)]
    prediction_scores: bool,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Serialize)]
struct LayerResult {
    name: String,
    wl: u32,
    fl: Option<i32>,
    saturated_inputs: u64,
    inputs: u64,
    saturated_outputs: u64,
    outputs: u64,
    flushed_to_zero: u64,
    accumulator_events: u64,
    stepped_outputs: u64,
    macs: u64,
    nonzero_macs: u64,
    cycles: u128,
    energy_pj: f64,
    /// What its product reads, has as its weight and makes.
    input_format: String,
    weight_format: String,
    output_format: String,
    /// As the table shows it where these are the same.
    #[serde(skip)]
    format: String,
}

impl LayerResult {
    /// Whether its operands and results have several formats.
    fn has_several_formats(&self) -> bool {
        let Self { input_format, weight_format, output_format, .. } = self;
        input_format != weight_format || output_format != input_format
    }
}

#[derive(Debug, Serialize)]
struct EvalResult {
    arch: String,
    dataset: String,
    data_origin: String,
    images: usize,
    top1: f64,
    loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    perplexity: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantised_after_training: Option<Quantised>,
    accumulator: String,
    rounding: Rounding,
    random_source: String,
    random_bits_drawn: u64,
    saturated: u64,
    accumulator_events: u64,
    cycles: u128,
    energy_pj: f64,
    layers: Vec<LayerResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    integer_only: Option<IntegerResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accumulators: Option<Vec<LayerAccumulator>>,
    #[serde(skip)]
    machine: String,
}

impl EvalArguments {
    /// Refuses what an ONNX network says itself or does not have.
    fn refuse_flags_of_saved_models(&self) -> Result<(), Failure> {
        const ROUNDS: &str = "the network's own quantisers say how it rounds; with --wl and --fl its layers are quantised anew";
        let random = self.random.given().map(|(flag, given)| (flag, given, ROUNDS));
        let others = [
            ("rounding", self.rounding.is_some(), ROUNDS),
            (
                "machine",
                self.machine != hwmodel::machine::Machine::DEFAULT,
                "`hwsim cost --onnx MODEL --machine NAME` computes cycles and energy",
            ),
            (
                "integer-only",
                self.integer_only,
                "it is for networks of layers: give --wl and --fl, or --layer-formats",
            ),
            (
                "accumulator-study",
                self.accumulator_study,
                "it is for networks of layers (--wl and --fl, or --layer-formats); the column `sum bits` shows what each node needs",
            ),
        ];
        match others.iter().chain(&random).find(|(_, given, _)| *given) {
            Some((flag, _, why)) => {
                Err(Failure::usage(anyhow!("`--{flag}` has no effect on an ONNX network: {why}")))
            }
            None => Ok(()),
        }
    }
}

pub(super) fn run(arguments: &EvalArguments) -> Result<ExitCode, Failure> {
    // What is wrong about the other arguments is said first.
    let model = Model::named(&arguments.model, First::File);
    let is_onnx = model.as_ref().is_ok_and(Model::is_onnx);
    if is_onnx && !arguments.formats.is_given() {
        arguments.refuse_flags_of_saved_models()?;
        return eval_network::run(&eval_network::Request {
            model: &arguments.model,
            network: &arguments.network,
            data: &arguments.data,
            limit_test: arguments.limit_test,
            accumulator: &arguments.accumulator,
            threads: arguments.threads,
            summary: &arguments.summary,
            predictions: &arguments.predictions,
            prediction_scores: arguments.prediction_scores,
            output: &arguments.output,
        });
    }
    if let Some(flag) =
        arguments.network.given().find(|flag| !is_onnx || !arguments.network.of_layers(flag))
    {
        return Err(Failure::usage(match is_onnx {
            true => anyhow!(
                "`--{flag}` runs the graph as it is, and a network in other word lengths takes a data set: leave out the word \
                 lengths, or give `--dataset NAME`, or `--data-dir FILE.npz` for arrays, in place of `--{flag}`"
            ),
            false if flag == "data" => anyhow!(
                "`--data` is for ONNX networks, and `{}` is not one: give arrays as `--data-dir FILE.npz`",
                arguments.model.display()
            ),
            false => anyhow!(
                "`--{flag}` is for ONNX networks, and `{}` is not one: leave it out",
                arguments.model.display()
            ),
        }));
    }
    Files::default()
        .input("the model", model.as_ref().ok().and_then(Model::file))
        .input("--layer-formats", arguments.formats.file())
        .data(arguments.data.data_dir.as_ref())
        .machine("--machine", &arguments.machine)
        .output("--summary", &arguments.summary)
        .output("--predictions", &arguments.predictions)
        .output("--output", arguments.output.file())
        .check()?;
    scores_have_a_file(arguments.prediction_scores, &arguments.predictions)?;
    setup::threads(arguments.threads)?;
    let simd = setup::simd()?;
    let machine = setup::machine(&arguments.machine)?;
    let model = model.map_err(Failure::Run)?;
    let opened = network_file::layers(&model, &arguments.network.dim)?;
    opened.show_notes();
    let NetworkFile { mut network, header, .. } = opened;
    let quantised = arguments.formats.apply(&mut network, simd)?;
    let given = arguments.accumulator.given().chain(arguments.rounding.map(|_| "rounding"));
    eval_checks::has_effect(&network, given)?;
    let accumulator = arguments.accumulator.over(header.accumulator)?;
    let dataset = arguments.data.load(&header, arguments.limit_test)?;
    let fixed = eval_checks::is_fixed(&network);
    let rounding = arguments.rounding.unwrap_or(header.rounding);
    let context = PassSettings {
        array: MacArray { simd, accumulator },
        rounding,
        random: arguments.random.source(rounding, header.random)?,
        overflow: header.overflow,
        seed: header.seed,
        step: 0,
        training: false,
        backward: BackwardArithmetic::Float32,
    };
    let program = if arguments.integer_only {
        let program = integer::compile(&network, &context).context("`--integer-only`")?;
        Some(program)
    } else {
        None
    };
    let mut study = match arguments.accumulator_study {
        true => Some(
            AccumulatorStudy::new(&network, accumulator.inner.map(|inner| inner.terms))
                .context("`--accumulator-study`")?,
        ),
        false => None,
    };
    let accountant = Accountant { machine: &machine, accumulator };
    let mut accounts = StepAccounts::new(network.mac_layers.len());
    let mut comparison = Comparison::default();
    let mut failed: Option<anyhow::Error> = None;
    let begin = |path: &PathBuf| {
        let classes = dataset.classes();
        Predictions::begin(path, &dataset.test, classes, arguments.prediction_scores)
    };
    let mut predictions = arguments.predictions.as_ref().map(begin).transpose()?;
    let result = evaluate_batches(&mut network, &dataset, &context, |batch| {
        if failed.is_some() {
            return;
        }
        failed = accounts.add_pass(&accountant, &batch.pass.tallies).err().map(Into::into);
        if let Some(program) = &program
            && let Err(error) = compare(program, batch, simd, &mut comparison)
        {
            failed = Some(error.into());
        }
        if let Some(Err(error)) =
            predictions.as_mut().map(|file| file.add(batch.labels, &batch.pass.logits))
        {
            failed = Some(error.context("`--predictions`"));
        }
        if let Some(Err(error)) = study.as_mut().map(|study| study.add(batch.pass, simd)) {
            failed = Some(error.into());
        }
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }

    let mut total = Counters::default();
    let mut layers = Vec::new();
    for (layer, account) in network.mac_layers.iter().zip(&accounts.layers) {
        let counters: Counters = account.iter().map(|account| account.counters).sum();
        total += counters;
        let formats = network.parameters[layer.weight].formats;
        let (format, activation) = (formats.weight, formats.activation);
        let (wl, fl) = (format.word_length(), format.fixed().map(|format| format.fl()));
        layers.push(LayerResult {
            input_format: activation.to_string(),
            weight_format: format.to_string(),
            output_format: formats.output().to_string(),
            format: match (activation, fl) {
                (NumberFormat::DynamicFixed { wl }, _) => format!("⟨{wl}, auto⟩"),
                (_, Some(fl)) => format!("⟨{wl}, {fl}⟩"),
                (_, None) => "float32".to_owned(),
            },
            name: layer.name.clone(),
            wl,
            fl,
            saturated_inputs: counters.saturated.activation,
            inputs: counters.quantised.activation,
            saturated_outputs: counters.saturated.output,
            outputs: counters.quantised.output,
            flushed_to_zero: counters.flushed_to_zero.total(),
            accumulator_events: counters.accumulator_events,
            stepped_outputs: account.iter().map(|account| account.stepped_outputs).sum(),
            macs: counters.macs,
            nonzero_macs: counters.nonzero_macs,
            cycles: counters.cycles.total(),
            energy_pj: counters.energy.total_pj(),
        });
    }
    let result = EvalResult {
        arch: header.arch.clone(),
        dataset: dataset.name.clone(),
        data_origin: dataset.origin.to_string(),
        images: result.images,
        top1: result.top1,
        loss: result.loss,
        perplexity: dataset.text.map(|_| libm::exp(result.loss)),
        quantised_after_training: quantised,
        accumulator: if fixed { accumulator.to_string() } else { "float32".to_owned() },
        rounding,
        random_source: context.random.to_string(),
        random_bits_drawn: total.random_bits,
        saturated: total.saturated.total(),
        accumulator_events: total.accumulator_events,
        cycles: total.cycles.total(),
        energy_pj: total.energy.total_pj(),
        layers,
        integer_only: program.map(|program| IntegerResult::new(&program, &comparison, result.top1)),
        accumulators: study.map(|study| study.finish(&machine, accumulator.width)),
        machine: arguments.machine.clone(),
    };
    if let Some(warning) = eval_checks::too_narrow(&network, accumulator, total.accumulator_events)
    {
        output::note(&format!("hwsim: warning: {warning}"));
    }
    let mut outputs = output::Attempts::default();
    outputs.add(predictions.map_or(Ok(()), Predictions::finish).context("--predictions"));
    outputs.add(arguments.output.emit_rows(&result, &result.layers, render));
    if let Some(path) = &arguments.summary {
        let json = serde_json::to_string_pretty(&result).context("the result has no JSON form")?;
        outputs.add(output::write(path, &format!("{json}\n")).context("--summary"));
    }
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a batch in integers only and compares it with what the network made of it.
fn compare(
    program: &Program,
    batch: &EvaluatedBatch<'_>,
    simd: SimdLevel,
    comparison: &mut Comparison,
) -> Result<(), RunError> {
    let (pixels, counts) = integer::quantise_images(program, simd, batch.images)?;
    comparison.add(batch.labels, counts, &program.run(pixels)?, batch.pass);
    Ok(())
}

fn render(result: &EvalResult) -> String {
    let mut out = format!(
        "{} on {} ({}): {} {}, {}\n",
        result.arch,
        result.dataset,
        result.data_origin,
        result.images,
        if result.perplexity.is_some() { "sequences" } else { "images" },
        match result.accumulator.as_str() {
            "float32" => "float32".to_owned(),
            accumulator => format!("accumulator {accumulator}, rounding {}", result.rounding),
        }
    );
    if let Some(quantised) = &result.quantised_after_training {
        out.push_str(&quantised.render());
    }
    let several = result.layers.iter().any(LayerResult::has_several_formats);
    let formats = if several {
        format!("{:>10} {:>10} {:>10}", "input", "weight", "output")
    } else {
        format!("{:>9}", "format")
    };
    out.push_str(&format!(
        "{:<18} {formats} {:>16} {:>16} {:>14} {:>16}\n",
        "layer", "inputs saturated", "outputs saturated", "acc events", "stepped outputs"
    ));
    for layer in &result.layers {
        let formats = if several {
            let LayerResult { input_format, weight_format, output_format, .. } = layer;
            format!("{input_format:>10} {weight_format:>10} {output_format:>10}")
        } else {
            format!("{:>9}", layer.format)
        };
        out.push_str(&format!(
            "{:<18} {formats} {:>16} {:>17} {:>14} {:>16}\n",
            layer.name,
            layer.saturated_inputs,
            layer.saturated_outputs,
            layer.accumulator_events,
            layer.stepped_outputs
        ));
    }
    out.push_str(&format!(
        "top-1 {:.2} %, loss {:.4}{}, {} saturated values, {} accumulator events, {} cycles, {:.3} mJ\n",
        100.0 * result.top1,
        result.loss,
        result.perplexity.map_or(String::new(), |p| format!(", perplexity {p:.2}")),
        result.saturated,
        result.accumulator_events,
        result.cycles,
        result.energy_pj * 1e-9
    ));
    if let Some(integer) = &result.integer_only {
        out.push_str(&integer.render());
    }
    if let Some(layers) = &result.accumulators {
        out.push_str(&accumulator_table::render(layers, &result.machine));
    }
    out
}
