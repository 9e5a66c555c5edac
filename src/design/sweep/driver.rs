//! Runs a sweep plan and writes its table.

use super::log::{self, Log};
use super::{Plan, SweepError};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Every n-th point of a plan: those whose number leaves remainder `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 0.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    /// Reads `i/n` with i from 0 to n - 1.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').map(|(index, of)| (index.parse(), of.parse()));
        match parts {
            Some((Ok(index), Ok(of))) if index < of => Ok(Self { index, of }),
            _ => {
                Err("write the shard and the number of shards, as in 0/4 (from 0/4 to 3/4)"
                    .to_owned())
            }
        }
    }
}

/// How a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Points evaluated now.
    pub evaluated: usize,
    /// Results that the log already had.
    pub cached: usize,
    /// Damaged lines in the log; their points were evaluated again.
    pub damaged: usize,
    /// Points of the shard without a result, because the sweep was told to stop.
    pub left: usize,
}

/// Number of points evaluated in parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parallelism {
    /// One, with all threads of the process to itself.
    One,
    /// As many as the process has threads, for points that need no separate threads.
    Shared,
    /// So many, each with a pool of one thread: points that would wait for separate threads never start another
    /// point meanwhile.
    Separate(NonZeroUsize),
}

/// How the points of a plan are evaluated.
pub struct Evaluation<'a> {
    /// The cells of the result columns of the point of this number.
    pub evaluate: &'a (dyn Fn(usize) -> Result<Vec<String>, SweepError> + Sync),
    /// Told how many of how many points are done.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
    /// Set from outside to stop after the points under way.
    pub stop: &'a AtomicBool,
    /// Number of points evaluated in parallel.
    pub parallelism: Parallelism,
}

/// Evaluates the points of `plan` that the log `path` has no result of: all, or those of `shard`.
///
/// # Errors
/// If a point fails, or the log cannot be written. Results so far are in the log.
pub fn run(
    plan: &Plan,
    path: &Path,
    shard: Option<Shard>,
    evaluation: &Evaluation<'_>,
) -> Result<Outcome, SweepError> {
    let (mut log, contents) = Log::open(path)?;
    if contents.plan.as_ref() != Some(plan) {
        log.plan(plan)?;
    }
    let shard = shard.unwrap_or(Shard { index: 0, of: 1 });
    let mut wanted = HashSet::new();
    let own: Vec<usize> = (shard.index..plan.points.len())
        .step_by(shard.of)
        .filter(|&point| wanted.insert(&plan.points[point].key))
        .collect();
    let fits = |cells: &Vec<String>| cells.len() == plan.results.len();
    let missing: Vec<usize> = own
        .iter()
        .copied()
        .filter(|&point| !contents.results.get(&plan.points[point].key).is_some_and(fits))
        .collect();
    let cached = own.len() - missing.len();
    let done = AtomicUsize::new(0);
    (evaluation.progress)(cached, own.len());
    let log = Mutex::new(log);
    let failed = AtomicBool::new(false);
    let one = |&point: &usize| -> Result<(), SweepError> {
        if evaluation.stop.load(Ordering::SeqCst) || failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let write = |cells: Vec<String>| {
            let mut log = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            log.result(&plan.points[point].key, &cells)
        };
        let result = (evaluation.evaluate)(point).and_then(write);
        failed.fetch_or(result.is_err(), Ordering::Relaxed);
        result?;
        (evaluation.progress)(cached + done.fetch_add(1, Ordering::Relaxed) + 1, own.len());
        Ok(())
    };
    let result = match evaluation.parallelism {
        Parallelism::One => missing.iter().try_for_each(one),
        Parallelism::Shared => missing.par_iter().try_for_each(one),
        Parallelism::Separate(workers) => separately(workers, &missing, &one),
    };
    log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).sync()?;
    result?;
    let evaluated = done.load(Ordering::Relaxed);
    let left = missing.len() - evaluated;
    Ok(Outcome { evaluated, cached, damaged: contents.damaged, left })
}

/// `one` for each of `points` in order, on `workers` threads with a pool of one thread each.
fn separately(
    workers: NonZeroUsize,
    points: &[usize],
    one: &(dyn Fn(&usize) -> Result<(), SweepError> + Sync),
) -> Result<(), SweepError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), SweepError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|error| SweepError::Threads(error.to_string()))?;
        while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
            pool.install(|| one(point))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers = workers.get().min(points.len());
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<(), SweepError>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        // All are joined before the first error is returned.
        let results: Vec<_> = threads.into_iter().map(join).collect();
        results.into_iter().collect()
    })
}

/// The table of `plan` as CSV, from its log.
///
/// # Errors
/// If the log cannot be read or lacks a result.
pub fn table(plan: &Plan, path: &Path) -> Result<Vec<u8>, SweepError> {
    csv_of(plan, &log::read(path)?.results)
}

/// The table of a sweep from the logs of all its shards, as CSV.
///
/// # Errors
/// If a log cannot be read, they belong to different sweeps, or a point has no result.
pub fn merge(logs: &[PathBuf]) -> Result<Vec<u8>, SweepError> {
    let mut plan: Option<(Plan, &PathBuf)> = None;
    let mut results = HashMap::new();
    for path in logs {
        let contents = log::read(path)?;
        let own = contents.plan.ok_or_else(|| SweepError::NoPlan(path.clone()))?;
        match &plan {
            Some((first, of)) if *first != own => {
                return Err(SweepError::Different((*of).clone(), path.clone()));
            }
            Some(_) => {}
            None => plan = Some((own, path)),
        }
        results.extend(contents.results);
    }
    let Some((plan, _)) = plan else {
        return Err(SweepError::Axis(
            "there is no log to merge: name the logs of all shards".to_owned(),
        ));
    };
    csv_of(&plan, &results)
}

fn csv_of(plan: &Plan, results: &HashMap<String, Vec<String>>) -> Result<Vec<u8>, SweepError> {
    let result = |key: &str| results.get(key).filter(|cells| cells.len() == plan.results.len());
    let missing: Vec<usize> =
        (0..plan.points.len()).filter(|&point| result(&plan.points[point].key).is_none()).collect();
    if let Some(&first) = missing.first() {
        let (missing, points) = (missing.len(), plan.points.len());
        return Err(SweepError::Missing { missing, points, first });
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(plan.axes.iter().chain(&plan.results))?;
    for point in &plan.points {
        csv.write_record(point.cells.iter().chain(result(&point.key).into_iter().flatten()))?;
    }
    csv.into_inner().map_err(|error| csv::Error::from(error.into_error()).into())
}
