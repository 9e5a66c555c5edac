//! `hwsim train`.

mod carry_out;
mod files;
mod prepare;
mod several;

use super::errors::Failure;
use super::settings::{Resolved, Runs, TrainArguments, is_carried_out};
use super::{interrupt, output, setup, table};
use crate::checkpoint::Snapshot;
use crate::train::run::CHECKPOINT_FILE;
use crate::train::state::run_state;
use anyhow::anyhow;
use carry_out::{End, Session, carry_out};
pub(super) use prepare::default_epochs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Folder of the checkpoints of a stopped run that has no other place for them.
const FOLDER_AT_STOP: &str = "hwsim.checkpoint";

pub(super) fn run(arguments: TrainArguments) -> Result<ExitCode, Failure> {
    match arguments.resolve_runs().map_err(Failure::usage)? {
        Runs::One(resolved) => one(&resolved),
        Runs::Several(runs) => several::run(&runs),
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
    files::declare(files::inputs(resolved), resolved).check()?;
    prepare::check_owner(resolved)?;
    let mut trainer = prepare::trainer(resolved, state.as_ref(), simd)?;
    let state = snapshot.map(|snapshot| trainer.restore(snapshot)).transpose()?;
    let trace = resolved.paths.trace.as_deref();
    let session = Session { simd, stop: &stop, folder_at_stop: folder_at_stop(trace) };
    match carry_out(resolved, &mut trainer, state.as_ref(), &session)? {
        End::Complete(summary) => {
            output::print(&table::render(&summary))?;
            Ok(ExitCode::SUCCESS)
        }
        End::Stopped(folder) => {
            let step = trainer.position().step;
            let trace = trace.map_or(String::new(), |path| format!(" --trace {}", path.display()));
            let folder = folder.display();
            eprintln!(
                "stopped after step {step}; continue with: hwsim train --resume {folder}{trace}"
            );
            Ok(ExitCode::from(interrupt::EXIT_CODE as u8))
        }
    }
}

fn load_checkpoint(directory: &Path) -> Result<Snapshot, Failure> {
    Ok(Snapshot::load(&directory.join(CHECKPOINT_FILE))?)
}

/// A resumed run has the options it began with.
fn refuse_with_resume(resolved: &Resolved) -> Result<(), Failure> {
    let allowed = |name: &&&str| **name == "config" || is_carried_out(name);
    match resolved.explicit.iter().find(|name| !allowed(name)) {
        None => Ok(()),
        Some(name) => Err(Failure::usage(anyhow!(
            "--{name} cannot be given with --resume: the run goes on with the options it began \
             with; only files, --threads, --with-baseline and --quiet may change"
        ))),
    }
}

/// Where a run without `--checkpoint` leaves one when it is stopped.
fn folder_at_stop(trace: Option<&Path>) -> PathBuf {
    trace.map_or(PathBuf::from(FOLDER_AT_STOP), |trace| {
        let mut name = trace.as_os_str().to_owned();
        name.push(".checkpoint");
        name.into()
    })
}
