//! `hwsim golden export` and `hwsim golden verify`: vectors of one layer for RTL test benches.

use super::arguments::{AccumulatorArguments, FormatArguments, OutputArguments, named};
use super::errors::Failure;
use super::eval_formats::FormatsAfterTraining;
use super::files::Files;
use super::golden::check::files_of;
use super::model_data::{DataArguments, ModelData, images};
use super::random_arguments::RandomArguments;
use super::{accumulator_warning, output, setup};
use crate::network::BackwardArithmetic;
use crate::network::PassSettings;
use crate::verify::export::{
    self, About, ExportError, ExportOptions, Joined, LayerOperands, MachineEntry, Manifest,
    Verification,
};
use anyhow::{Context as _, anyhow};
use hwmodel::array::{MacArray, width};
use hwmodel::machine::Machine;
use hwmodel::timing::PartialSums;
use hwmodel::{Accumulator, AccumulatorWidth, Rounding};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr as _;

/// `hwsim golden export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "docs/export.md describes the files.")]
pub(super) struct ExportArguments {
    /// Model file, as written by `hwsim train --save-model`, or with --wl or another format an ONNX network of floats or a
    /// built-in architecture with its initial weights.
    model: PathBuf,
    /// MAC layer, by name or number.
    #[arg(long)]
    layer: String,
    /// Folder to create.
    #[arg(short, long, alias = "out", value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    /// Test images that run through the network.
    #[arg(long, value_name = "N", default_value_t = 1)]
    images: usize,
    /// Terms of a K-tile, after each of which the accumulator is written; all of a sum if not
    /// given.
    #[arg(long, value_name = "K", conflicts_with = "machine")]
    k_tile: Option<NonZeroUsize>,
    /// Machine that the vectors are for, a shipped name or a TOML file: K-tiles are its folds, and the layer's accumulator, where
    /// none is given, and the place of partial sums are its own.
    #[arg(long, value_name = "MACHINE")]
    machine: Option<String>,
    #[command(flatten)]
    accumulator: AccumulatorArguments,
    /// Change the accumulators of all layers, not of the exported one alone; its inputs then depend on them.
    #[arg(long, alias = "acc-everywhere")]
    accumulator_everywhere: bool,
    /// Rounding of activations in all layers, by its name or as ap_fixed, ac_fixed or QONNX call it; the model's own if not given.
    #[arg(long, value_name = "WORD", value_parser = named(Rounding::NAMES.to_vec(), Rounding::from_str))]
    rounding: Option<Rounding>,
    #[command(flatten)]
    random: RandomArguments,
    /// Training step whose random numbers stochastic rounding takes.
    #[arg(long, value_name = "N", default_value_t = 0)]
    step: u64,
    /// Requantisers side by side that share the sequence of a shift register [default: the machine's columns, else 1].
    #[arg(long, value_name = "N")]
    requantisers: Option<NonZeroU32>,
    /// Outputs with expected values, the first ones in the order n, y, x, channel, or `all`.
    #[arg(long, value_name = "N", default_value = "all")]
    outputs: String,
    /// Bits of the words of the .hex memory images; one element a word if not given.
    #[arg(long, value_name = "BITS")]
    word_bits: Option<u32>,
    /// Replace an existing export.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    quantise: FormatsAfterTraining,
    #[command(flatten)]
    format: FormatArguments,
    /// Threads; all processors if not given.
    #[arg(long)]
    threads: Option<usize>,
}

/// `hwsim golden verify`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArguments {
    /// Folder that `hwsim golden export` wrote.
    folder: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
    /// Threads; all processors if not given.
    #[arg(long)]
    threads: Option<usize>,
}

