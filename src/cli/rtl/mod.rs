//! `hwsim rtl`: the array of a machine as Verilog for a layer of a network or a product without one, with benches and
//! expectations; `--verify` runs a simulator.

mod operands;
mod output_stage;
mod result;

use super::arguments::{AccumulatorArguments, FormatArguments};
use super::errors::Failure;
use super::eval_formats::FormatsAfterTraining;
use super::files::Files;
use super::model_data::DataArguments;
use super::{output, setup};
use crate::rtl::{self, Expected, RtlError, Simulator, StimulusKind, Twin, Waves};
use anyhow::anyhow;
use hwmodel::machine::Machine;
use output_stage::OutputStageArguments;
use result::RtlResult;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// `hwsim rtl`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code with --verify: 0 equal, 1 different, 3 no simulator; with --synth 3 without Yosys. docs/rtl.md describes the folder, the modules and what they lack."
)]
pub(super) struct RtlArguments {
    /// Machine whose array is built: the name of a shipped one, or a TOML file.
    #[arg(long, default_value = Machine::DEFAULT)]
    machine: String,
    /// Folder to create.
    #[arg(short, long, alias = "out", value_name = "DIR")]
    output: PathBuf,
    /// Replace the files of an existing folder.
    #[arg(long)]
    force: bool,
    /// Run the bench and compare: `icarus`, `verilator`, or `auto`, which takes Verilator for long runs.
    #[arg(long, value_enum, value_name = "SIMULATOR", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    verify: Option<VerifyWith>,
    /// Keep the waves of the run in out/waves.fst (Icarus) or out/waves.vcd; with --verify.
    #[arg(long, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "vcd", requires = "verify")]
    waves: Option<WaveForm>,
    /// Synthesise multiplier, adder, processing element and requantiser with Yosys: cells, transistors and depth, next to the
    /// estimate of the machine model.
    #[arg(long)]
    synth: bool,
    /// Network whose layer is computed: a saved model, or with --wl or another format an ONNX network of floats or a built-in
    /// architecture with its initial weights.
    #[arg(long, requires = "layer", help_heading = "Layer of a network")]
    model: Option<PathBuf>,
    /// MAC layer, by name or number.
    #[arg(long, requires = "model", help_heading = "Layer of a network")]
    layer: Option<String>,
    #[command(flatten)]
    data: DataArguments,
    /// Test images that run through the network.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        requires = "model",
        help_heading = "Layer of a network"
    )]
    images: usize,
    /// First rows of the product only: output pixels in the order n, y, x.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "model", help_heading = "Layer of a network")]
    rows: Option<u32>,
    #[command(flatten)]
    quantise: FormatsAfterTraining,
    /// Rows of A and C, in place of a layer.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "model", help_heading = "Product without a network")]
    m: Option<u32>,
    /// Columns of B and C.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "model", help_heading = "Product without a network")]
    n: Option<u32>,
    /// Terms of a sum.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "model", help_heading = "Product without a network")]
    k: Option<u32>,
    /// Operands: `random` words, or `directed` ones, whose sums meet the ends of accumulator and output and ties of the rounding.
    #[arg(
        long,
        value_enum,
        value_name = "WORD",
        default_value = "random",
        conflicts_with = "model",
        help_heading = "Product without a network"
    )]
    operands: OperandKind,
    /// Seed of random words.
    #[arg(
        long,
        default_value_t = 1,
        conflicts_with = "model",
        help_heading = "Product without a network"
    )]
    seed: u64,
    /// Format of A, as in 8,4, u8,4 or ap_fixed<16,6> [default: 8,0].
    #[arg(
        long,
        value_name = "FORMAT",
        allow_hyphen_values = true,
        conflicts_with = "model",
        help_heading = "Product without a network"
    )]
    format_a: Option<String>,
    /// Format of B, as --format-a.
    #[arg(
        long,
        value_name = "FORMAT",
        allow_hyphen_values = true,
        conflicts_with = "model",
        help_heading = "Product without a network"
    )]
    format_b: Option<String>,
    /// Add a random bias of this format.
    #[arg(
        long,
        value_name = "FORMAT",
        allow_hyphen_values = true,
        conflicts_with = "model",
        help_heading = "Product without a network"
    )]
    format_bias: Option<String>,
    #[command(flatten)]
    stage: OutputStageArguments,
    #[command(flatten)]
    accumulator: AccumulatorArguments,
    #[command(flatten)]
    format: FormatArguments,
    /// Threads; all processors if not given.
    #[arg(long)]
    threads: Option<usize>,
}

