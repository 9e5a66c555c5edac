//! Executes a run: trace, checkpoints and progress while it runs, model and summary at the end.

use super::super::accumulator_warning;
use super::super::errors::Failure;
use super::super::output::Attempts;
use super::super::progress::{Progress, StepView};
use super::super::settings::Resolved;
use super::super::{output, setup};
use super::load_checkpoint;
use super::start::{Start, start_from_model};
use crate::files::checkpoint::FolderLock;
use crate::files::model::{self, Arithmetic};
use crate::files::trace::{self, TraceError, TraceWriter};
use crate::train::run::{self, CHECKPOINT_FILE, CheckpointPlan, Observer, RunEnd, RunPlan};
use crate::train::state::RunState;
use crate::train::summary::{Provenance, Summary};
use crate::train::{Evaluation, RunOptions, StepOutcome, TrainError, Trainer};
use anyhow::{Context, anyhow};
use hwmodel::SimdLevel;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Folder of the float32 twin's checkpoint inside the run's.
pub(super) const TWIN_FOLDER: &str = "float32-twin";

/// Process-wide inputs of a run: signals, fallback folders, output.
pub(super) struct Session<'a> {
    pub(super) simd: SimdLevel,
    /// The starting model, if it was read.
    pub(super) start: Option<&'a Start>,
    /// Set by SIGINT or SIGTERM.
    pub(super) stop: &'a AtomicBool,
    /// Fallback folders for a checkpoint that has no folder or cannot be written to it.
    pub(super) spare_folders: Vec<PathBuf>,
    /// Shows the final table of a run.
    pub(super) show: &'a dyn Fn(&Summary) -> anyhow::Result<()>,
}

/// How a run ended.
pub(super) struct End {
    /// The final table; `None` if the user stopped the run.
    pub(super) summary: Option<Box<Summary>>,
    /// The folder of a checkpoint of this end, if there is one.
    pub(super) checkpoint: Option<PathBuf>,
    /// Reasons why requested outputs could not be written.
    pub(super) lost: Vec<anyhow::Error>,
}

/// Takes `trainer`, which has been restored from `state` if there is one, to its end, and tries every output asked for. If
/// one fails a checkpoint is kept, from which it can be made.
pub(super) fn execute(
    resolved: &Resolved,
    trainer: &mut Trainer,
    state: Option<&RunState>,
    session: &Session<'_>,
) -> Result<End, Failure> {
    let (mut plan, _lock) = plan(resolved, trainer, state, session)?;
    introduce(resolved, trainer, session.simd);
    if let Some(state) = state.filter(|state| state.extended && !trainer.finished()) {
        extend(trainer, state, &mut plan);
    }
    let end = with_progress(trainer, &mut plan, resolved.quiet)?;
    let (mut checkpoint, seconds) = (end.checkpoint, end.seconds);
    let mut outputs = Attempts::default();
    end.lost.into_iter().for_each(|error| outputs.add(Err(error)));
    if !end.complete {
        return Ok(End { summary: None, checkpoint, lost: outputs.into_failed() });
    }
    if let Some(trace) = &mut plan.trace {
        outputs.add(trace.finish().context("--trace"));
    }
    if let Some(path) = &resolved.paths.save_model {
        outputs.add(save_model(path, trainer).context("--save-model"));
    }
    let mut summary = Summary::of(trainer, seconds)?;
    if resolved.with_baseline {
        match twin(resolved, trainer, session) {
            Ok(Twin { trainer: twin, end, .. }) if end.complete => {
                summary.compare(trainer, &twin, end.seconds);
                end.lost.into_iter().for_each(|error| outputs.add(Err(error)));
            }
            Ok(Twin { trainer: twin, plan: mut twin_plan, end }) => {
                end.lost.into_iter().for_each(|error| outputs.add(Err(error)));
                // The twin's checkpoint is part of the run's.
                checkpoint = checkpoint.or_else(|| keep(trainer, &mut plan, seconds));
                if let (Some(folder), None) = (&checkpoint, &end.checkpoint) {
                    twin_plan.spare_folders = vec![folder.join(TWIN_FOLDER)];
                    keep(&twin, &mut twin_plan, end.seconds);
                }
                return Ok(End { summary: None, checkpoint, lost: outputs.into_failed() });
            }
            Err(failure) => outputs.add(Err(failure.into_error().context("--with-baseline"))),
        }
    }
    if let Some(path) = &resolved.paths.summary {
        let written = provenance(trainer, session.simd).and_then(|provenance| {
            summary.provenance = Some(provenance);
            let json = serde_json::to_string_pretty(&summary)?;
            Ok(output::write(path, &format!("{json}\n"))?)
        });
        outputs.add(written.map_err(Failure::into_error).context("--summary"));
    }
    outputs.add((session.show)(&summary));
    let lost = outputs.into_failed();
    if !lost.is_empty() {
        checkpoint = checkpoint.or_else(|| keep(trainer, &mut plan, seconds));
    }
    Ok(End { summary: Some(Box::new(summary)), checkpoint, lost })
}

