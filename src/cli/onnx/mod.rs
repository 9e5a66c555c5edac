//! `hwsim onnx`: the group of commands about ONNX networks.

use super::errors::Failure;
use clap::Subcommand;
use std::process::ExitCode;

mod export;
mod operators;
mod show;

/// ONNX networks.
#[derive(Debug, Subcommand)]
pub(super) enum OnnxCommand {
    /// The nodes of a network: operator, shape, type, word lengths, MACs, and where each runs.
    Show(show::ShowArguments),
    /// A trained model as QONNX or QDQ, which other programs run with the same integers.
    Export(Box<export::ExportArguments>),
    /// Every operator that is supported, with its domain.
    Operators(operators::OperatorsArguments),
}

pub(super) fn run(command: &OnnxCommand) -> Result<ExitCode, Failure> {
    match command {
        OnnxCommand::Show(arguments) => show::run(arguments),
        OnnxCommand::Export(arguments) => export::run(arguments),
        OnnxCommand::Operators(arguments) => operators::run(arguments),
    }
}
