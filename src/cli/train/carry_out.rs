//! Carrying a run out: trace, checkpoints and progress on the way, model and summary at the end.

use super::super::errors::Failure;
use super::super::progress::{Progress, StepView};
use super::super::settings::Resolved;
use super::super::{output, setup};
use super::load_checkpoint;
use crate::checkpoint::FolderLock;
use crate::model::{self, Arithmetic};
use crate::trace::{self, TraceError, TraceWriter};
use crate::train::run::{self, CHECKPOINT_FILE, CheckpointPlan, Observer, RunEnd, RunPlan};
use crate::train::state::RunState;
use crate::train::summary::{Provenance, Summary};
use crate::train::{Evaluation, RunOptions, StepOutcome, Trainer};
use anyhow::{Context, anyhow};
use hwmodel::SimdLevel;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Folder of the float32 twin's checkpoint inside the run's.
pub(super) const TWIN_FOLDER: &str = "float32-twin";

/// What the process gives a run.
pub(super) struct Session<'a> {
    pub(super) simd: SimdLevel,
    /// Set when the user wants to stop.
    pub(super) stop: &'a AtomicBool,
    /// Where a run without `--checkpoint` leaves one when it is stopped.
    pub(super) folder_at_stop: PathBuf,
}

/// How a run ended.
pub(super) enum End {
    /// Everything is written.
    Complete(Box<Summary>),
    /// The user stopped it; there is a checkpoint in this folder.
    Stopped(PathBuf),
}

/// Takes `trainer`, which has been restored from `state` if there is one, to its end, and writes every file asked for.
pub(super) fn carry_out(
    resolved: &Resolved,
    trainer: &mut Trainer,
    state: Option<&RunState>,
    session: &Session<'_>,
) -> Result<End, Failure> {
    let (mut plan, _lock) = plan(resolved, trainer, state, session)?;
    introduce(resolved, trainer, session.simd);
    let stopped = |plan: &RunPlan<'_>| {
        let checkpoints = plan.checkpoints.as_ref();
        End::Stopped(checkpoints.map_or_else(PathBuf::new, |plan| plan.directory.clone()))
    };
    let end = with_progress(trainer, &mut plan, resolved.quiet)?;
    if !end.complete {
        return Ok(stopped(&plan));
    }
    if let Some(trace) = plan.trace.take() {
        trace.finish()?;
    }
    if let Some(path) = &resolved.paths.save_model {
        let arithmetic = Arithmetic {
            accumulator: trainer.accumulator(),
            rounding: trainer.options().rounding.evaluation,
            random: trainer.options().random,
            overflow: trainer.options().overflow,
            seed: trainer.options().seed,
        };
        model::save(path, trainer.network(), trainer.dataset(), &arithmetic)?;
    }
    let mut summary = Summary::of(trainer, end.seconds)?;
    if resolved.with_baseline {
        let twin = twin(resolved, trainer, session)?;
        let Some((twin, seconds)) = twin else { return Ok(stopped(&plan)) };
        summary.compare(trainer, &twin, seconds);
    }
    if let Some(path) = &resolved.paths.summary {
        summary.provenance = Some(provenance(trainer, session.simd)?);
        let json =
            serde_json::to_string_pretty(&summary).context("the summary has no JSON form")?;
        output::write(path, &format!("{json}\n"))?;
    }
    Ok(End::Complete(Box::new(summary)))
}

/// How the run was carried out.
fn provenance(trainer: &Trainer, simd: SimdLevel) -> Result<Provenance, Failure> {
    let argument = |argument: std::ffi::OsString| argument.to_string_lossy().into_owned();
    Ok(Provenance {
        hwsim: env!("CARGO_PKG_VERSION").to_owned(),
        trace_schema: trace::SCHEMA,
        command: std::env::args_os().map(argument).collect(),
        machine_description: setup::description(&trainer.options().machine)?.text,
        cpu: setup::cpu(),
        simd: simd.to_string(),
        threads: rayon::current_num_threads(),
    })
}

fn plan<'a>(
    resolved: &Resolved,
    trainer: &Trainer,
    state: Option<&RunState>,
    session: &Session<'a>,
) -> Result<(RunPlan<'a>, Option<FolderLock>), Failure> {
    let paths = &resolved.paths;
    let position = state.and_then(|state| state.trace_position);
    let directory = paths.checkpoint.clone().or_else(|| paths.resume.clone());
    // Before the old trace goes.
    let lock = directory.as_deref().map(take_folder).transpose()?;
    let trace = match (&paths.trace, state, position) {
        (None, Some(_), Some(_)) => {
            return Err(Failure::usage(anyhow!(
                "the run wrote a trace: give the same --trace FILE with --resume"
            )));
        }
        (None, ..) => None,
        (Some(path), None, _) => Some(TraceWriter::create(path)?),
        (Some(path), Some(_), Some(position)) => match TraceWriter::resume(path, position) {
            Err(TraceError::Finished { .. }) if trainer.finished() => None,
            other => Some(other?),
        },
        (Some(_), Some(_), None) => {
            return Err(Failure::usage(anyhow!(
                "the run began without a trace, so --trace cannot be given with --resume"
            )));
        }
    };
    let checkpoints =
        directory.map(|directory| CheckpointPlan { directory, every: paths.checkpoint_every });
    let plan = RunPlan {
        trace,
        trace_every: paths.trace_every,
        checkpoints,
        folder_at_stop: Some(session.folder_at_stop.clone()),
        stop: Some(session.stop),
        seconds_before: state.map_or(0.0, |state| state.seconds),
    };
    Ok((plan, lock))
}

