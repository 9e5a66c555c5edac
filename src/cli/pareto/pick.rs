//! `hwsim pareto pick`.

use super::entries::{Entries, PartitionData, log_of};
use super::files::{columns, read_matrix, table};
use super::memory_size::MemorySize;
use super::training::{NewPartitionArguments, TrainingArguments};
use crate::cli::errors::Failure;
use crate::cli::files::Files;
use crate::cli::{output, setup};
use crate::design::peppp::gaussian_process::ProcessOptions;
use crate::design::peppp::method::{Estimate, MetaTraining, Method, Task, estimate};
use crate::design::peppp::recommendation::{Recommendation, recommend};
use crate::design::peppp::soft_impute::{SoftImputeOptions, soft_impute};
use crate::design::peppp::{Configuration, ErrorMatrix, PepppError, TrainingSetup};
use anyhow::anyhow;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Either --partition or --train says what the new task is. Train it as the matrix was measured. docs/peppp.md explains the answer."
)]
pub(in crate::cli) struct PickArguments {
    /// Table of `hwsim pareto measure` or `complete`; missing errors are completed first.
    #[arg(value_name = "FILE.csv")]
    matrix: PathBuf,
    /// Memory that training may take (bytes, or with kB, MB, GB).
    #[arg(long, value_name = "SIZE")]
    memory: MemorySize,
    /// The new task is this row of the table: it is left out, and its errors are what a training would have found.
    #[arg(long, value_name = "NAME", conflicts_with = "train", required_unless_present = "train")]
    partition: Option<String>,
    /// The new task is a data set, trained now.
    #[arg(long, requires = "output")]
    train: bool,
    /// Configurations that are measured.
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(5).expect("not 0"))]
    measurements: NonZeroUsize,
    /// Measure no configuration with more memory than this [default: no cap].
    #[arg(long, value_name = "SIZE")]
    memory_cap: Option<MemorySize>,
    /// ed-mf, ed-mf-relaxed, random-mf, qr-mf, bo-mf, bo-full.
    #[arg(long, value_name = "NAME", default_value = "ed-mf")]
    method: Method,
    /// Rank of the factors.
    #[arg(long, value_name = "K", default_value_t = 3)]
    rank: usize,
    /// Weight λ of the nuclear norm when completing the table.
    #[arg(long, value_name = "LAMBDA", default_value_t = 0.1)]
    lambda: f64,
    /// Seed of methods with random choices.
    #[arg(long, value_name = "N", default_value_t = 1)]
    method_seed: u64,
    /// Every configuration with memory and error, measured or predicted; with --train, results so far are next to it in
    /// FILE.csv.log.
    #[arg(short, long, alias = "out", value_name = "FILE.csv")]
    output: Option<PathBuf>,
    #[command(flatten)]
    new_partition: NewPartitionArguments,
    #[command(flatten)]
    training: TrainingArguments,
    /// Training runs at a time, each on one thread [default: one a core].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

/// The new task: a row of the table, or a data set.
enum NewTask {
    /// A row of the matrix.
    Row { errors: Vec<Option<f64>>, memory_mb: Vec<f64> },
    /// Data to train on.
    Data { setup: Box<TrainingSetup>, partition: Box<[PartitionData; 1]>, memory_mb: Vec<f64> },
}

