//! Settings of files and output.

use super::resolve::Paths;
use super::run::CONFIG;
use crate::setting::{Given, MAX_COUNT, Need, Off, Refusal, Setting, path, switch, whole};
use std::path::PathBuf;

/// Trace to write.
pub const TRACE: Setting<PathBuf> =
    path("trace", "Write formats, operations, traffic, cycles and energy of every layer as CSV")
        .execution();

/// Steps between traced ones.
pub const TRACE_EVERY: Setting<u64> =
    whole("trace-every", "Optimiser steps between traced ones", (1, MAX_COUNT))
        .default(|| 1)
        .needs(&[Need::With(&["trace"])])
        .execution();

/// Final table to write.
pub const SUMMARY: Setting<PathBuf> = path("summary", "Write the final table as JSON")
    .long_help(crate::train::paper_cost::figures::help)
    .execution();

/// Folder for checkpoints.
pub const CHECKPOINT: Setting<PathBuf> =
    path("checkpoint", "Write checkpoints into this folder, also at the end and on interruption")
        .placeholder("DIR")
        .aliases(&["checkpoint-dir"])
        .execution();

/// Whether the checkpoints of another run may be replaced.
pub const OVERWRITE: Setting<bool> = switch(
    "overwrite",
    "Write checkpoints even if the folder holds those of another run, which they replace",
    None,
)
.needs(&[Need::With(&["checkpoint", "resume"])])
.flag_only()
.execution();

/// Steps between checkpoints.
pub const CHECKPOINT_EVERY: Setting<u64> =
    whole("checkpoint-every", "Optimiser steps between checkpoints", (1, MAX_COUNT))
        .default(|| 1000)
        // A resumed run has the folder of its checkpoints already.
        .needs(&[Need::With(&["checkpoint", "resume"])])
        .execution();

/// Checkpoint to continue from.
pub const RESUME: Setting<PathBuf> = path(
    "resume",
    "Continue the run of the checkpoint in this folder; with --epochs or --max-steps to another end",
)
.placeholder("DIR")
.execution();

/// Model to start from.
pub const INIT_FROM: Setting<PathBuf> = path(
    "init-from",
    "Start from the values of a saved model or of an ONNX network (docs/networks.md). Without --arch its own layers are trained; \
     with it the weights of the same architecture, whose classifier is left out if the data have another number of classes",
)
.aliases(&["pretrained", "load-model"]);

/// Whether the network of --init-from gets random values.
pub const REINITIALISE: Setting<bool> = switch(
    "reinitialise",
    "Take the layers of --init-from alone, and draw random values",
    Some(Off { names: &["no-reinitialise"], help: "Undo `reinitialise` of the file" }),
)
.default(|| false)
.needs(&[Need::With(&["init-from"])]);

/// Trained network to write.
pub const SAVE_MODEL: Setting<PathBuf> =
    path("save-model", "Write the trained network").aliases(&["save"]).execution();

/// Whether progress is not shown.
pub const QUIET: Setting<bool> = switch(
    "quiet",
    "Show no progress",
    Some(Off { names: &["no-quiet"], help: "Undo `quiet` of the file" }),
)
.default(|| false)
.execution();

pub(super) const SETTINGS: super::table::Group = (
    "Files and output",
    &[
        &TRACE,
        &TRACE_EVERY,
        &SUMMARY,
        &CHECKPOINT,
        &OVERWRITE,
        &CHECKPOINT_EVERY,
        &RESUME,
        &INIT_FROM,
        &REINITIALISE,
        &SAVE_MODEL,
        &QUIET,
    ],
);

pub(super) fn paths(given: &dyn Given) -> Result<Paths, Refusal> {
    Ok(Paths {
        config: CONFIG.optional(given)?,
        data_dir: super::data::DATA_DIR.optional(given)?,
        trace: TRACE.optional(given)?,
        trace_every: TRACE_EVERY.get(given)?,
        summary: SUMMARY.optional(given)?,
        checkpoint: CHECKPOINT.optional(given)?,
        overwrite: OVERWRITE.optional(given)?.unwrap_or(false),
        checkpoint_every: CHECKPOINT_EVERY.get(given)?,
        resume: RESUME.optional(given)?,
        save_model: SAVE_MODEL.optional(given)?,
    })
}
