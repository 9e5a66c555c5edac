//! `hwsim pareto`: fronts of tables, and frontiers predicted from a few training runs.

mod front;
mod measure;
mod training;

use super::errors::Failure;
use std::process::ExitCode;

/// Points that no other point beats.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ParetoCommand {
    /// The rows of a CSV table that no other row beats in every goal.
    Front(front::FrontArguments),
    /// Train every configuration on every partition of a data set: errors and memory.
    Measure(Box<measure::MeasureArguments>),
}

pub(super) fn run(command: &ParetoCommand) -> Result<ExitCode, Failure> {
    match command {
        ParetoCommand::Front(arguments) => front::run(arguments),
        ParetoCommand::Measure(arguments) => measure::run(arguments),
    }
}
