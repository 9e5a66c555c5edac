//! `hwsim golden`: the group of commands about golden vectors.

use super::errors::Failure;
use super::golden_export::{self, ExportArguments, VerifyArguments};
use clap::Subcommand;
use std::process::ExitCode;

pub(super) mod check;

/// Golden vectors: inputs and expected results.
#[derive(Debug, Subcommand)]
pub(super) enum GoldenCommand {
    /// Recompute every golden-vector file of a folder and compare.
    ///
    /// Files are known by their name, with or without a tag (matmul.csv, matmul_other.csv), or by
    /// their header; docs/golden.md has the layouts. Vector kernels are checked at every SIMD level of
    /// this CPU, or at the one that HWSIM_SIMD names. Exit code 0: all equal; 1: a mismatch or a damaged
    /// file; 2: nothing to check.
    Check(check::CheckArguments),
    /// Write memory images and expected values of one layer, for RTL test benches.
    Export(Box<ExportArguments>),
    /// Read an export and compute everything in it again.
    Verify(VerifyArguments),
}

pub(super) fn run(command: &GoldenCommand) -> Result<ExitCode, Failure> {
    match command {
        GoldenCommand::Check(arguments) => check::run(arguments),
        GoldenCommand::Export(arguments) => golden_export::export(arguments),
        GoldenCommand::Verify(arguments) => golden_export::verify(arguments),
    }
}