pub(super) fn export(arguments: &ExportArguments) -> Result<ExitCode, Failure> {
    let outputs = match arguments.outputs.as_str() {
        "all" => None,
        number => match number.parse() {
            Ok(0) | Err(_) => {
                let why = "use a number from 1 on, or all";
                return Err(Failure::usage(anyhow!("`--outputs` is `{number}`: {why}")));
            }
            Ok(number) => Some(number),
        },
    };
    Files::default()
        .input("the model", [&arguments.model])
        .input("--layer-formats", arguments.quantise.file())
        .data(arguments.data.data_dir.as_ref())
        .machine("--machine", arguments.machine.as_deref().unwrap_or_default())
        .growing("--output", [&arguments.output])
        .check()?;
    let machine = arguments.machine.as_deref().map(setup::machine).transpose()?;
    let simd = setup::simd()?;
    setup::threads(arguments.threads)?;
    let data = ModelData::load(&arguments.model, None, &arguments.data, arguments.images)?;
    let layer = data.layer(&arguments.layer)?;
    let ModelData { mut network, header, dataset } = data;
    arguments.quantise.apply(&mut network, simd)?;
    let AccumulatorArguments { accumulator: width, accumulator_overflow: overflow, .. } =
        arguments.accumulator;
    if arguments.accumulator_everywhere && width.is_none() && overflow.is_none() {
        let why = "`--accumulator-everywhere` needs --accumulator or --accumulator-overflow";
        return Err(Failure::usage(anyhow!(why)));
    }
    // Where the machine joins partial sums below the columns, its accumulator has two registers of one width.
    let own = machine.as_ref().map_or(header.accumulator, Machine::accumulator);
    let tested = arguments.accumulator.over(Accumulator { inner: None, ..own })?;
    let joined = machine.as_ref().map_or(Joined::Carried, |machine| {
        match machine.array().circuit.partial_sums {
            PartialSums::Below if tested.width != AccumulatorWidth::Exact => Joined::Below,
            _ => Joined::Carried,
        }
    });
    if !arguments.accumulator.levels.is_empty() {
        let why = ExportError::Levels;
        return Err(Failure::usage(anyhow!(
            "{why}: leave out the --accumulator-... flags of other parts"
        )));
    }
    let others = if arguments.accumulator_everywhere { tested } else { header.accumulator };
    let rounding = arguments.rounding.unwrap_or(header.rounding);
    let context = PassSettings {
        array: MacArray { simd, accumulator: others },
        rounding,
        random: arguments.random.source(rounding, header.random)?,
        overflow: header.overflow,
        seed: header.seed,
        step: arguments.step,
        training: false,
        backward: BackwardArithmetic::Float32,
    };
    let count = dataset.test.len();
    let captured = LayerOperands::capture(network, layer, images(&dataset, 0..count), &context)
        .map_err(failure)?;
    let mut operands = LayerOperands { accumulator: tested, ..captured };
    let mut k_tile = arguments.k_tile;
    if let Some(machine) = &machine {
        let terms = export::terms_of_fold(machine, &operands).map_err(failure)?;
        k_tile = Some(terms);
        if joined == Joined::Below {
            operands.accumulator = joined.accumulator(tested.width, tested.overflow, terms);
        }
    }
    let on_machine = machine.as_ref().map(|machine| MachineEntry::new(machine, &operands));
    let about = About {
        network: header.arch,
        dataset: dataset.name,
        seed: header.seed,
        machine: on_machine.transpose().map_err(failure)?,
    };
    let columns = machine.as_ref().and_then(|machine| NonZeroU32::new(machine.array().columns));
    let requantisers = arguments.requantisers.or(columns).unwrap_or(NonZeroU32::MIN);
    let options = ExportOptions {
        simd,
        k_tile,
        requantisers,
        outputs,
        word_bits: arguments.word_bits,
        force: arguments.force,
    };
    let manifest =
        export::write(&arguments.output, &operands, &about, &options).map_err(failure)?;
    let (input, weight) = (operands.input.format(), operands.weights.format());
    let bias = operands.bias.as_ref().map(|bias| bias.format());
    let terms = operands.weights.shape().iter().skip(1).product::<usize>() as u64;
    let sums = accumulator_warning::Sums {
        layer: &operands.layer,
        fractional_bits: input.fl() + weight.fl(),
        sufficient: width::any_words(input, weight, bias, terms),
    };
    let events = manifest.accumulator_events;
    if let Some(warning) = accumulator_warning::of_sums([sums], tested, events) {
        output::note(&format!("hwsim: warning: {warning}"));
    }
    arguments.format.print(&manifest, |manifest| {
        format!("{}\n{}", arguments.output.display(), describe(manifest))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Impossible options are usage errors, everything else a failed run.
fn failure(error: ExportError) -> Failure {
    match error {
        ExportError::Stochastic | ExportError::WordBits(_) | ExportError::Requantisers(_) => {
            Failure::usage(error)
        }
        other => other.into(),
    }
}

fn describe(manifest: &Manifest) -> String {
    let Manifest { input, weights, output, gemm, accumulator, .. } = manifest;
    let mut out = format!(
        "  {} of {}, {} image{} of {}\n",
        manifest.layer,
        manifest.network,
        manifest.images,
        if manifest.images == 1 { "" } else { "s" },
        manifest.dataset
    );
    out.push_str(&format!(
        "  input {:?} {}, weights {:?} {}, output {:?} {}\n",
        input.shape, input.format, weights.shape, weights.format, output.shape, output.format
    ));
    out.push_str(&format!(
        "  {} outputs in {} K-tile{} of {}, accumulator {} bits ({} {}), {} overflow events\n",
        manifest.expected_outputs,
        gemm.k_tiles,
        if gemm.k_tiles == 1 { "" } else { "s" },
        gemm.k_tile,
        accumulator.bits,
        accumulator.width,
        accumulator.overflow,
        manifest.accumulator_events
    ));
    if let Some(machine) = &manifest.machine {
        let MachineEntry { name, rows, columns, dataflow, .. } = machine;
        out.push_str(&format!(
            "  on {name}, {rows} x {columns} {dataflow}: {} x {} folds, {} cycles\n",
            machine.row_folds, machine.column_folds, machine.compute_cycles
        ));
    }
    if let Some(random) = &manifest.random {
        out.push_str(&format!(
            "  random numbers: register of {} bits, load {:#x}, {} bits and {} clocks each\n",
            random.width, random.load, random.bits, random.clocks
        ));
    }
    for file in &manifest.files {
        out.push_str(&format!(
            "  {:<20} {:>9} words of {:>4} bits  {}\n",
            file.name, file.words, file.word_bits, file.holds
        ));
    }
    out
}

pub(super) fn verify(arguments: &VerifyArguments) -> Result<ExitCode, Failure> {
    let simd = setup::simd()?;
    setup::threads(arguments.threads)?;
    let folder = &arguments.folder;
    Files::default()
        .input("the export", files_of(folder))
        .output("--output", arguments.output.file())
        .check()?;
    let verification = export::verify(folder, simd)
        .with_context(|| format!("cannot verify `{}`", folder.display()))?;
    arguments.output.emit_rows(&verification, &verification.checks, render)?;
    match verification.first_difference() {
        None => Ok(ExitCode::SUCCESS),
        Some(difference) => {
            Err(anyhow!("`{}` is not what it was: {difference}", folder.display()).into())
        }
    }
}

fn render(verification: &Verification) -> String {
    let Verification { layer, outputs, k_tiles, checks } = verification;
    let mut out = format!("{layer}: {outputs} outputs, {k_tiles} accumulator states each\n");
    for check in checks {
        let result = match check.differing {
            0 => "equal".to_owned(),
            differing => format!("{differing} differ"),
        };
        out.push_str(&format!("  {:<40} {:>9}  {result}\n", check.what, check.compared));
    }
    out
}
