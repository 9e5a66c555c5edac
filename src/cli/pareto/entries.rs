//! Measures entries of an error matrix by training, each once; resumable after any stop.

use crate::cli::errors::Failure;
use crate::cli::interrupt;
use crate::cli::output;
use crate::cli::sweep::progress::Shown;
use crate::data::Dataset;
use crate::design::peppp::{Configuration, Footprint, PepppError, TrainingSetup};
use crate::design::sweep::{self, ContentHash, Evaluation, Outcome, Parallelism, Plan, SweepError};
use crate::train::state::fingerprint;
use anyhow::anyhow;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Part of every key: results of other versions are not reused.
const VERSION: &str = concat!("hwsim ", env!("CARGO_PKG_VERSION"), " pareto measure 1");

/// Columns that say what an entry is.
pub(super) const AXES: [&str; 7] = [
    "partition",
    "configuration",
    "memory_mb",
    "classes",
    "train_images",
    "test_images",
    "partition_seed",
];
/// Columns of results.
pub(super) const RESULTS: [&str; 3] = ["error", "diverged", "steps"];

/// A partition with its images and what training on it keeps in memory.
pub(super) struct PartitionData {
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) data: Dataset,
    pub(super) footprint: Footprint,
    fingerprint: u32,
}

impl PartitionData {
    pub(super) fn new(
        (name, seed): (String, u64),
        data: Dataset,
        setup: &TrainingSetup,
    ) -> Result<Self, PepppError> {
        let (footprint, fingerprint) = (setup.footprint(&data)?, fingerprint(&data));
        Ok(Self { name, seed, data, footprint, fingerprint })
    }

    /// The cells of [`AXES`].
    pub(super) fn cells(&self, configuration: Configuration) -> Vec<String> {
        let names: Vec<&str> = self.data.class_names.iter().map(String::as_str).collect();
        vec![
            self.name.clone(),
            configuration.to_string(),
            format!("{:?}", self.footprint.megabytes(configuration)),
            names.join("; "),
            self.data.train.len().to_string(),
            self.data.test.len().to_string(),
            self.seed.to_string(),
        ]
    }
}

/// What is to be measured.
pub(super) struct Entries<'a> {
    setup: &'a TrainingSetup,
    partitions: &'a [PartitionData],
    /// Partition and configuration.
    entries: Vec<(usize, Configuration)>,
    plan: Plan,
}

impl<'a> Entries<'a> {
    pub(super) fn new(
        setup: &'a TrainingSetup,
        partitions: &'a [PartitionData],
        entries: Vec<(usize, Configuration)>,
    ) -> Result<Self, Failure> {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut plan = Plan { axes: names(&AXES), results: names(&RESULTS), points: Vec::new() };
        let options = serde_json::to_string(&setup.options)?;
        let common = ContentHash::default().with(VERSION).with(options);
        let common = common.with(format!("{:?}", setup.machine));
        let mut seen = HashSet::new();
        for &(partition, configuration) in &entries {
            let partition = &partitions[partition];
            let key = common.with(configuration.to_string());
            let key = key.with(partition.data.classes().to_le_bytes());
            let key = key.with(partition.fingerprint.to_le_bytes());
            plan.push(key, partition.cells(configuration), &mut seen);
        }
        Ok(Self { setup, partitions, entries, plan })
    }

    /// Trains for every entry that the log has no result of; `None` if a signal stopped it.
    pub(super) fn run(
        &self,
        log: &Path,
        threads: Option<NonZeroUsize>,
        quiet: bool,
    ) -> Result<Option<Outcome>, Failure> {
        let stop = interrupt::install();
        let progress = Shown::new(quiet);
        let evaluate = |index: usize| {
            let (partition, configuration) = self.entries[index];
            let PartitionData { name, data, .. } = &self.partitions[partition];
            let measured = self.setup.measure(configuration, data, &stop).map_err(|error| {
                let point = format!("{configuration} on {name}");
                SweepError::Point { point, reason: format!("{:#}", anyhow!(error)) }
            })?;
            let error = format!("{:?}", measured.error);
            Ok(vec![error, measured.diverged.to_string(), measured.steps.to_string()])
        };
        let threads = threads.or_else(|| std::thread::available_parallelism().ok());
        let evaluation = Evaluation {
            evaluate: &evaluate,
            progress: &|done, of| progress.show(done, of),
            stop: &stop,
            parallelism: Parallelism::Separate(threads.unwrap_or(NonZeroUsize::MIN)),
        };
        let outcome = sweep::run(&self.plan, log, None, &evaluation);
        progress.finish();
        match outcome {
            Err(SweepError::Point { .. }) if stop.load(Ordering::SeqCst) => Ok(None),
            Ok(outcome) if outcome.left > 0 => Ok(None),
            other => {
                let outcome = other?;
                if outcome.damaged > 0 {
                    let (damaged, log) = (outcome.damaged, log.display());
                    output::note(&format!(
                        "hwsim: {damaged} lines of `{log}` were damaged and not used"
                    ));
                }
                Ok(Some(outcome))
            }
        }
    }

    /// The rows of the table, one an entry: cells of [`AXES`] and [`RESULTS`].
    pub(super) fn rows(&self, log: &Path) -> Result<Vec<Vec<String>>, Failure> {
        let table = sweep::table(&self.plan, log)?;
        let mut csv = csv::Reader::from_reader(table.as_slice());
        let rows = csv.records().map(|row| Ok(row?.iter().map(str::to_owned).collect()));
        rows.collect()
    }

    /// The errors, one an entry.
    pub(super) fn errors(&self, log: &Path) -> Result<Vec<f64>, Failure> {
        let error = |row: Vec<String>| {
            let text = row.get(AXES.len()).map(String::as_str).unwrap_or_default();
            let parsed = text.parse::<f64>().ok();
            parsed.ok_or_else(|| Failure::Run(anyhow!("`{}`: no error in a row", log.display())))
        };
        self.rows(log)?.into_iter().map(error).collect()
    }
}

/// The results log of the table `out`.
pub(super) fn log_of(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".log");
    name.into()
}
