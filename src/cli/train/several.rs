//! `hwsim train --controllers`: one run after another, then all of them side by side.

use super::super::compare::{self, Run};
use super::super::errors::Failure;
use super::super::settings::Resolved;
use super::super::{interrupt, output, setup};
use super::carry_out::{End, Session, carry_out};
use super::{FOLDER_AT_STOP, files, load_checkpoint, prepare};
use crate::precision::ControllerOptions;
use crate::train::run::CHECKPOINT_FILE;
use crate::train::{RunOptions, Trainer};
use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(runs: &[Resolved]) -> Result<ExitCode, Failure> {
    setup::threads(runs.first().and_then(|run| run.threads))?;
    let simd = setup::simd()?;
    let stop = interrupt::install();
    let inputs = runs.first().map(files::inputs).unwrap_or_default();
    runs.iter().fold(inputs, files::declare).check()?;
    runs.iter().try_for_each(prepare::check_owner)?;
    let mut done = Vec::with_capacity(runs.len());
    for resolved in runs {
        let mut trainer = prepare::trainer(resolved, None, simd)?;
        let name = trainer.controller_name();
        if let Some(summary) = finished(resolved, &trainer) {
            if !resolved.quiet {
                eprintln!("{name}: finished before");
            }
            done.push(Run { name: name.to_owned(), summary });
            continue;
        }
        let saved = resolved.paths.resume.as_deref();
        let saved = saved.filter(|folder| folder.join(CHECKPOINT_FILE).exists());
        let restored = saved.map(|folder| restore(&mut trainer, folder)).transpose();
        let state = restored.with_context(|| format!("the run of {name}"))?;
        let folder_at_stop = Path::new(FOLDER_AT_STOP).join(name);
        let session = Session { simd, stop: &stop, folder_at_stop };
        match carry_out(resolved, &mut trainer, state.as_ref(), &session)? {
            End::Complete(summary) => {
                done.push(Run { name: name.to_owned(), summary: object(&summary)? });
            }
            End::Stopped(folder) => {
                let folder = folder.parent().unwrap_or(&folder).display();
                let step = trainer.position().step;
                eprintln!(
                    "stopped in the run of {name} after step {step}; continue with the same command \
                     and --resume {folder}"
                );
                return Ok(ExitCode::from(interrupt::EXIT_CODE as u8));
            }
        }
    }
    output::print(&compare::table(&done))?;
    Ok(ExitCode::SUCCESS)
}

fn restore(trainer: &mut Trainer, folder: &Path) -> anyhow::Result<crate::train::state::RunState> {
    let snapshot = load_checkpoint(folder).map_err(Failure::into_error)?;
    Ok(trainer.restore(snapshot)?)
}

/// The summary of a run that `--resume` finds complete: of equal options on the same data, with every file asked for.
fn finished(resolved: &Resolved, trainer: &Trainer) -> Option<Map<String, Value>> {
    let paths = &resolved.paths;
    paths.resume.as_ref()?;
    let files = [&paths.summary, &paths.trace, &paths.save_model];
    if files.into_iter().flatten().any(|path| !path.exists()) {
        return None;
    }
    let summary = compare::read(paths.summary.as_deref()?).ok()?.summary;
    let options = RunOptions::deserialize(summary.get("options")?).ok()?;
    let origin = trainer.dataset().origin.to_string();
    let twin = resolved.with_baseline && trainer.options().controller != ControllerOptions::Float32;
    let equal = options == *trainer.options()
        && summary.get("data_origin")? == &Value::from(origin)
        && !(twin && summary.get("baseline")?.is_null());
    equal.then_some(summary)
}

fn object(summary: &crate::train::summary::Summary) -> anyhow::Result<Map<String, Value>> {
    match serde_json::to_value(summary)? {
        Value::Object(summary) => Ok(summary),
        _ => Err(anyhow!("the summary is no JSON object")),
    }
}
