//! `hwsim train`.

mod execute;
mod files;
mod prepare;
mod resume_command;
mod several;
mod start;

use super::errors::Failure;
use super::settings::table::is_execution;
use super::settings::{Resolved, Runs, TrainArguments};
use super::{errors, interrupt, output, setup, table};
use crate::files::checkpoint::Snapshot;
use crate::train::Trainer;
use crate::train::run::CHECKPOINT_FILE;
use crate::train::state::run_state;
use crate::train::summary::Summary;
use anyhow::anyhow;
use execute::{End, Session, execute};
pub(super) use prepare::{default_epochs, network_input, normalise};
pub(super) use start::{Start, start_from_model};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Folder of checkpoints that have no other place.
const SPARE_FOLDER: &str = "hwsim.checkpoint";

pub(super) fn run(arguments: TrainArguments) -> Result<ExitCode, Failure> {
    let given = arguments.clone();
    match arguments.resolve_runs().map_err(Failure::usage)? {
        Runs::One(resolved) => one(&resolved),
        Runs::Several(runs) => several::run(&runs, &given),
    }
}

fn one(resolved: &Resolved) -> Result<ExitCode, Failure> {
    setup::threads(resolved.threads)?;
    let simd = setup::simd()?;
    let stop = interrupt::install();
    let snapshot = resolved.paths.resume.as_deref().map(load_checkpoint).transpose()?;
    let state = snapshot.as_ref().map(run_state).transpose()?;
    if state.is_some() {
        refuse_with_resume(resolved)?;
    }
    files::check_names(resolved)?;
    files::declare(files::inputs(resolved), resolved).check()?;
    // A checkpoint has all weights.
    let start = if state.is_none() { Start::of(resolved)? } else { None };
    prepare::check_owner(resolved, start.as_ref())?;
    let mut trainer = prepare::trainer(resolved, state.as_ref(), start.as_ref(), simd)?;
    let state = snapshot.map(|snapshot| trainer.restore(snapshot)).transpose()?;
    let trace = resolved.paths.trace.as_deref();
    let show = |summary: &Summary| output::print(&table::render(summary));
    let spare_folders = spare_folders(trace);
    let start = start.as_ref();
    let session = Session { simd, stop: &stop, start, spare_folders, show: &show };
    let End { summary, checkpoint, mut lost } =
        execute(resolved, &mut trainer, state.as_ref(), &session)?;
    let command = checkpoint.map(|folder| resume_command::command(resolved, &folder));
    if summary.is_none() {
        lost.iter().for_each(|error| output::note(&format!("hwsim: {}", errors::one_line(error))));
        let Some(command) = command else { return Err(stopped_without_checkpoint(&trainer)) };
        let step = trainer.position().step;
        output::note(&format!("stopped after step {step}; continue with: {command}"));
        return Ok(ExitCode::from(interrupt::EXIT_CODE));
    }
    if lost.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    lost.push(make_good(command));
    Err(Failure::Outputs(lost))
}

/// The last line about a run whose outputs are not all there.
fn make_good(command: Option<String>) -> anyhow::Error {
    match command {
        Some(command) => anyhow!("training is complete; make what is missing with: {command}"),
        None => {
            let command = resume_command::this_command();
            anyhow!(
                "training is complete, but no checkpoint could be written; repeat it with: {command}"
            )
        }
    }
}

fn stopped_without_checkpoint(trainer: &Trainer) -> Failure {
    let (step, command) = (trainer.position().step, resume_command::this_command());
    Failure::Run(anyhow!(
        "stopped after step {step}, and no checkpoint could be written; begin again with: {command}"
    ))
}

fn load_checkpoint(directory: &Path) -> Result<Snapshot, Failure> {
    Ok(Snapshot::load(&directory.join(CHECKPOINT_FILE))?)
}

/// A resumed run has the options it began with.
fn refuse_with_resume(resolved: &Resolved) -> Result<(), Failure> {
    let allowed =
        |name: &&&str| ["config", "epochs", "max-steps"].contains(*name) || is_execution(name);
    match resolved.explicit.iter().find(|name| !allowed(name)) {
        None => Ok(()),
        Some(name) => Err(Failure::usage(anyhow!(
            "--{name} cannot be given with --resume: the run continues with the options it began \
             with; only --epochs, --max-steps, files, --threads, --with-baseline and --quiet may change"
        ))),
    }
}

/// Fallback folders of a checkpoint without a folder: next to the trace, in the current folder, or
/// where the system keeps temporary files.
fn spare_folders(trace: Option<&Path>) -> Vec<PathBuf> {
    let next_to_trace = trace.map(|trace| {
        let mut name = trace.as_os_str().to_owned();
        name.push(".checkpoint");
        PathBuf::from(name)
    });
    let others = [PathBuf::from(SPARE_FOLDER), std::env::temp_dir().join(SPARE_FOLDER)];
    next_to_trace.into_iter().chain(others).collect()
}