/// Prepares a finished run for continuing to a later end.
fn extend(trainer: &Trainer, state: &RunState, plan: &mut RunPlan<'_>) {
    let options = trainer.options();
    if options.schedule.depends_on_epochs() && state.options.epochs != options.epochs {
        output::note(&format!(
            "hwsim: warning: the learning rate is that of {} epochs from step {} on only, so the result is not that of a \
             run with as many from the start",
            options.epochs,
            trainer.position().step
        ));
    }
    // The trace may be shorter than the checkpoint says; if this fails the next one is soon.
    let seconds = plan.seconds_before;
    let _ = run::save_in_place(trainer, plan, seconds);
}

/// Writes a checkpoint to a fallback folder.
fn keep(trainer: &Trainer, plan: &mut RunPlan<'_>, seconds: f64) -> Option<PathBuf> {
    plan.checkpoints = None;
    run::keep_checkpoint(trainer, plan, seconds, &mut Vec::new())
}

fn save_model(path: &Path, trainer: &Trainer) -> anyhow::Result<()> {
    let arithmetic = Arithmetic {
        accumulator: trainer.accumulator(),
        rounding: trainer.options().rounding.evaluation,
        random: trainer.options().random,
        overflow: trainer.options().overflow,
        seed: trainer.options().seed,
    };
    Ok(model::save(path, trainer.network(), trainer.dataset(), &arithmetic)?)
}

/// How the run was executed.
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
            // A finished trace needs nothing more.
            if !trainer.finished() {
                return Err(Failure::usage(anyhow!(
                    "the run wrote a trace: give the same --trace FILE with --resume"
                )));
            }
            None
        }
        (None, ..) => None,
        (Some(path), None, _) => Some(TraceWriter::create(path)?),
        (Some(path), Some(state), Some(position)) => {
            if state.extended && !trainer.finished() {
                TraceWriter::reopen(path)?;
            }
            match TraceWriter::resume(path, position, &state.trace_pending) {
                Err(TraceError::Finished { .. }) if trainer.finished() => None,
                Err(error) => return Err(error.into()),
                Ok(mut trace) => {
                    if state.evaluation_dropped {
                        trace.drop_last_row()?;
                    }
                    Some(trace)
                }
            }
        }
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
        spare_folders: session.spare_folders.clone(),
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
    // Short lines: a terminal has 80 columns.
    output::note(&format!("data: {} ({})", dataset.name, dataset.origin));
    output::note(&format!(
        "{} training and {} test {}",
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
    ));
    output::note(&format!(
        "training {} with {} on {}",
        options.arch,
        trainer.controller_name(),
        trainer.machine().name()
    ));
    output::note(&format!(
        "{} steps of {} {}s, {} threads, {simd}",
        trainer.total_steps(),
        options.batch_size * options.optimiser.accumulation as usize,
        dataset.train.noun(),
        rayon::current_num_threads()
    ));
    if trainer.position().step > 0 {
        output::note(&format!("continuing after step {}", trainer.position().step));
    }
}

