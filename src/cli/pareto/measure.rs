//! `hwsim pareto measure`.

use super::training::{PartitionArguments, TrainingArguments};
use crate::cli::errors::Failure;
use crate::cli::sweep::progress::Shown;
use crate::cli::{interrupt, output, setup};
use crate::data::Dataset;
use crate::explore::sweep::{self, ContentHash, Evaluation, Parallelism, Plan, SweepError};
use crate::peppp::{Configuration, PepppError, TrainingSetup};
use crate::train::state::fingerprint;
use anyhow::anyhow;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

/// Part of every key: results of other versions are not reused.
const VERSION: &str = concat!("hwsim ", env!("CARGO_PKG_VERSION"), " pareto measure 1");

/// Columns that say what an entry is.
const AXES: [&str; 7] = [
    "partition",
    "configuration",
    "memory_mb",
    "classes",
    "train_images",
    "test_images",
    "partition_seed",
];
/// Columns of results.
const RESULTS: [&str; 3] = ["error", "diverged", "steps"];

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A measurement that was stopped goes on when the same command is given again. docs/peppp.md explains configurations, partitions and the table."
)]
pub(in crate::cli) struct MeasureArguments {
    #[command(flatten)]
    partitions: PartitionArguments,
    #[command(flatten)]
    training: TrainingArguments,
    /// Configurations: wl8-fl4, wl8-fl4/wl16-fl12 (weights and activations, then gradients), 1-4-1/1-6-7, or
    /// `minifloats` for the 99 of the paper.
    #[arg(long, value_name = "LIST", value_delimiter = ',', required = true)]
    configurations: Vec<String>,
    /// The table; results so far are beside it in FILE.csv.log.
    #[arg(long, value_name = "FILE.csv")]
    out: PathBuf,
    /// Training runs at a time, each on one thread [default: one a core].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

/// An entry to be measured.
struct Entry {
    partition: usize,
    configuration: Configuration,
}

pub(super) fn run(arguments: &MeasureArguments) -> Result<ExitCode, Failure> {
    let configurations = configurations(&arguments.configurations).map_err(Failure::usage)?;
    output::check_writable(&arguments.out)?;
    let (setup, paths) = arguments.training.setup()?;
    let dataset = setup::dataset(setup.options.dataset, paths.data_dir, (None, None))?;
    let partitions = arguments.partitions.partitions(&dataset)?;
    let size = arguments.partitions.size();
    let mut data = Vec::with_capacity(partitions.len());
    for partition in &partitions {
        data.push(partition.select(&dataset, size).map_err(Failure::usage)?);
    }
    drop(dataset);
    let (mut plan, mut entries, mut seen) = (empty_plan(), Vec::new(), HashSet::new());
    for (number, (partition, data)) in partitions.iter().zip(&data).enumerate() {
        let footprint = setup.footprint(data).map_err(Failure::usage)?;
        let print = fingerprint(data);
        for &configuration in &configurations {
            let names: Vec<&str> = data.class_names.iter().map(String::as_str).collect();
            let cells = vec![
                partition.name.clone(),
                configuration.to_string(),
                format!("{:?}", footprint.megabytes(configuration)),
                names.join("; "),
                data.train.len().to_string(),
                data.test.len().to_string(),
                partition.seed.to_string(),
            ];
            plan.push(key(&setup, configuration, data, print)?, cells, &mut seen);
            entries.push(Entry { partition: number, configuration });
        }
    }
    let log = log_of(&arguments.out);
    let stop = interrupt::install();
    let progress = Shown::new(arguments.quiet);
    let evaluate = |index: usize| {
        let Entry { partition, configuration } = entries[index];
        let measured = setup.measure(configuration, &data[partition], &stop);
        let failed = |error: PepppError| {
            let point = format!("{} on {}", configuration, partitions[partition].name);
            SweepError::Point { point, reason: format!("{:#}", anyhow!(error)) }
        };
        let measured = measured.map_err(failed)?;
        let error = format!("{:?}", measured.error);
        Ok(vec![error, measured.diverged.to_string(), measured.steps.to_string()])
    };
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok());
    let evaluation = Evaluation {
        evaluate: &evaluate,
        progress: &|done, of| progress.show(done, of),
        stop: &stop,
        parallelism: Parallelism::Separate(threads.unwrap_or(NonZeroUsize::MIN)),
    };
    let outcome = sweep::run(&plan, &log, None, &evaluation);
    progress.finish();
    let left = match &outcome {
        Err(SweepError::Point { .. }) if stop.load(Ordering::SeqCst) => true,
        Ok(outcome) => outcome.left > 0,
        Err(_) => false,
    };
    if left {
        eprintln!("stopped; the same command goes on from here");
        return Ok(ExitCode::from(interrupt::EXIT_CODE as u8));
    }
    let outcome = outcome?;
    if outcome.damaged > 0 {
        eprintln!(
            "hwsim: {} lines of `{}` were damaged and not used",
            outcome.damaged,
            log.display()
        );
    }
    output::write(&arguments.out, &String::from_utf8(sweep::table(&plan, &log)?)?)?;
    if !arguments.quiet {
        eprintln!(
            "{} errors of {} configurations on {} partitions ({} from the log): `{}`",
            entries.len(),
            configurations.len(),
            partitions.len(),
            outcome.cached,
            arguments.out.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The configurations named in `texts`.
pub(super) fn configurations(texts: &[String]) -> Result<Vec<Configuration>, PepppError> {
    let mut all: Vec<Configuration> = Vec::new();
    for text in texts {
        let named = match text.trim() {
            "minifloats" => Configuration::minifloats(),
            text => vec![text.parse()?],
        };
        for configuration in named {
            if all.contains(&configuration) {
                return Err(PepppError::TwoConfigurations(configuration.to_string()));
            }
            all.push(configuration);
        }
    }
    if all.is_empty() { Err(PepppError::NoConfigurations) } else { Ok(all) }
}

fn empty_plan() -> Plan {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Plan { axes: names(&AXES), results: names(&RESULTS), points: Vec::new() }
}

/// The key of an entry: all that its result depends on.
fn key(
    setup: &TrainingSetup,
    configuration: Configuration,
    data: &Dataset,
    fingerprint: u32,
) -> Result<ContentHash, Failure> {
    let options = serde_json::to_string(&setup.options)?;
    let key = ContentHash::default().with(VERSION).with(options);
    let key = key.with(format!("{:?}", setup.machine)).with(configuration.to_string());
    Ok(key.with(data.classes().to_le_bytes()).with(fingerprint.to_le_bytes()))
}

fn log_of(out: &std::path::Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".log");
    name.into()
}
