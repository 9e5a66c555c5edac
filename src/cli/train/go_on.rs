//! Commands that continue a run, to be pasted into a shell.

use super::super::settings::{Resolved, TrainArguments};
use shell_words::{join, quote};
use std::path::Path;

/// The command that continues `resolved` from the checkpoint in `folder`, with every file and switch that it was given.
pub(super) fn command(resolved: &Resolved, folder: &Path) -> String {
    let paths = &resolved.paths;
    let number = |value: u64| i64::try_from(value).ok();
    let given = |name: &str| resolved.explicit.contains(&name);
    let arguments = TrainArguments {
        resume: Some(folder.to_owned()),
        // A run goes on in the folder that it is resumed from.
        checkpoint: paths.checkpoint.clone().filter(|place| place != folder),
        checkpoint_every: number(paths.checkpoint_every).filter(|_| given("checkpoint-every")),
        data_dir: paths.data_dir.clone(),
        trace: paths.trace.clone(),
        trace_every: number(paths.trace_every).filter(|_| given("trace-every")),
        summary: paths.summary.clone(),
        save_model: paths.save_model.clone(),
        threads: resolved.threads.and_then(|threads| i64::try_from(threads).ok()),
        with_baseline: resolved.with_baseline.then_some(true),
        quiet: resolved.quiet.then_some(true),
        ..TrainArguments::default()
    };
    line(&arguments, paths.data_dir.is_none())
}

/// The command that continues several runs, which needs all settings again, from the checkpoints in `folder`.
pub(super) fn command_of_several(arguments: &TrainArguments, folder: &Path) -> String {
    let arguments = TrainArguments { resume: Some(folder.to_owned()), ..arguments.clone() };
    line(&arguments, arguments.data_dir.is_none())
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
