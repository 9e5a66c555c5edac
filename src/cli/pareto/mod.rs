//! `hwsim pareto`: Pareto fronts of tables, and fronts predicted from a few training runs.

mod complete;
mod entries;
mod evaluate;
mod files;
mod front;
mod measure;
mod memory_size;
mod pick;
mod training;

use super::errors::Failure;
use std::process::ExitCode;

/// The commands of `hwsim pareto`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ParetoCommand {
    /// The rows of a CSV table that no other row dominates.
    Front(front::FrontArguments),
    /// Train number formats on many partitions of a data set: errors and memory.
    Measure(Box<measure::MeasureArguments>),
    /// Fill the missing errors of a measured table by a matrix of low rank.
    Complete(complete::CompleteArguments),
    /// Recommend number formats for a memory budget after a few training runs.
    Pick(Box<pick::PickArguments>),
    /// Quality of predicted frontiers: leave each partition of a measured table out in turn.
    Evaluate(evaluate::EvaluateArguments),
}

pub(super) fn run(command: &ParetoCommand) -> Result<ExitCode, Failure> {
    match command {
        ParetoCommand::Front(arguments) => front::run(arguments),
        ParetoCommand::Measure(arguments) => measure::run(arguments),
        ParetoCommand::Complete(arguments) => complete::run(arguments),
        ParetoCommand::Pick(arguments) => pick::run(arguments),
        ParetoCommand::Evaluate(arguments) => evaluate::run(arguments),
    }
}
