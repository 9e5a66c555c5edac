//! `hwsim pareto evaluate`.

use super::files::{columns, read_matrix, table};
use crate::cli::arguments::numbers;
use crate::cli::errors::Failure;
use crate::cli::files::Files;
use crate::cli::{output, setup};
use crate::design::peppp::cross_validation::{Setting, ValidationOptions, ValidationRow, validate};
use crate::design::peppp::method::Method;
use crate::design::peppp::soft_impute::SoftImputeOptions;
use anyhow::anyhow;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each partition is left out in turn; docs/peppp.md explains settings, methods and columns."
)]
pub(in crate::cli) struct EvaluateArguments {
    /// Complete table of `hwsim pareto measure`.
    #[arg(value_name = "FILE.csv")]
    matrix: PathBuf,
    /// Settings of the paper: I (all errors of the other partitions), III (a uniform sample), V (a sample by memory), each with a cap on what is measured as II, IV, VI.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "I,II,III,IV,V,VI")]
    settings: Vec<String>,
    /// Methods: ed-mf, ed-mf-relaxed, random-mf, qr-mf, bo-mf, bo-full.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "ed-mf,ed-mf-relaxed,random-mf,qr-mf,bo-mf,bo-full"
    )]
    methods: Vec<Method>,
    /// Numbers of measurements on the partition left out.
    #[arg(long, value_name = "LIST", value_parser = numbers::<usize>, default_value = "3,4,5,6,8,10")]
    budgets: std::vec::Vec<usize>,
    /// Rank of the factors.
    #[arg(long, value_name = "K", default_value_t = 3)]
    rank: usize,
    /// Share of entries in a uniform sample.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    ratio: f64,
    /// Largest probability in a sample by memory.
    #[arg(long, value_name = "P", default_value_t = 0.5)]
    p_max: f64,
    /// Cap on the memory of a measured configuration (bytes, or with kB, MB, GB) [default: median of all].
    #[arg(long, value_name = "SIZE")]
    memory_cap: Option<super::memory_size::MemorySize>,
    /// Weight λ of the nuclear norm when completing samples.
    #[arg(long, value_name = "LAMBDA", default_value_t = 0.1)]
    lambda: f64,
    /// Samples and random choices that are averaged.
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeats: usize,
    /// Seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the table too.
    #[arg(short, long, alias = "out", value_name = "FILE.csv")]
    output: Option<PathBuf>,
    /// Threads; the result does not depend on them [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(super) fn run(arguments: &EvaluateArguments) -> Result<ExitCode, Failure> {
    setup::threads(arguments.threads.map(usize::from))?;
    Files::default()
        .input("the matrix", [&arguments.matrix])
        .output("--output", &arguments.output)
        .check()?;
    let matrix = read_matrix(&arguments.matrix)?;
    let setting = |text: &String| {
        let known = Setting::ALL.into_iter().find(|setting| setting.to_string() == text.trim());
        known.ok_or_else(|| {
            Failure::usage(anyhow!("unknown setting `{text}`: use some of I, II, III, IV, V, VI"))
        })
    };
    let options = ValidationOptions {
        settings: arguments.settings.iter().map(setting).collect::<Result<_, _>>()?,
        methods: arguments.methods.clone(),
        budgets: arguments.budgets.clone(),
        rank: arguments.rank,
        ratio: arguments.ratio,
        p_max: arguments.p_max,
        cap_mb: arguments.memory_cap.map(|cap| cap.megabytes()),
        completion: SoftImputeOptions { lambda: arguments.lambda, ..SoftImputeOptions::default() },
        repeats: arguments.repeats,
        seed: arguments.seed,
        ..ValidationOptions::default()
    };
    let rows = validate(&matrix, &options).map_err(Failure::usage)?;
    let mut outputs = output::Attempts::default();
    outputs.add(output::print(&render(&rows)));
    if let Some(out) = &arguments.output {
        outputs.add(output::write(out, &csv(&rows)?));
    }
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: [&str; 10] = [
    "setting",
    "method",
    "budget",
    "measured",
    "memory_mb",
    "convergence",
    "convergence_se",
    "hyper_diff",
    "hyper_diff_se",
    "relative_error",
];

fn measures(row: &ValidationRow) -> [f64; 7] {
    let ValidationRow { measured, memory_mb, convergence, hyper_diff, relative_error, .. } = *row;
    let (of_convergence, of_hyper_diff) = (row.convergence_error, row.hyper_diff_error);
    [measured, memory_mb, convergence, of_convergence, hyper_diff, of_hyper_diff, relative_error]
}

fn cells(row: &ValidationRow, number: impl Fn(f64) -> String) -> Vec<String> {
    let mut cells = vec![row.setting.to_string(), row.method.to_string(), row.budget.to_string()];
    cells.extend(measures(row).map(number));
    cells
}

fn csv(rows: &[ValidationRow]) -> Result<String, Failure> {
    let rows: Vec<_> = rows.iter().map(|row| cells(row, |value| format!("{value:?}"))).collect();
    Ok(table(&COLUMNS, &rows)?)
}

fn render(rows: &[ValidationRow]) -> String {
    let mut lines = vec![COLUMNS.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| cells(row, |value| format!("{value:.4}"))));
    columns(&lines)
}
