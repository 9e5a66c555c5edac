//! `hwsim train`.

use super::errors::Failure;
use super::progress::{Progress, StepView};
use super::settings::{DEFAULT_EPOCHS, Resolved, TrainArguments};
use super::{interrupt, output, setup, table};
use crate::checkpoint::Snapshot;
use crate::model::{self, Arithmetic};
use crate::network::{Initialisation, arch};
use crate::trace::{TraceError, TraceWriter};
use crate::train::run::{self, CHECKPOINT_FILE, CheckpointPlan, Observer, RunEnd, RunPlan};
use crate::train::state::{RunState, run_state};
use crate::train::summary::Summary;
use crate::train::{Evaluation, RunOptions, StepOutcome, Trainer};
use anyhow::{Context, anyhow};
use hwmodel::SimdLevel;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// Settings that say where files are or how a run is carried out; only these go with `--resume`.
const WITH_RESUME: [&str; 11] = [
    "config",
    "data-dir",
    "threads",
    "with-baseline",
    "trace",
    "trace-every",
    "summary",
    "checkpoint",
    "checkpoint-every",
    "resume",
    "save-model",
];

/// Folder of the float32 twin's checkpoint inside the run's.
const TWIN_FOLDER: &str = "float32-twin";

pub(super) fn run(arguments: TrainArguments) -> Result<ExitCode, Failure> {
    let resolved = arguments.resolve().map_err(Failure::usage)?;
    setup::threads(resolved.threads)?;
    let simd = setup::simd()?;
    let stop = interrupt::install();
    let snapshot = resolved.paths.resume.as_deref().map(load_checkpoint).transpose()?;
    let state = snapshot.as_ref().map(run_state).transpose()?;
    if state.is_some() {
        refuse_with_resume(&resolved)?;
    }
    for path in [&resolved.paths.summary, &resolved.paths.save_model].into_iter().flatten() {
        output::check_writable(path)?;
    }
    let mut trainer = trainer(&resolved, state.as_ref(), simd)?;
    let state = snapshot.map(|snapshot| trainer.restore(snapshot)).transpose()?;
    let mut plan = plan(&resolved, &trainer, state.as_ref(), &stop)?;
    introduce(&resolved, &trainer, simd);

    let end = carry_out(&mut trainer, &mut plan, resolved.quiet)?;
    if !end.complete {
        return stopped(&resolved, &plan, &trainer);
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
    let mut summary = Summary::of(&trainer, end.seconds)?;
    if resolved.with_baseline {
        let twin = twin(&resolved, &trainer, simd, &stop)?;
        let Some((twin, seconds)) = twin else { return stopped(&resolved, &plan, &trainer) };
        summary.compare(&trainer, &twin, seconds);
    }
    print!("{}", table::render(&summary));
    if let Some(path) = &resolved.paths.summary {
        let json =
            serde_json::to_string_pretty(&summary).context("the summary has no JSON form")?;
        output::write(path, &format!("{json}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn load_checkpoint(directory: &Path) -> Result<Snapshot, Failure> {
    Ok(Snapshot::load(&directory.join(CHECKPOINT_FILE))?)
}

/// A resumed run has the options it began with.
fn refuse_with_resume(resolved: &Resolved) -> Result<(), Failure> {
    let allowed = |name: &&&str| WITH_RESUME.contains(*name) || name.ends_with("quiet");
    match resolved.explicit.iter().find(|name| !allowed(name)) {
        None => Ok(()),
        Some(name) => Err(Failure::usage(anyhow!(
            "--{name} cannot be given with --resume: the run goes on with the options it began \
             with; only files, --threads, --with-baseline and --quiet may change"
        ))),
    }
}

/// Loads data and machine and builds the run.
fn trainer(
    resolved: &Resolved,
    state: Option<&RunState>,
    simd: SimdLevel,
) -> Result<Trainer, Failure> {
    let mut options = state.map_or(&resolved.options, |state| &state.options).clone();
    let limits = (options.limit_train, options.limit_test);
    let dataset = setup::dataset(options.dataset, resolved.paths.data_dir.clone(), limits)?;
    let machine = setup::machine(&options.machine)?;
    if state.is_none() && !["epochs", "preset"].iter().any(|s| resolved.explicit.contains(s)) {
        options.epochs = default_epochs(&options, dataset.train.len());
    }
    if state.is_none() && !resolved.layer_formats.is_empty() {
        let train = &dataset.train;
        let initialisation =
            Initialisation { seed: options.seed, scale: options.initialisation_scale };
        let task = arch::Task {
            input: [train.height, train.width, train.channels],
            classes: dataset.classes(),
            initialisation,
        };
        let network = arch::build(&options.arch, &task)?;
        let infos = network.tensor_infos();
        options = resolved.options_for(&infos).map_err(Failure::usage)?;
    }
    Ok(Trainer::new(options, dataset, machine, simd)?)
}

/// Epochs if none are asked for: as many as `--max-steps` needs, or about as many optimiser steps as
/// [`DEFAULT_EPOCHS`] take on the embedded slice.
pub(super) fn default_epochs(options: &RunOptions, images: usize) -> u32 {
    const DEFAULT_STEPS: u64 = 560;
    let update = options.batch_size as u64 * u64::from(options.optimiser.accumulation);
    let steps = (images as u64 / update).max(1);
    match options.max_steps {
        Some(wanted) => u32::try_from(wanted.div_ceil(steps)).unwrap_or(u32::MAX),
        None => ((DEFAULT_STEPS / steps) as u32).clamp(1, DEFAULT_EPOCHS),
    }
}

fn plan<'a>(
    resolved: &Resolved,
    trainer: &Trainer,
    state: Option<&RunState>,
    stop: &'a AtomicBool,
) -> Result<RunPlan<'a>, Failure> {
    let paths = &resolved.paths;
    let position = state.and_then(|state| state.trace_position);
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
    let directory = paths.checkpoint.clone().or_else(|| paths.resume.clone());
    let checkpoints =
        directory.map(|directory| CheckpointPlan { directory, every: paths.checkpoint_every });
    if let Some(checkpoints) = &checkpoints {
        std::fs::create_dir_all(&checkpoints.directory).with_context(|| {
            format!("cannot make the checkpoint folder `{}`", checkpoints.directory.display())
        })?;
        output::check_writable(&checkpoints.directory.join(CHECKPOINT_FILE))?;
    }
    Ok(RunPlan {
        trace,
        trace_every: paths.trace_every,
        checkpoints,
        folder_at_stop: Some(folder_at_stop(paths.trace.as_deref())),
        stop: Some(stop),
        seconds_before: state.map_or(0.0, |state| state.seconds),
    })
}

/// Where a run without `--checkpoint` leaves one when it is stopped.
fn folder_at_stop(trace: Option<&Path>) -> PathBuf {
    trace.map_or(PathBuf::from("hwsim.checkpoint"), |trace| {
        let mut name = trace.as_os_str().to_owned();
        name.push(".checkpoint");
        name.into()
    })
}

fn introduce(resolved: &Resolved, trainer: &Trainer, simd: SimdLevel) {
    if resolved.quiet {
        return;
    }
    let (options, dataset) = (trainer.options(), trainer.dataset());
    eprintln!(
        "data: {} ({}), {} training and {} test images in {} classes",
        dataset.name,
        dataset.origin,
        dataset.train.len(),
        dataset.test.len(),
        dataset.classes()
    );
    eprintln!(
        "training {} with {} on {}: {} steps of {} images, {} threads, {simd}",
        options.arch,
        trainer.controller_name(),
        trainer.machine().name(),
        trainer.total_steps(),
        options.batch_size * options.optimiser.accumulation as usize,
        rayon::current_num_threads()
    );
    if trainer.position().step > 0 {
        eprintln!("continuing after step {}", trainer.position().step);
    }
}

/// Runs with progress.
fn carry_out(
    trainer: &mut Trainer,
    plan: &mut RunPlan<'_>,
    quiet: bool,
) -> Result<RunEnd, Failure> {
    let mut shown = Shown(Progress::new(trainer.total_steps(), quiet));
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
        self.0.line(&format!(
            "step {} epoch {}: top-1 {:.2} %, test loss {:.4}, mean word length {:.1} bits, \
             learning rate {}",
            evaluation.step,
            evaluation.epoch,
            100.0 * evaluation.top1,
            evaluation.loss,
            trainer.mean_word_length(),
            evaluation.learning_rate
        ));
    }
}

/// Trains the float32 twin; `None` if it was stopped.
fn twin(
    resolved: &Resolved,
    trainer: &Trainer,
    simd: SimdLevel,
    stop: &AtomicBool,
) -> Result<Option<(Trainer, f64)>, Failure> {
    let options: RunOptions = trainer.options().float32_twin();
    let machine = setup::machine(&options.machine)?;
    let mut twin = Trainer::new(options, trainer.dataset().clone(), machine, simd)?;
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
        stop: Some(stop),
        seconds_before,
        ..RunPlan::default()
    };
    if let Some(checkpoints) = &plan.checkpoints {
        std::fs::create_dir_all(&checkpoints.directory).context("cannot make the twin's folder")?;
    }
    if !resolved.quiet {
        eprintln!("training the float32 twin");
    }
    let end = carry_out(&mut twin, &mut plan, resolved.quiet)?;
    Ok(end.complete.then_some((twin, end.seconds)))
}

/// Says how a stopped run goes on.
fn stopped(
    resolved: &Resolved,
    plan: &RunPlan<'_>,
    trainer: &Trainer,
) -> Result<ExitCode, Failure> {
    let folder = match &plan.checkpoints {
        Some(checkpoints) => checkpoints.directory.display().to_string(),
        None => "(none)".to_owned(),
    };
    let trace = resolved.paths.trace.as_ref();
    let trace = trace.map_or(String::new(), |trace| format!(" --trace {}", trace.display()));
    eprintln!(
        "stopped after step {}; continue with: hwsim train --resume {folder}{trace}",
        trainer.position().step
    );
    Ok(ExitCode::from(interrupt::EXIT_CODE as u8))
}
