//! `hwsim pareto complete`.

use super::files::{read_matrix, table};
use crate::cli::errors::Failure;
use crate::cli::files::Files;
use crate::cli::output;
use crate::design::peppp::metrics::relative_error;
use crate::design::peppp::sampling::{Sampling, sample};
use crate::design::peppp::soft_impute::{SoftImputeOptions, soft_impute, tuned_lambda};
use crate::design::peppp::{ErrorMatrix, Factors, PepppError};
use anyhow::anyhow;
use nalgebra::DMatrix;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// How a sample is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SampleKind {
    /// Every error that is known.
    Known,
    /// A share of the entries, at random.
    Uniform,
    /// By memory: small entries are likelier; they are weighted by 1/probability.
    NonUniform,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "docs/peppp.md explains samples, weights and the table.")]
pub(in crate::cli) struct CompleteArguments {
    /// Table of `hwsim pareto measure`; empty errors are missing.
    #[arg(value_name = "FILE.csv")]
    matrix: PathBuf,
    /// Which of the known errors are used; the others test the completion.
    #[arg(long, value_enum, default_value = "known", help_heading = "Sample")]
    sample: SampleKind,
    /// Share of entries in a uniform sample.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, help_heading = "Sample")]
    ratio: f64,
    /// Largest probability in a sample by memory.
    #[arg(long, value_name = "P", default_value_t = 0.5, help_heading = "Sample")]
    p_max: f64,
    /// Use no errors of entries with more memory than this (bytes, or with kB, MB, GB).
    #[arg(long, value_name = "SIZE", help_heading = "Sample")]
    memory_cap: Option<super::memory_size::MemorySize>,
    /// Seed of the sample.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Sample")]
    seed: u64,
    /// Weight λ of the nuclear norm, or `auto`: by a hold-out of a tenth of the sample.
    #[arg(long, value_name = "LAMBDA", default_value = "0.1")]
    lambda: String,
    /// Cut the completed matrix to this rank.
    #[arg(long, value_name = "K")]
    rank: Option<usize>,
    /// Most steps of the completion.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    iterations: usize,
    /// The completed table.
    #[arg(short, long, alias = "out", value_name = "FILE.csv")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &CompleteArguments) -> Result<ExitCode, Failure> {
    Files::default()
        .input("the matrix", [&arguments.matrix])
        .output("--output", &arguments.output)
        .check()?;
    let matrix = read_matrix(&arguments.matrix)?;
    let (values, known) = matrix.observed();
    let sampling = match arguments.sample {
        SampleKind::Known => Sampling::Full,
        SampleKind::Uniform => Sampling::Uniform { ratio: arguments.ratio },
        SampleKind::NonUniform => Sampling::NonUniform { p_max: arguments.p_max },
    };
    let cap = arguments.memory_cap.map(|cap| cap.megabytes());
    let weights =
        sample(&matrix.memory_mb, sampling, cap, arguments.seed).map_err(Failure::usage)?;
    let weights = weights.component_mul(&known);
    let mut options =
        SoftImputeOptions { iterations: arguments.iterations, ..SoftImputeOptions::default() };
    options.lambda = match arguments.lambda.as_str() {
        "auto" => tuned_lambda(&values, &weights, &options, arguments.seed)?,
        text => text
            .parse()
            .map_err(|_| Failure::usage(anyhow!("--lambda is `{text}`: use a number or `auto`")))?,
    };
    let completion = soft_impute(&values, &weights, &options).map_err(Failure::usage)?;
    let completed = match arguments.rank {
        None => completion.values.clone(),
        Some(rank) => Factors::of(&completion.values, rank).map_err(Failure::usage)?.product(),
    };
    let mut text = String::new();
    let entries = values.len();
    let used = weights.iter().filter(|weight| **weight > 0.0).count();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{used} of {entries} errors used ({:.1} %), lambda {}, {} steps{}",
        100.0 * used as f64 / entries as f64,
        options.lambda,
        completion.iterations,
        if completion.converged { "" } else { " (tolerance not reached: raise --iterations)" }
    );
    let parts = Factors::of(&completed, 1)?;
    let _ = writeln!(text, "rank  singular value  of the sum  of the squares");
    let largest = parts.singular_values.first().copied().unwrap_or(0.0);
    let count = parts.singular_values.iter().filter(|value| **value > 1e-6 * largest).count();
    for rank in 1..=count.min(10) {
        let explained = parts.explained(rank);
        let _ = writeln!(
            text,
            "{rank:>4}  {:>14.6}  {:>9.2} %  {:>12.2} %",
            parts.singular_values[rank - 1],
            100.0 * explained.of_values,
            100.0 * explained.of_squares
        );
    }
    if let Some(error) = held_out_error(&matrix, &weights, &completed) {
        let _ = writeln!(text, "relative error on known errors that were not used: {error:.4}");
    }
    let mut outputs = output::Attempts::default();
    outputs.add(output::print(&text));
    if let Some(out) = &arguments.output {
        outputs.add(output::write(out, &completed_csv(&matrix, &weights, &completed)?));
    }
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// ‖ê - e‖/‖e‖ over the known entries outside the sample.
fn held_out_error(
    matrix: &ErrorMatrix,
    weights: &DMatrix<f64>,
    completed: &DMatrix<f64>,
) -> Option<f64> {
    let (mut truth, mut found) = (Vec::new(), Vec::new());
    for row in 0..weights.nrows() {
        for column in 0..weights.ncols() {
            if let (Some(error), true) = (matrix.error(row, column), weights[(row, column)] == 0.0)
            {
                truth.push(error);
                found.push(completed[(row, column)]);
            }
        }
    }
    (!truth.is_empty()).then(|| relative_error(&truth, &found))
}

/// Errors of the sample as they are, the others as completed, from 0 to 1.
fn completed_csv(
    matrix: &ErrorMatrix,
    weights: &DMatrix<f64>,
    completed: &DMatrix<f64>,
) -> Result<String, PepppError> {
    let mut rows = Vec::with_capacity(weights.len());
    for (row, partition) in matrix.partitions.iter().enumerate() {
        for (column, configuration) in matrix.configurations.iter().enumerate() {
            let place = (row, column);
            let measured = matrix.error(row, column).filter(|_| weights[place] > 0.0);
            let error = measured.unwrap_or_else(|| completed[place].clamp(0.0, 1.0));
            rows.push(vec![
                partition.clone(),
                configuration.clone(),
                format!("{:?}", matrix.memory_mb[place]),
                format!("{error:?}"),
                measured.is_some().to_string(),
            ]);
        }
    }
    table(&["partition", "configuration", "memory_mb", "error", "measured"], &rows)
}
