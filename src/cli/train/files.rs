//! The files that a training run reads and writes.

use super::super::errors::Failure;
use super::super::files::Files;
use super::super::settings::Resolved;
use super::execute::TWIN_FOLDER;
use crate::files::trace::TraceWriter;
use crate::train::run::CHECKPOINT_FILE;
use std::path::Path;

/// Refuses a name of a trace that does not say whether it is compressed.
pub(super) fn check_names(resolved: &Resolved) -> Result<(), Failure> {
    match &resolved.paths.trace {
        Some(path) => TraceWriter::check_name(path).map_err(Failure::usage),
        None => Ok(()),
    }
}

/// Adds the files of the run to `files`.
pub(super) fn declare(files: Files, resolved: &Resolved) -> Files {
    let paths = &resolved.paths;
    let checkpoints = |folder: &Path| {
        [folder.join(CHECKPOINT_FILE), folder.join(TWIN_FOLDER).join(CHECKPOINT_FILE)]
    };
    // A run continues in the folder that it is resumed from.
    let into = paths.checkpoint.as_ref().or(paths.resume.as_ref());
    let same = |folder: &&std::path::PathBuf| {
        let canonical = folder.canonicalize().ok();
        canonical.is_some() && canonical == into.and_then(|into| into.canonicalize().ok())
    };
    let from = paths.resume.as_ref().filter(|from| !same(from) && Some(*from) != into);
    let partial = paths.trace.as_deref().into_iter().flat_map(TraceWriter::files_on_the_way);
    files
        .input(
            "the checkpoint of --resume",
            from.into_iter().flat_map(|folder| checkpoints(folder)),
        )
        .growing("--trace", &paths.trace)
        .growing("the partial file of --trace", partial)
        .growing("the checkpoint", into.into_iter().flat_map(|folder| checkpoints(folder)))
        .output("--summary", &paths.summary)
        .output("--save-model", &paths.save_model)
}

/// Adds what every one of several runs reads.
pub(super) fn inputs(resolved: &Resolved) -> Files {
    Files::default()
        .input("--config", &resolved.paths.config)
        .input("--init-from", resolved.options.init_from.iter().map(|model| &model.file))
        .data(resolved.paths.data_dir.as_ref())
        .machine("--machine", &resolved.options.machine)
}
