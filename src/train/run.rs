//! A whole run: steps, epochs, trace, checkpoints, and a clean stop at any step.

use super::checkpoint_folder::unused;
use super::error::TrainError;
use super::outcome::{Evaluation, StepOutcome};
use super::phases::WallTime;
use super::trainer::Trainer;
use crate::trace::{AccumulatorSource, EvaluationRow, GemmRow, Row, StepRow, TraceWriter};
use std::path::PathBuf;
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

/// How a run is carried out; none of it changes a result.
#[derive(Debug, Default)]
pub struct RunPlan<'a> {
    /// The trace being written.
    pub trace: Option<TraceWriter>,
    /// Steps between traced steps; evaluations are always traced.
    pub trace_every: u64,
    /// Checkpoints.
    pub checkpoints: Option<CheckpointPlan>,
    /// Folder for the checkpoint of a stopped run if `checkpoints` has none; a number is added if it holds one.
    pub folder_at_stop: Option<PathBuf>,
    /// Set from outside to stop after the step under way.
    pub stop: Option<&'a AtomicBool>,
    /// Seconds that earlier parts of the run took.
    pub seconds_before: f64,
}

/// Sees a run go on.
pub trait Observer {
    /// After every optimiser step.
    fn step(&mut self, trainer: &Trainer, outcome: &StepOutcome);
    /// After every evaluation.
    fn evaluation(&mut self, trainer: &Trainer, evaluation: &Evaluation);
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunEnd {
    /// False if it was stopped from outside.
    pub complete: bool,
    /// Seconds of computing, earlier parts included.
    pub seconds: f64,
}

/// Runs `trainer` to its end or until it is told to stop. Every trace row is written before the
/// checkpoint that counts it, so that a killed run continues with the same bytes.
///
/// # Errors
/// If training diverges or a file cannot be written.
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
    // A finished run that is only reported again keeps its checkpoint as it is.
    let already_finished = trainer.finished();
    while !trainer.finished() {
        if stopped(plan) {
            let folder = plan.folder_at_stop.clone().filter(|_| plan.checkpoints.is_none());
            if let Some(directory) = folder {
                let directory = unused(&directory);
                plan.checkpoints = Some(CheckpointPlan { directory, every: u64::MAX });
            }
            save(trainer, plan, elapsed())?;
            return Ok(RunEnd { complete: false, seconds: elapsed() });
        }
        let outcome = trainer.step()?;
        if outcome.step.is_multiple_of(plan.trace_every.max(1)) {
            write_step(trainer, plan, &outcome)?;
            trainer.clock.lap(|phases| &mut phases.output);
        }
        observer.step(trainer, &outcome);
        if trainer.epoch_complete() {
            let evaluation = trainer.end_epoch()?;
            write_evaluation(plan, &evaluation)?;
            observer.evaluation(trainer, &evaluation);
        } else if trainer.finished() {
            let evaluation = trainer.evaluate_now()?;
            write_evaluation(plan, &evaluation)?;
            observer.evaluation(trainer, &evaluation);
        }
        let every = plan.checkpoints.as_ref().map_or(0, |checkpoints| checkpoints.every);
        if every > 0 && trainer.position().step.is_multiple_of(every) && !trainer.finished() {
            trainer.clock.skip();
            save(trainer, plan, elapsed())?;
            trainer.clock.lap(|phases| &mut phases.output);
        }
    }
    if !already_finished {
        save(trainer, plan, elapsed())?;
    }
    Ok(RunEnd { complete: true, seconds: elapsed() })
}

/// Writes a checkpoint if the plan has a place for it.
fn save(trainer: &Trainer, plan: &mut RunPlan<'_>, seconds: f64) -> Result<(), TrainError> {
    let Some(checkpoints) = &plan.checkpoints else { return Ok(()) };
    let position = plan.trace.as_mut().map(TraceWriter::position).transpose()?;
    let time = WallTime { seconds, phases: trainer.phases() };
    let snapshot = trainer.snapshot(position, time)?;
    snapshot.save(&checkpoints.directory, CHECKPOINT_FILE)?;
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
    for (index, accounts) in outcome.accounts.layers.iter().enumerate() {
        let layer = &trainer.network().mac_layers[index];
        let (_, nonzero, report) = outcome.layers[index];
        for account in accounts {
            trace.write(&Row::Gemm(GemmRow {
                step: outcome.step,
                epoch: outcome.epoch,
                layer: layer.name.clone(),
                kind: account.kind,
                formats: account.tally.formats,
                accumulator_bits: account.accumulator_bits,
                accumulator_source,
                overflow: trainer.accumulator.overflow,
                shape: account.tally.shape,
                groups: account.tally.groups,
                elements: account.tally.elements,
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
            }))?;
        }
    }
    trace.write(&Row::Step(StepRow {
        step: outcome.step,
        epoch: outcome.epoch,
        loss: outcome.loss,
        cross_entropy: outcome.cross_entropy,
        penalty: outcome.penalty,
        learning_rate: outcome.learning_rate,
        batch_accuracy: outcome.accuracy,
        gradient_norm: outcome.gradient_norm,
    }))?;
    Ok(())
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
