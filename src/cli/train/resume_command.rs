//! Shell commands that resume a run, quoted for pasting.

use super::super::settings::{Resolved, TrainArguments, data, outputs, run};
use crate::setting::Setting;
use shell_words::{join, quote};
use std::path::Path;

/// The command that continues `resolved` from the checkpoint in `folder`, with every file and switch that it was given.
pub(super) fn command(resolved: &Resolved, folder: &Path) -> String {
    let paths = &resolved.paths;
    let given = |name: &str| resolved.explicit.contains(&name);
    let every = |setting: &Setting<u64>, value| Some(value).filter(|_| given(setting.name()));
    let arguments = TrainArguments::default()
        .with(&outputs::RESUME, folder.to_owned())
        // A run continues in the folder that it is resumed from.
        .with_some(&outputs::CHECKPOINT, paths.checkpoint.clone().filter(|place| place != folder))
        .with_some(
            &outputs::CHECKPOINT_EVERY,
            every(&outputs::CHECKPOINT_EVERY, paths.checkpoint_every),
        )
        .with_some(&data::DATA_DIR, paths.data_dir.clone())
        .with_some(&outputs::TRACE, paths.trace.clone())
        .with_some(&outputs::TRACE_EVERY, every(&outputs::TRACE_EVERY, paths.trace_every))
        .with_some(&outputs::SUMMARY, paths.summary.clone())
        .with_some(&outputs::SAVE_MODEL, paths.save_model.clone())
        .with_some(&run::THREADS, resolved.threads)
        .with_some(&run::WITH_BASELINE, resolved.with_baseline.then_some(true))
        .with_some(&outputs::QUIET, resolved.quiet.then_some(true));
    line(&arguments, paths.data_dir.is_none())
}

/// The command that continues several runs, which needs all settings again, from the checkpoints in `folder`.
pub(super) fn command_of_several(arguments: &TrainArguments, folder: &Path) -> String {
    let arguments = arguments.clone().with(&outputs::RESUME, folder.to_owned());
    line(&arguments, arguments.given(&data::DATA_DIR).is_none())
}

/// The command of this process.
pub(super) fn this_command() -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    environment() + &join(words)
}

fn line(arguments: &TrainArguments, environment_matters: bool) -> String {
    let program = std::env::args_os().next().unwrap_or_else(|| "hwsim".into());
    let words = [program.to_string_lossy().into_owned(), "train".to_owned()];
    let line = join(words.into_iter().chain(arguments.to_flags()));
    if environment_matters { environment() + &line } else { line }
}

/// The environment that decides where data are looked for, which a shell need not have set for other commands.
fn environment() -> String {
    let folder = std::env::var_os("HWSIM_DATA").filter(|folder| !folder.is_empty());
    folder
        .map_or(String::new(), |folder| format!("HWSIM_DATA={} ", quote(&folder.to_string_lossy())))
}