/// Makes the folder for checkpoints if it is missing, and keeps other processes out of it.
fn take_folder(folder: &Path) -> Result<FolderLock, Failure> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the checkpoint folder `{}`", folder.display()))?;
    output::check_writable(&folder.join(CHECKPOINT_FILE))?;
    Ok(FolderLock::take(folder)?)
}

fn introduce(resolved: &Resolved, trainer: &Trainer, simd: SimdLevel) {
    if resolved.quiet {
        return;
    }
    let (options, dataset) = (trainer.options(), trainer.dataset());
    eprintln!(
        "data: {} ({}), {} training and {} test {}",
        dataset.name,
        dataset.origin,
        dataset.train.len(),
        dataset.test.len(),
        match dataset.text {
            None => format!("images in {} classes", dataset.classes()),
            Some(text) => format!(
                "sequences of {} tokens of a vocabulary of {}",
                text.sequence_length,
                dataset.classes()
            ),
        }
    );
    eprintln!(
        "training {} with {} on {}: {} steps of {} {}s, {} threads, {simd}",
        options.arch,
        trainer.controller_name(),
        trainer.machine().name(),
        trainer.total_steps(),
        options.batch_size * options.optimiser.accumulation as usize,
        dataset.train.noun(),
        rayon::current_num_threads()
    );
    if trainer.position().step > 0 {
        eprintln!("continuing after step {}", trainer.position().step);
    }
}

/// Runs with progress.
fn with_progress(
    trainer: &mut Trainer,
    plan: &mut RunPlan<'_>,
    quiet: bool,
) -> Result<RunEnd, Failure> {
    let unit = if trainer.dataset().text.is_some() { "sequences" } else { "images" };
    let mut shown = Shown(Progress::new(trainer.total_steps(), quiet).of(unit));
    let end = run::run(trainer, plan, &mut shown);
    shown.0.finish();
    Ok(end?)
}

struct Shown(Progress);

impl Observer for Shown {
    fn step(&mut self, trainer: &Trainer, outcome: &StepOutcome) {
        self.0.step(StepView {
            step: outcome.step + 1,
            epoch: outcome.epoch + 1,
            loss: outcome.cross_entropy,
            mean_word_length: trainer.mean_word_length(),
            images: outcome.images as u64,
        });
    }

    fn evaluation(&mut self, trainer: &Trainer, evaluation: &Evaluation) {
        let perplexity = trainer.perplexity();
        let perplexity = perplexity.map_or(String::new(), |p| format!(", perplexity {p:.2}"));
        self.0.line(&format!(
            "step {} epoch {}: top-1 {:.2} %, test loss {:.4}{}, mean word length {:.1} bits, \
             learning rate {}",
            evaluation.step,
            evaluation.epoch,
            100.0 * evaluation.top1,
            evaluation.loss,
            perplexity,
            trainer.mean_word_length(),
            evaluation.learning_rate
        ));
    }
}

/// Trains the float32 twin; `None` if it was stopped.
fn twin(
    resolved: &Resolved,
    trainer: &Trainer,
    session: &Session<'_>,
) -> Result<Option<(Trainer, f64)>, Failure> {
    let options: RunOptions = trainer.options().float32_twin();
    let machine = setup::machine(&options.machine)?;
    let mut twin = Trainer::new(options, trainer.dataset().clone(), machine, session.simd)?;
    let paths = &resolved.paths;
    let directory = paths.checkpoint.as_ref().or(paths.resume.as_ref());
    let directory = directory.map(|directory| directory.join(TWIN_FOLDER));
    let mut seconds_before = 0.0;
    if let Some(directory) = &directory
        && resolved.paths.resume.is_some()
        && directory.join(CHECKPOINT_FILE).exists()
    {
        seconds_before = twin.restore(load_checkpoint(directory)?)?.seconds;
    }
    let mut plan = RunPlan {
        trace_every: 1,
        checkpoints: directory
            .map(|directory| CheckpointPlan { directory, every: paths.checkpoint_every }),
        stop: Some(session.stop),
        seconds_before,
        ..RunPlan::default()
    };
    if let Some(checkpoints) = &plan.checkpoints {
        std::fs::create_dir_all(&checkpoints.directory).context("cannot make the twin's folder")?;
    }
    if !resolved.quiet {
        eprintln!("training the float32 twin");
    }
    let end = with_progress(&mut twin, &mut plan, resolved.quiet)?;
    Ok(end.complete.then_some((twin, end.seconds)))
}