/// The simulator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum VerifyWith {
    Icarus,
    Verilator,
    Auto,
}

/// The form of waves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum WaveForm {
    Fst,
    Vcd,
}

/// The operands of a product without a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OperandKind {
    Random,
    Directed,
}

impl From<OperandKind> for StimulusKind {
    fn from(kind: OperandKind) -> Self {
        match kind {
            OperandKind::Random => Self::Random,
            OperandKind::Directed => Self::Directed,
        }
    }
}

/// Exit code if there is no simulator.
const NO_SIMULATOR: u8 = 3;

pub(super) fn run(arguments: &RtlArguments) -> Result<ExitCode, Failure> {
    Files::default()
        .machine("--machine", &arguments.machine)
        .input("--model", &arguments.model)
        .input("--scales", arguments.stage.file())
        .data(arguments.data.data_dir.as_ref())
        .growing("--output", [&arguments.output])
        .check()?;
    let simd = setup::simd()?;
    setup::threads(arguments.threads)?;
    let machine = setup::machine(&arguments.machine)?;
    let (product, about) = operands::product(arguments, &machine, simd)?;
    let twin = Twin::new(&machine, &product).map_err(failure)?;
    let expected = Expected::new(&twin, &product, simd).map_err(failure)?;
    let folder = &arguments.output;
    let manifest =
        rtl::write(folder, &twin, &product, &expected, &about, arguments.force).map_err(failure)?;
    let mut result = RtlResult::new(folder, manifest, &twin);
    if arguments.synth {
        match rtl::synthesise(folder, &twin, &product) {
            Ok(modules) => result.synthesised(modules),
            Err(RtlError::NoSimulator(..)) => {
                output::note(
                    "hwsim: not synthesised: `yosys` is not in PATH; install Yosys or leave out `--synth`",
                );
                arguments.format.print(&result, result::render)?;
                return Ok(ExitCode::from(NO_SIMULATOR));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let Some(wanted) = arguments.verify else {
        arguments.format.print(&result, result::render)?;
        return Ok(ExitCode::SUCCESS);
    };
    let waves = arguments.waves.map(|form| match form {
        WaveForm::Fst => Waves::Fst,
        WaveForm::Vcd => Waves::Vcd,
    });
    let elements = (twin.rows * twin.columns) as u64;
    let simulator = match wanted {
        VerifyWith::Icarus => Some(Simulator::Icarus),
        VerifyWith::Verilator => Some(Simulator::Verilator),
        // FST is Icarus's alone.
        VerifyWith::Auto if waves == Some(Waves::Fst) => Some(Simulator::Icarus),
        VerifyWith::Auto => Simulator::fitting(expected.cycles.total, elements),
    };
    let Some(simulator) = simulator.filter(|simulator| simulator.is_installed()) else {
        arguments.format.print(&result, result::render)?;
        let which = match simulator {
            Some(simulator) => format!("`{}` is", simulator.program()),
            None => "neither `iverilog` nor `verilator` is".to_owned(),
        };
        output::note(&format!(
            "hwsim: not verified: {which} in PATH; install Icarus Verilog or Verilator, or run the bench elsewhere by the scripts in `{}`",
            folder.display()
        ));
        return Ok(ExitCode::from(NO_SIMULATOR));
    };
    if simulator == Simulator::Verilator && waves == Some(Waves::Fst) {
        return Err(Failure::usage(anyhow!(
            "`--waves=fst` needs Icarus Verilog: use `--waves=vcd` with Verilator, or `--verify=icarus`"
        )));
    }
    let start = Instant::now();
    let simulation = rtl::simulate(folder, simulator, waves)?;
    let seconds = start.elapsed().as_secs_f64();
    let comparisons = rtl::compare(folder, &result.manifest)?;
    let first = comparisons.iter().find_map(|comparison| comparison.first.clone());
    result.verified(simulation, seconds, comparisons);
    arguments.format.print(&result, result::render)?;
    match first {
        None => Ok(ExitCode::SUCCESS),
        Some(first) => Err(anyhow!("hwsim and the RTL differ: {first}").into()),
    }
}

/// What the twin lacks and impossible sizes are usage errors, everything else a failed run.
fn failure(error: RtlError) -> Failure {
    match error {
        RtlError::Lacks { .. } | RtlError::TooLarge { .. } | RtlError::Work(_) => {
            Failure::usage(error)
        }
        other => other.into(),
    }
}
