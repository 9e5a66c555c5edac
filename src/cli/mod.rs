//! The command line. Only this module reads arguments and the environment, prints or exits.

mod accumulator_table;
mod accumulator_warning;
mod arguments;
mod calibrate;
mod compare;
mod cost;
mod errors;
mod eval;
mod eval_checks;
mod eval_formats;
mod eval_network;
mod files;
mod formats;
mod gap;
mod gap_conventions;
mod gap_conventions_table;
mod gap_table;
mod gemm;
mod golden;
mod golden_export;
mod integer_table;
pub mod interrupt;
mod machines;
mod manual;
mod model;
mod model_data;
mod network_file;
mod onnx;
mod output;
mod pareto;
mod pixels;
mod predictions;
pub mod progress;
mod quantise;
mod random_arguments;
mod replay;
mod report;
mod rtl;
mod scale_sim;
pub mod settings;
mod setup;
mod sweep;
mod table;
mod train;
mod usage_line;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::process::ExitCode;

/// Bit-accurate fixed-point ASIC/FPGA simulator and training harness.
#[derive(Debug, Parser)]
#[command(name = "hwsim", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network on the simulated MAC array.
    Train(Box<settings::TrainArguments>),
    /// Bit-accurate inference of a saved model or an ONNX network.
    Eval(Box<eval::EvalArguments>),
    /// Formats for the layers of a float network from calibration data.
    Calibrate(Box<calibrate::CalibrateArguments>),
    /// One bit-accurate matrix product, timed.
    Gemm(gemm::GemmArguments),
    /// Floats to raw integers, counted and timed.
    #[command(alias = "quantize")]
    Quantise(quantise::QuantiseArguments),
    /// A format in every notation: ⟨WL, FL⟩, ap_fixed, ac_fixed, hls4ml, QONNX.
    Formats(formats::FormatsArguments),
    /// Cycles, traffic and energy of a network on machines, layer by layer, without running it.
    Cost(cost::CostArguments),
    /// Compare a float32 emulation of fixed point with the integers of hardware.
    Gap(gap::GapArguments),
    /// The shipped machines, or one machine with what follows from its description.
    Machines(machines::MachinesArguments),
    /// Summaries of runs side by side: accuracy, speedups, memory, sparsity, energy and cycles.
    Compare(compare::CompareArguments),
    /// Runs as one page of HTML: figures and tables out of traces.
    Report(report::ReportArguments),
    /// Cost of a finished run on other machines.
    Replay(replay::ReplayArguments),
    /// Many designs: costed, or trained.
    Sweep(Box<sweep::SweepArguments>),
    /// Pareto fronts: designs that no other design dominates.
    #[command(subcommand)]
    Pareto(pareto::ParetoCommand),
    /// ONNX networks: what their nodes are and where they run, and which operators are supported.
    #[command(subcommand)]
    Onnx(onnx::OnnxCommand),
    /// Golden vectors: inputs and expected results.
    #[command(subcommand)]
    Golden(golden::GoldenCommand),
    /// The MAC array of a machine as Verilog for a layer, with test benches and expectations; run in a simulator.
    Rtl(Box<rtl::RtlArguments>),
    /// Completions of this command line for a shell.
    Completions(manual::CompletionsArguments),
    /// Manual pages.
    Man(manual::ManArguments),
}

/// The whole command line, older spellings included.
fn command() -> clap::Command {
    manual::short_help(arguments::accept_older_spellings(Arguments::command()))
}

/// Reads the arguments of the program; ends it with code 2 if they are wrong.
fn parse() -> Arguments {
    let mut command = command();
    let given = arguments::join_lists(std::env::args_os());
    let matches = command.try_get_matches_from_mut(given).unwrap_or_else(|error| refuse(&error));
    Arguments::from_arg_matches(&matches)
        .unwrap_or_else(|error| refuse(&error.format(&mut command)))
}

/// Ends the program: with help or version if they were asked for, else with what is wrong and code 2.
fn refuse(error: &clap::Error) -> ! {
    let help = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() || error.kind() == help {
        error.exit()
    }
    output::note(&format!("hwsim: {}", usage_line::usage_line(error)));
    std::process::exit(2)
}

/// Runs the command line; exit code 0 for success, 1 for a failed run, 2 for wrong usage, 130 for an
/// interrupted run that left a checkpoint.
pub fn main() -> ExitCode {
    let result = match parse().command {
        Command::Train(arguments) => train::run(*arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Gemm(arguments) => gemm::run(&arguments),
        Command::Quantise(arguments) => quantise::run(&arguments),
        Command::Formats(arguments) => formats::run(&arguments),
        Command::Cost(arguments) => cost::run(&arguments),
        Command::Gap(arguments) => gap::run(&arguments),
        Command::Machines(arguments) => machines::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Pareto(command) => pareto::run(&command),
        Command::Onnx(command) => onnx::run(&command),
        Command::Golden(command) => golden::run(&command),
        Command::Rtl(arguments) => rtl::run(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments, command()),
        Command::Man(arguments) => manual::man(&arguments, command()),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