pub(super) fn run(arguments: &PickArguments) -> Result<ExitCode, Failure> {
    if !arguments.train && arguments.training.any() {
        let why = "settings of a training have no meaning with --partition: give --train, or leave them out";
        return Err(Failure::usage(anyhow!(why)));
    }
    Files::default()
        .input("the matrix", [&arguments.matrix])
        .data(arguments.training.data_dir())
        .machine("--set machine", arguments.training.machine().unwrap_or_default())
        .output("--output", &arguments.output)
        .growing("the log of --output", arguments.output.as_deref().map(log_of))
        .check()?;
    let matrix = read_matrix(&arguments.matrix)?;
    let (rest, task) = match &arguments.partition {
        Some(name) => {
            let row = matrix.row(name).map_err(Failure::usage)?;
            let columns = 0..matrix.configurations.len();
            let errors = columns.map(|column| matrix.error(row, column)).collect();
            let memory_mb = matrix.memory_mb.row(row).iter().copied().collect();
            let rest = matrix.without(row);
            (
                rest.ok_or_else(|| Failure::usage(PepppError::TooFewRows(1)))?,
                NewTask::Row { errors, memory_mb },
            )
        }
        None => (matrix.clone(), new_data(arguments, &matrix)?),
    };
    let training = meta_training(&rest, arguments)?;
    let memory_mb = match &task {
        NewTask::Row { memory_mb, .. } | NewTask::Data { memory_mb, .. } => memory_mb.clone(),
    };
    let cap = arguments.memory_cap.map_or(f64::INFINITY, MemorySize::megabytes);
    let measurable = |column: &usize| match &task {
        NewTask::Row { errors, .. } => errors[*column].is_some(),
        NewTask::Data { .. } => true,
    };
    let feasible: Vec<usize> =
        (0..memory_mb.len()).filter(|&c| memory_mb[c] <= cap).filter(measurable).collect();
    if feasible.is_empty() {
        let smallest_mb = memory_mb.iter().copied().fold(f64::INFINITY, f64::min);
        return Err(Failure::usage(PepppError::Cap { cap_mb: cap, smallest_mb }));
    }
    let budget = arguments.measurements.get();
    let plan = Task {
        training: &training,
        feasible: &feasible,
        budget,
        seed: arguments.method_seed,
        process: ProcessOptions::default(),
    };
    // The error of a training run is printed in full at the end.
    let mut failure = None;
    let found = estimate(arguments.method, &plan, &mut |columns| {
        measure(&task, columns, &matrix.configurations, arguments).map_err(|reason| {
            failure = Some(reason);
            PepppError::Stopped
        })
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    let found = found?;
    let answer = recommend(&memory_mb, &found.errors, arguments.memory.megabytes())
        .map_err(Failure::usage)?;
    let mut outputs = output::Attempts::default();
    outputs.add(output::print(&render(&matrix.configurations, &memory_mb, &found, &answer)));
    if let Some(out) = &arguments.output {
        outputs.add(output::write(out, &csv(&matrix.configurations, &memory_mb, &found, &answer)?));
    }
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// The data of a new task, with the memory of every configuration on it.
fn new_data(arguments: &PickArguments, matrix: &ErrorMatrix) -> Result<NewTask, Failure> {
    let (setup, paths) = arguments.training.setup()?;
    let text = setup.options.text;
    let dataset = setup::dataset(setup.options.dataset, &text, paths.data_dir, None, (None, None))?;
    let partition = arguments.new_partition.partition(&dataset)?;
    let size = arguments.new_partition.size();
    let data = partition.select(&dataset, size).map_err(Failure::usage)?;
    let name = (partition.name, partition.seed);
    let partition = PartitionData::new(name, data, &setup).map_err(Failure::usage)?;
    let megabytes = |name: &String| -> Result<f64, Failure> {
        let configuration: Configuration = name.parse().map_err(Failure::usage)?;
        Ok(partition.footprint.megabytes(configuration))
    };
    let memory_mb = matrix.configurations.iter().map(megabytes).collect::<Result<_, _>>()?;
    Ok(NewTask::Data { setup: Box::new(setup), partition: Box::new([partition]), memory_mb })
}

fn meta_training(matrix: &ErrorMatrix, arguments: &PickArguments) -> Result<MetaTraining, Failure> {
    let (values, known) = matrix.observed();
    let errors = if known.iter().all(|&known| known > 0.0) {
        values
    } else {
        let options =
            SoftImputeOptions { lambda: arguments.lambda, ..SoftImputeOptions::default() };
        soft_impute(&values, &known, &options).map_err(Failure::usage)?.values
    };
    MetaTraining::new(errors, arguments.rank).map_err(Failure::usage)
}

/// Errors of the configurations `columns` on the new task.
fn measure(
    task: &NewTask,
    columns: &[usize],
    configurations: &[String],
    arguments: &PickArguments,
) -> Result<Vec<f64>, Failure> {
    match task {
        NewTask::Row { errors, .. } => {
            let known = columns.iter().map(|&column| errors[column]);
            known.collect::<Option<_>>().ok_or_else(|| Failure::Run(anyhow!("an error is missing")))
        }
        NewTask::Data { setup, partition, .. } => {
            let named = |&column: &usize| Ok((0, configurations[column].parse()?));
            let chosen: Result<Vec<_>, PepppError> = columns.iter().map(named).collect();
            let entries = Entries::new(setup, partition.as_slice(), chosen?)?;
            let Some(out) = &arguments.output else {
                return Err(Failure::usage(anyhow!("--train needs --output")));
            };
            let log = log_of(out);
            match entries.run(&log, arguments.threads, arguments.quiet)? {
                Some(_) => entries.errors(&log),
                None => Err(Failure::Run(anyhow!("stopped; the same command resumes from here"))),
            }
        }
    }
}

fn is_measured(found: &Estimate, column: usize) -> bool {
    found.measured.iter().any(|&(other, _)| other == column)
}

/// An error is a share from 0 to 1; a prediction outside is shown at its limit, and that it is.
fn error_of(found: &Estimate, column: usize) -> String {
    let error = found.errors[column];
    match error {
        below if below < 0.0 => "0.0000 (extrapolated below 0)".to_owned(),
        above if above > 1.0 => "1.0000 (extrapolated above 1)".to_owned(),
        error => format!("{error:.4}"),
    }
}

fn render(
    configurations: &[String],
    memory_mb: &[f64],
    found: &Estimate,
    answer: &Recommendation,
) -> String {
    let line = |column: usize| {
        vec![
            configurations[column].clone(),
            format!("{:.3}", memory_mb[column]),
            error_of(found, column),
            if is_measured(found, column) { "measured" } else { "predicted" }.to_owned(),
        ]
    };
    let header = ["configuration", "memory (MB)", "error", ""].map(str::to_owned).to_vec();
    let spent: f64 = found.measured.iter().map(|&(column, _)| memory_mb[column]).sum();
    let mut measured = vec![header.clone()];
    measured.extend(found.measured.iter().map(|&(column, _)| line(column)));
    let mut frontier = vec![header];
    frontier.extend(answer.frontier.iter().map(|&column| {
        let mut line = line(column);
        if column == answer.chosen {
            line.push("<- recommended".to_owned());
        }
        line
    }));
    let chosen = answer.chosen;
    format!(
        "recommended: {}, {:.3} MB, {} error {}\n\nmeasured, {} of {} configurations ({spent:.3} MB in all):\n{}\nestimated frontier:\n{}",
        configurations[chosen],
        memory_mb[chosen],
        if is_measured(found, chosen) { "measured" } else { "predicted" },
        error_of(found, chosen),
        found.measured.len(),
        configurations.len(),
        columns(&measured),
        columns(&frontier)
    )
}

fn csv(
    configurations: &[String],
    memory_mb: &[f64],
    found: &Estimate,
    answer: &Recommendation,
) -> Result<String, PepppError> {
    let row = |(column, configuration): (usize, &String)| {
        vec![
            configuration.clone(),
            format!("{:?}", memory_mb[column]),
            format!("{:?}", found.errors[column].clamp(0.0, 1.0)),
            is_measured(found, column).to_string(),
            answer.frontier.contains(&column).to_string(),
            (column == answer.chosen).to_string(),
        ]
    };
    let rows: Vec<_> = configurations.iter().enumerate().map(row).collect();
    let header = ["configuration", "memory_mb", "error", "measured", "pareto", "recommended"];
    table(&header, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_predicted_error_is_outside_0_to_1() {
        let names: Vec<String> = ["low", "plain", "high"].map(str::to_owned).to_vec();
        let found = Estimate { measured: vec![(1, 0.3)], errors: vec![-0.2, 0.3, 1.4] };
        let answer = Recommendation { chosen: 0, frontier: vec![0, 1, 2] };
        let memory = [1.0, 2.0, 3.0];
        let text = render(&names, &memory, &found, &answer);
        assert!(text.contains("predicted error 0.0000 (extrapolated below 0)"), "{text}");
        assert!(text.contains("1.0000 (extrapolated above 1)"), "{text}");
        let csv = csv(&names, &memory, &found, &answer).unwrap();
        let rows: Vec<&str> = csv.lines().skip(1).collect();
        assert_eq!(
            rows,
            [
                "low,1.0,0.0,false,true,true",
                "plain,2.0,0.3,true,true,false",
                "high,3.0,1.0,false,true,false"
            ]
        );
    }
}
