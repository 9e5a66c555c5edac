//! `hwsim train --controllers`: one run after another, then a table of all of them.

use super::super::compare::{self, Run};
use super::super::errors::Failure;
use super::super::settings::{Resolved, TrainArguments};
use super::super::{errors, interrupt, output, setup};
use super::execute::{Session, execute};
use super::start::Start;
use super::{
    files, load_checkpoint, make_good, prepare, resume_command, stopped_without_checkpoint,
};
use crate::files::trace::TraceWriter;
use crate::precision::ControllerOptions;
use crate::train::run::CHECKPOINT_FILE;
use crate::train::{RunOptions, Trainer};
use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) fn run(runs: &[Resolved], arguments: &TrainArguments) -> Result<ExitCode, Failure> {
    setup::threads(runs.first().and_then(|run| run.threads))?;
    let simd = setup::simd()?;
    let stop = interrupt::install();
    runs.iter().try_for_each(files::check_names)?;
    let inputs = runs.first().map(files::inputs).unwrap_or_default();
    runs.iter().fold(inputs, files::declare).check()?;
    // They differ in their controllers alone.
    let start = runs.first().map(Start::of).transpose()?.flatten();
    let start = start.as_ref();
    runs.iter().try_for_each(|run| prepare::check_owner(run, start))?;
    let spare = spare_folders(runs);
    let command = |checkpoint: Option<&Path>| {
        let folder = checkpoint.and_then(Path::parent);
        folder.map(|folder| resume_command::command_of_several(arguments, folder))
    };
    let mut done = Vec::with_capacity(runs.len());
    let mut lost = Vec::new();
    let mut to_make_good = None;
    for resolved in runs {
        let mut trainer = prepare::trainer(resolved, None, start, simd)?;
        let name = trainer.controller_name();
        if let Some(summary) = finished(resolved, &trainer) {
            if !resolved.quiet {
                output::note(&format!("{name}: finished before"));
            }
            done.push(Run { name: name.to_owned(), summary });
            continue;
        }
        let saved = resolved.paths.resume.as_deref();
        let saved = saved.filter(|folder| folder.join(CHECKPOINT_FILE).exists());
        let restored = saved.map(|folder| restore(&mut trainer, folder)).transpose();
        let state = restored.with_context(|| format!("the run of {name}"))?;
        let spare_folders = spare.iter().map(|folder| folder.join(name)).collect();
        // All tables are shown together at the end.
        let session = Session { simd, stop: &stop, start, spare_folders, show: &|_| Ok(()) };
        let end = execute(resolved, &mut trainer, state.as_ref(), &session)?;
        let named = |error: anyhow::Error| error.context(format!("the run of {name}"));
        if !end.lost.is_empty() {
            to_make_good = Some(end.checkpoint.clone());
            lost.extend(end.lost.into_iter().map(named));
        }
        let Some(summary) = end.summary else {
            let say = |error| output::note(&format!("hwsim: {}", errors::one_line(error)));
            lost.iter().for_each(say);
            let command = command(end.checkpoint.as_deref());
            let Some(command) = command else {
                return Err(stopped_without_checkpoint(&trainer));
            };
            let step = trainer.position().step;
            output::note(&format!(
                "stopped in the run of {name} after step {step}; continue with: {command}"
            ));
            return Ok(ExitCode::from(interrupt::EXIT_CODE));
        };
        done.push(Run { name: name.to_owned(), summary: object(&summary)? });
    }
    if let Err(error) = output::print(&compare::table(&done)) {
        lost.push(error);
    }
    if lost.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let checkpoint = to_make_good.unwrap_or_else(|| runs.first()?.paths.checkpoint.clone());
    lost.push(make_good(command(checkpoint.as_deref())));
    Err(Failure::Outputs(lost))
}

/// Folders for the checkpoints of all runs that have no other place; none of them holds one.
fn spare_folders(runs: &[Resolved]) -> Vec<PathBuf> {
    let names: Vec<&str> = runs.iter().map(|run| run.options.controller.name()).collect();
    let unused = |folder: &Path| {
        let used = |folder: &Path| {
            names.iter().any(|name| folder.join(name).join(CHECKPOINT_FILE).exists())
        };
        let numbered = (2_u64..).map(|number| {
            let mut name = folder.as_os_str().to_owned();
            name.push(format!("-{number}"));
            PathBuf::from(name)
        });
        let mut candidates = std::iter::once(folder.to_owned()).chain(numbered);
        candidates.find(|folder| !used(folder))
    };
    super::spare_folders(None).iter().filter_map(|folder| unused(folder)).collect()
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
    let unfinished = paths.trace.as_deref().into_iter().flat_map(TraceWriter::files_on_the_way);
    if files.into_iter().flatten().any(|path| !path.exists())
        || unfinished.into_iter().any(|path| path.exists())
    {
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
    // By way of the text, as if it were read from its file: single-precision numbers are written with their own digits.
    match serde_json::from_str(&serde_json::to_string(summary)?)? {
        Value::Object(summary) => Ok(summary),
        _ => Err(anyhow!("the summary is no JSON object")),
    }
}
