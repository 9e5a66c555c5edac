//! Errors of the settings of a run.

use crate::data::DatasetKind;
use crate::precision::TensorFormatsError;
use std::fmt;
use std::path::PathBuf;

/// A setting and where its value comes from; written as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingName {
    /// Name of flag and key, without dashes.
    pub name: String,
    /// Source of the value.
    pub origin: Origin,
}

/// Source of a setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag, or nothing: the default, which a flag would change.
    Flag,
    /// A key of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
    },
    /// A preset of this name.
    Preset(&'static str),
}

impl fmt::Display for SettingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.origin {
            Origin::Flag => write!(f, "`--{name}`"),
            Origin::File { path, line } => write!(f, "`{name}` ({}, line {line})", path.display()),
            Origin::Preset(preset) => write!(f, "`{name}` of preset `{preset}`"),
        }
    }
}

/// Error of invalid settings. Every message names the flag or key and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value is out of range or not known.
    #[error("{setting} is {value}: use {allowed}")]
    Value {
        /// The setting.
        setting: SettingName,
        /// Its value.
        value: String,
        /// The allowed values.
        allowed: String,
    },
    /// A lower bound is above its upper bound.
    #[error(
        "{lower} is {lower_value}, above {upper}, which is {upper_value}: use a lower bound of at most the upper one"
    )]
    Bounds {
        /// The lower bound.
        lower: SettingName,
        /// Its value.
        lower_value: u32,
        /// The upper bound.
        upper: SettingName,
        /// Its value.
        upper_value: u32,
    },
    /// A setting was given that another setting makes meaningless.
    #[error("{setting} needs {needs} and has no meaning with `{found}`: leave one of them out")]
    NotWith {
        /// The setting.
        setting: SettingName,
        /// What it belongs to.
        needs: String,
        /// What was chosen instead.
        found: String,
    },
    /// A language model without a text.
    #[error(
        "{setting} takes sequences of tokens, which data set {dataset} does not have: use `--dataset text`, which is the embedded text, or \
         `--dataset text --data-dir FILE` for your own"
    )]
    NeedsTokens {
        /// The architecture.
        setting: SettingName,
        /// The data set.
        dataset: DatasetKind,
    },
    /// A network for images on a text.
    #[error(
        "{setting} takes images, and `--dataset text` has sequences of tokens: train language models (lstm, transformer) on text"
    )]
    NeedsImages {
        /// The architecture.
        setting: SettingName,
    },
    /// A setting needs another one.
    #[error("{setting} needs `--{needs}` as well")]
    Needs {
        /// The setting.
        setting: SettingName,
        /// The setting that is missing.
        needs: &'static str,
    },
    /// The configuration file cannot be read.
    #[error("configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The configuration file is not TOML, or a value has the wrong type.
    #[error("configuration file {}: {source}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: toml::de::Error,
    },
    /// The configuration file has a key that is not a setting.
    #[error(
        "configuration file {}, line {line}: unknown key `{key}`{}; \
         keys are named as the flags, see `hwsim train --help`",
        path.display(),
        nearest.map_or(String::new(), super::config_file::did_you_mean)
    )]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The known key that was probably meant.
        nearest: Option<&'static str>,
    },
    /// Two settings exclude each other.
    #[error("{setting} and `--{other}` exclude each other: leave one of them out")]
    Exclusive {
        /// The setting.
        setting: SettingName,
        /// The other one.
        other: &'static str,
    },
    /// `layer-formats` does not fit the network.
    #[error("`layer-formats` {0}")]
    LayerFormats(TensorFormatsError),
    /// `format-schedule` names a layer that the network does not have.
    #[error(
        "`{setting}` names layer `{layer}`, which the network does not have: its layers are {known}"
    )]
    UnknownLayer {
        /// The setting.
        setting: &'static str,
        /// The layer.
        layer: String,
        /// Every layer with parameters.
        known: String,
    },
}
