//! A whole run: steps, epochs, trace, checkpoints, and a clean stop at any step.
//!
//! A file that cannot be written does not end a run: what has been computed is worth more than the file. The trace keeps
//! its rows in memory and checkpoints keep those that the file lacks, a checkpoint is tried again at the next occasion,
//! and what is still missing at the end is in [`RunEnd::lost`].

use super::checkpoint_folder::unused;
use super::error::TrainError;
use super::outcome::{Evaluation, LayerOutcome, StepOutcome};
use super::phases::WallTime;
use super::state::TracePosition;
use super::trainer::Trainer;
use crate::files::trace::{AccumulatorSource, EvaluationRow, GemmRow, Row, StepRow, TraceWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The file of a checkpoint inside its folder.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";

/// Where checkpoints go and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointPlan {
    /// Folder.
    pub directory: PathBuf,
    /// Optimiser steps between checkpoints; one is also written at the end and at a stop.
    pub every: u64,
}

/// Bytes of trace rows that may wait in memory for a file that cannot be written.
const MOST_PENDING: usize = 1 << 28;

/// How a run is executed; none of it changes a result.
#[derive(Debug, Default)]
pub struct RunPlan<'a> {
    /// The trace being written.
    pub trace: Option<TraceWriter>,
    /// Steps between traced steps; evaluations are always traced.
    pub trace_every: u64,
    /// Checkpoints.
    pub checkpoints: Option<CheckpointPlan>,
    /// Folders for a checkpoint that must be kept and cannot be where `checkpoints` says, or has no place there; the
    /// first that can be written is taken. A number is added to its name if it holds a checkpoint.
    pub spare_folders: Vec<PathBuf>,
    /// Set from outside to stop after the step under way.
    pub stop: Option<&'a AtomicBool>,
    /// Seconds that earlier parts of the run took.
    pub seconds_before: f64,
}

/// Observer of a run's progress.
pub trait Observer {
    /// After every optimiser step.
    fn step(&mut self, trainer: &Trainer, outcome: &StepOutcome);
    /// After every evaluation.
    fn evaluation(&mut self, trainer: &Trainer, evaluation: &Evaluation);
    /// A file cannot be written; the run continues.
    fn trouble(&mut self, _error: &TrainError) {}
}

/// How a run ended.
#[derive(Debug)]
pub struct RunEnd {
    /// False if it was stopped from outside.
    pub complete: bool,
    /// Seconds of computing, earlier parts included.
    pub seconds: f64,
    /// The folder of a checkpoint of this end, if there is one.
    pub checkpoint: Option<PathBuf>,
    /// Files that were asked for and could not be written.
    pub lost: Vec<TrainError>,
}

/// Runs `trainer` to its end or until it is asked to stop. Every trace row is written before the
/// checkpoint that counts it, so that a killed run continues with the same bytes.
///
/// # Errors
/// If training diverges. Files that cannot be written are no error: see [`RunEnd::lost`].
pub fn run(
    trainer: &mut Trainer,
    plan: &mut RunPlan<'_>,
    observer: &mut (dyn Observer + Send),
) -> Result<RunEnd, TrainError> {
    // On a thread of the pool: from outside, each parallel loop would wake another thread and wait for it, which
    // costs a step 5 to 10 % of its time.
    rayon::scope(|_| run_here(trainer, plan, observer))
}

/// [`run`] on the thread that calls it.
fn run_here(
    trainer: &mut Trainer,
    plan: &mut RunPlan<'_>,
    observer: &mut (dyn Observer + Send),
) -> Result<RunEnd, TrainError> {
    let start = Instant::now();
    let before = plan.seconds_before;
    let elapsed = || before + start.elapsed().as_secs_f64();
    let stopped = |plan: &RunPlan<'_>| plan.stop.is_some_and(|stop| stop.load(Ordering::SeqCst));
    let mut lost = Vec::new();
    // A finished run that is only reported again keeps its checkpoint as it is.
    let already_finished = trainer.finished();
    while !trainer.finished() {
        if stopped(plan) {
            let seconds = elapsed();
            let checkpoint = keep_checkpoint(trainer, plan, seconds, &mut lost);
            return Ok(RunEnd { complete: false, seconds, checkpoint, lost });
        }
        let outcome = trainer.step()?;
        if outcome.step.is_multiple_of(plan.trace_every.max(1)) {
            let written = write_step(trainer, plan, &outcome);
            check_trace(plan, written, observer, &mut lost);
            trainer.ledger.clock.lap(|phases| &mut phases.output);
        }
        observer.step(trainer, &outcome);
        let evaluation = match (trainer.epoch_complete(), trainer.finished()) {
            (true, _) => Some(trainer.end_epoch()?),
            (false, true) => Some(trainer.evaluate_now()?),
            (false, false) => None,
        };
        if let Some(evaluation) = evaluation {
            let written = write_evaluation(plan, &evaluation);
            check_trace(plan, written, observer, &mut lost);
            observer.evaluation(trainer, &evaluation);
        }
        let every = plan.checkpoints.as_ref().map_or(0, |checkpoints| checkpoints.every);
        if every > 0 && trainer.position().step.is_multiple_of(every) && !trainer.finished() {
            trainer.ledger.clock.skip();
            if let Err(error) = save_in_place(trainer, plan, elapsed()) {
                observer.trouble(&error);
            }
            trainer.ledger.clock.lap(|phases| &mut phases.output);
        }
    }
    let seconds = elapsed();
    let place = plan.checkpoints.as_ref().map(|checkpoints| checkpoints.directory.clone());
    let missing = place.as_ref().is_some_and(|folder| !folder.join(CHECKPOINT_FILE).exists());
    let mut checkpoint = place.filter(|_| !missing);
    if !already_finished || missing {
        checkpoint = match save_in_place(trainer, plan, seconds) {
            Ok(folder) => folder,
            Err(error) => {
                lost.push(error);
                None
            }
        };
    }
    Ok(RunEnd { complete: true, seconds, checkpoint, lost })
}

