//! Settings of the run as a whole.

use super::controller::QUANTISED;
use crate::cli::model;
use crate::network::arch;
use crate::precision::presets;
use crate::setting::common::SEED;
use crate::setting::{MAX_EPOCHS, Off, Setting, named, one_of, path, switch, whole};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The configuration file.
pub const CONFIG: Setting<PathBuf> = path(
    "config",
    "TOML file with settings; its keys are the names of these flags, and flags win over it",
)
.flag_only();

/// A published set of hyperparameters.
pub const PRESET: Setting<String> = one_of(
    "preset",
    "Start from a published set of hyperparameters instead of the defaults; flags and file win over it",
    || presets::all().into_iter().map(|preset| preset.name).collect(),
);

/// The network.
pub const ARCH: Setting<NetworkName> = named(
    "arch",
    "Architecture of the network, or a saved model or ONNX file whose layers and values are trained, as --init-from FILE alone",
    || arch::names().collect(),
)
.placeholder("NAME")
.aliases(&["model", "architecture", "network"])
.default(|| NetworkName("lenet5".to_owned()))
.default_except("lstm with a text");

/// A built-in architecture, or a file with a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkName(pub String);

impl NetworkName {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        model::file_of(Path::new(&self.0))
    }
}

impl FromStr for NetworkName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = Path::new(text);
        match model::is_built_in(text) || model::file_of(path).is_some() {
            true => Ok(Self(text.to_owned())),
            false => Err(model::unknown(text).to_string()),
        }
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Default number of epochs.
pub const DEFAULT_EPOCHS: u32 = 12;

/// Passes over the training set.
pub const EPOCHS: Setting<u32> = whole("epochs", "Passes over the training set", (1, MAX_EPOCHS))
    .aliases(&["num-epochs", "max-epochs"])
    .default(|| DEFAULT_EPOCHS);

/// Optimiser steps after which the run ends early.
pub const MAX_STEPS: Setting<u64> =
    whole("max-steps", "Optimiser steps after which the run ends early", (1, i64::MAX));

/// Threads.
pub const THREADS: Setting<usize> =
    whole("threads", "Threads; the results do not depend on them", (1, 1024))
        .default_words("one for each processor")
        .execution();

/// Whether the float32 twin is trained too.
pub const WITH_BASELINE: Setting<bool> = switch(
    "with-baseline",
    "Also train the float32 twin, the same run without quantisers, to compare with",
    Some(Off { names: &["no-with-baseline"], help: "Undo `with-baseline` of the file" }),
)
.default(|| false)
.needs(&[QUANTISED])
.neutral("off")
.execution();

pub(super) const SETTINGS: super::table::Group =
    ("Run", &[&CONFIG, &PRESET, &ARCH, &EPOCHS, &MAX_STEPS, &SEED, &THREADS, &WITH_BASELINE]);