/// Runs with progress.
fn with_progress(
    trainer: &mut Trainer,
    plan: &mut RunPlan<'_>,
    quiet: bool,
) -> Result<RunEnd, Failure> {
    let unit = if trainer.dataset().text.is_some() { "sequences" } else { "images" };
    let progress = Progress::new(trainer.total_steps(), quiet).of(unit);
    let mut shown = Shown { progress, quiet, trouble: HashSet::new(), warned: false };
    let end = run::run(trainer, plan, &mut shown);
    shown.progress.finish();
    Ok(end?)
}

struct Shown {
    progress: Progress,
    quiet: bool,
    /// Warnings already printed about files that cannot be written.
    trouble: HashSet<String>,
    /// Whether it has been said that the accumulator is too narrow.
    warned: bool,
}

impl Shown {
    /// Says `line` also where progress is not shown.
    fn note(&mut self, line: &str) {
        if self.quiet { output::note(line) } else { self.progress.line(line) }
    }
}

impl Observer for Shown {
    fn step(&mut self, trainer: &Trainer, outcome: &StepOutcome) {
        self.progress.step(StepView {
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
        self.progress.line(&format!(
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
        let events = trainer.totals().iter().map(|layer| layer.counters.accumulator_events).sum();
        let (network, accumulator) = (trainer.network(), trainer.accumulator());
        if !self.warned
            && let Some(warning) = accumulator_warning::of_network(network, accumulator, events)
        {
            self.warned = true;
            self.note(&format!("hwsim: warning: {warning}"));
        }
    }

    fn trouble(&mut self, error: &TrainError) {
        let line = chain(error);
        let line = format!("hwsim: warning: {line}; training continues, and it is tried again");
        if self.trouble.insert(line.clone()) {
            self.note(&line);
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) if !error.to_string().contains(&source.to_string()) => {
            format!("{error}: {}", chain(source))
        }
        _ => error.to_string(),
    }
}

/// The float32 twin, at its end or where it was stopped.
struct Twin<'a> {
    trainer: Trainer,
    plan: RunPlan<'a>,
    end: RunEnd,
}

/// Trains the float32 twin.
fn twin<'a>(
    resolved: &Resolved,
    trainer: &Trainer,
    session: &Session<'a>,
) -> Result<Twin<'a>, Failure> {
    let options: RunOptions = trainer.options().float32_twin();
    let machine = setup::machine(&options.machine)?;
    let mut twin = Trainer::new(options, trainer.dataset().clone(), machine, session.simd)?;
    let paths = &resolved.paths;
    let in_folder = |folder: &PathBuf| folder.join(TWIN_FOLDER);
    let from = paths.resume.as_ref().map(in_folder);
    let mut seconds_before = 0.0;
    match from.filter(|from| from.join(CHECKPOINT_FILE).exists()) {
        Some(from) => seconds_before = twin.restore(load_checkpoint(&from)?)?.seconds,
        None => start_from_model(&mut twin, session.start, true)?,
    }
    let directory = paths.checkpoint.as_ref().or(paths.resume.as_ref()).map(in_folder);
    let mut plan = RunPlan {
        trace_every: 1,
        checkpoints: directory
            .map(|directory| CheckpointPlan { directory, every: paths.checkpoint_every }),
        stop: Some(session.stop),
        seconds_before,
        ..RunPlan::default()
    };
    if !resolved.quiet {
        output::note("training the float32 twin");
    }
    let end = with_progress(&mut twin, &mut plan, resolved.quiet)?;
    Ok(Twin { trainer: twin, plan, end })
}