/// Passes on that the trace cannot be written, and gives it up once too much of it waits in memory.
fn check_trace(
    plan: &mut RunPlan<'_>,
    written: Result<(), TrainError>,
    observer: &mut (dyn Observer + Send),
    lost: &mut Vec<TrainError>,
) {
    let Err(error) = written else { return };
    observer.trouble(&error);
    if plan.trace.as_ref().is_some_and(|trace| trace.pending().len() > MOST_PENDING) {
        plan.trace = None;
        lost.push(error);
    }
}

/// Writes a checkpoint where the plan has its place, else into the first spare folder that takes one; returns the folder.
/// What cannot be written where the plan says is added to `lost`.
pub fn keep_checkpoint(
    trainer: &Trainer,
    plan: &mut RunPlan<'_>,
    seconds: f64,
    lost: &mut Vec<TrainError>,
) -> Option<PathBuf> {
    match save_in_place(trainer, plan, seconds) {
        Ok(Some(folder)) => return Some(folder),
        Ok(None) => {}
        Err(error) => lost.push(error),
    }
    for folder in plan.spare_folders.clone() {
        let folder = unused(&folder);
        if save(trainer, plan, &folder, seconds).is_ok() {
            return Some(folder);
        }
        // Only if it is empty.
        let _ = std::fs::remove_dir(&folder);
    }
    None
}

/// Writes a checkpoint if the plan has a place for it; returns its folder.
///
/// # Errors
/// If it cannot be written.
pub fn save_in_place(
    trainer: &Trainer,
    plan: &mut RunPlan<'_>,
    seconds: f64,
) -> Result<Option<PathBuf>, TrainError> {
    let place = plan.checkpoints.as_ref().map(|checkpoints| checkpoints.directory.clone());
    let Some(folder) = place else { return Ok(None) };
    save(trainer, plan, &folder, seconds)?;
    Ok(Some(folder))
}

/// Writes a checkpoint into `folder`.
fn save(
    trainer: &Trainer,
    plan: &mut RunPlan<'_>,
    folder: &Path,
    seconds: f64,
) -> Result<(), TrainError> {
    let trace = plan.trace.as_mut().map(|trace| {
        // Rows that the file does not take go into the checkpoint.
        let _ = trace.position();
        TracePosition { bytes: trace.written(), pending: trace.pending() }
    });
    let time = WallTime { seconds, phases: trainer.phases() };
    trainer.snapshot(trace, time)?.save(folder, CHECKPOINT_FILE)?;
    Ok(())
}

fn write_step(
    trainer: &Trainer,
    plan: &mut RunPlan<'_>,
    outcome: &StepOutcome,
) -> Result<(), TrainError> {
    let Some(trace) = &mut plan.trace else { return Ok(()) };
    let machine = trainer.machine();
    let pes = machine.array().processing_elements();
    let accumulator_source = match trainer.options().accumulator {
        Some(_) => AccumulatorSource::Run,
        None => AccumulatorSource::Machine,
    };
    // A row that the file does not take stays with the writer: the others must follow it.
    let mut result = Ok(());
    let mut write = |row: Row| {
        let written = trace.write(&row);
        if result.is_ok() {
            result = written;
        }
    };
    for (index, accounts) in outcome.accounts.layers.iter().enumerate() {
        let layer = &trainer.network().mac_layers[index];
        let LayerOutcome { nonzero, report, .. } = outcome.layers[index];
        for account in accounts {
            let gemm = account.tally.gemm;
            write(Row::Gemm(GemmRow {
                step: outcome.step,
                epoch: outcome.epoch,
                layer: layer.name.clone(),
                kind: gemm.kind,
                formats: gemm.formats,
                accumulator: account.accumulator,
                accumulator_source,
                overflow: trainer.accumulator().overflow,
                shape: gemm.shape,
                groups: gemm.groups,
                elements: gemm.elements,
                weight_elements: layer.elements,
                weight_nonzero: nonzero,
                controller: report,
                stepped_outputs: account.stepped_outputs,
                counters: account.counters,
                micro_batch_nonzero_macs: account.micro_batch_nonzero_macs.clone(),
                vector_operations: account.vector_operations,
                reconfigurations: account.reconfigurations,
                pes,
                update: account.update,
            }));
        }
    }
    write(Row::Step(StepRow {
        step: outcome.step,
        epoch: outcome.epoch,
        loss: outcome.loss,
        cross_entropy: outcome.cross_entropy,
        penalty: outcome.penalty,
        learning_rate: outcome.learning_rate,
        batch_accuracy: outcome.accuracy,
        gradient_norm: outcome.gradient_norm,
    }));
    Ok(result?)
}

fn write_evaluation(plan: &mut RunPlan<'_>, evaluation: &Evaluation) -> Result<(), TrainError> {
    let Some(trace) = &mut plan.trace else { return Ok(()) };
    trace.write(&Row::Evaluation(EvaluationRow {
        step: evaluation.step,
        epoch: evaluation.epoch,
        test_loss: evaluation.loss,
        top1: evaluation.top1,
        learning_rate: evaluation.learning_rate,
    }))?;
    Ok(())
}
