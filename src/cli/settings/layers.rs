//! The places that settings come from, one over the other.

use super::arguments::TrainArguments;
use super::choices::{ControllerKind, OptimiserKind};
use super::config_file::ConfigFile;
use super::controller_settings::foreign;
use super::error::{Origin, Setting, SettingsError};
use super::{optimiser, rivals};
use crate::data::DatasetKind;
use crate::precision::presets::{self, Preset};
use std::ops::{Bound, RangeBounds, RangeInclusive};

/// Flags over configuration file over preset over defaults.
#[derive(Debug)]
pub(super) struct Layers {
    flags: Vec<String>,
    file: Option<(ConfigFile, Vec<String>)>,
    preset: Option<(Preset, Vec<String>)>,
    /// The settings in force.
    pub(super) merged: TrainArguments,
}

impl Layers {
    /// Puts `flags` over the file and the preset that they name.
    ///
    /// # Errors
    /// If the file cannot be read or the preset is not known.
    pub(super) fn new(flags: TrainArguments) -> Result<Self, SettingsError> {
        let file = flags.config.as_deref().map(ConfigFile::read).transpose()?;
        Self::over(flags, file)
    }

    /// [`new`](Self::new) for the run of one of several controllers: without the settings that it does not have.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn of_controller(
        flags: TrainArguments,
        controller: ControllerKind,
    ) -> Result<Self, SettingsError> {
        let file = flags.config.as_deref().map(ConfigFile::read).transpose()?;
        let unwanted = |name: &str| name == "controllers" || foreign(controller, name).is_some();
        let flags = TrainArguments { controller: Some(controller), ..flags.without(unwanted) };
        Self::over(flags, file.map(|file| file.without(unwanted)))
    }

    fn over(flags: TrainArguments, file: Option<ConfigFile>) -> Result<Self, SettingsError> {
        let mut layers = Self {
            flags: flags.given(),
            file: file.map(|file| {
                let given = file.arguments.given();
                (file, given)
            }),
            preset: None,
            merged: flags.settle_switches(),
        };
        if let Some((file, _)) = &layers.file {
            layers.merged = layers.merged.over(file.arguments.clone());
        }
        let defaults = TrainArguments::defaults();
        let rule = layers.merged.optimiser.or(defaults.optimiser).unwrap_or(OptimiserKind::Sgd);
        if let Some(name) = layers.merged.preset.clone() {
            let preset = layers.known("preset", &name, presets::all(), |preset| preset.name)?;
            let arguments = optimiser::of_preset(TrainArguments::of_preset(&preset), rule);
            layers.preset = Some((preset, arguments.given()));
            layers.merged = layers.merged.over(arguments);
        }
        if let Some(controller) = layers.merged.controller {
            layers.merged = layers.merged.over(rivals::own_defaults(controller));
        }
        if layers.merged.dataset == Some(DatasetKind::Text) {
            layers.merged = layers.merged.over(TrainArguments::of_text(rule));
        }
        if layers.merged.data_dir.is_some() {
            layers.merged = layers.merged.over(TrainArguments::of_folder());
        }
        layers.merged = layers.merged.over(optimiser::own_defaults(rule)).over(defaults);
        Ok(layers)
    }

    /// The setting `name` as it was given.
    pub(super) fn setting(&self, name: &str) -> Setting {
        let is = |given: &String| given == name;
        if let Some(flag) = self.flag(name) {
            return Setting { name: flag, origin: Origin::Flag };
        }
        let origin = match (&self.file, &self.preset) {
            (Some((file, given)), _) if given.iter().any(is) => {
                let line = file.line_of(name).unwrap_or_default();
                Origin::File { path: file.path.clone(), line }
            }
            (_, Some((preset, given))) if given.iter().any(is) => Origin::Preset(preset.name),
            _ => Origin::Flag,
        };
        Setting { name: name.to_owned(), origin }
    }

    /// Whether `name` was given by flag or file.
    pub(super) fn is_explicit(&self, name: &str) -> bool {
        let in_file = |(_, given): &(ConfigFile, Vec<String>)| given.iter().any(|key| key == name);
        self.flag(name).is_some() || self.file.as_ref().is_some_and(in_file)
    }

    /// The names of all settings that were given by flag or file.
    pub(super) fn explicit(&self) -> Vec<&'static str> {
        let keys = super::choices::names::<TrainArguments>();
        keys.iter().copied().filter(|key| self.is_explicit(key)).collect()
    }

    /// The flag by which `name` was given: `augment` or `no-augment` for `augment`.
    fn flag(&self, name: &str) -> Option<String> {
        let negative = format!("no-{name}");
        self.flags.iter().find(|flag| *flag == name || **flag == negative).cloned()
    }

    /// The entry of `all` that is called `value`.
    pub(super) fn known<T>(
        &self,
        setting: &str,
        value: &str,
        all: Vec<T>,
        name: impl Fn(&T) -> &'static str,
    ) -> Result<T, SettingsError> {
        let names: Vec<_> = all.iter().map(&name).collect();
        all.into_iter().find(|entry| name(entry) == value).ok_or_else(|| {
            self.refuse(setting, format!("`{value}`"), format!("one of {}", names.join(", ")))
        })
    }

    /// A whole number that may be absent, in `range`.
    pub(super) fn optional<T: TryFrom<i64>>(
        &self,
        name: &str,
        value: Option<i64>,
        range: RangeInclusive<i64>,
    ) -> Result<Option<T>, SettingsError> {
        let Some(value) = value else { return Ok(None) };
        let number = T::try_from(value).ok().filter(|_| range.contains(&value));
        number.map(Some).ok_or_else(|| {
            let allowed = format!("{} to {}", range.start(), range.end());
            self.refuse(name, value, allowed)
        })
    }

    /// A whole number in `range`.
    pub(super) fn whole<T: TryFrom<i64>>(
        &self,
        name: &str,
        value: Option<i64>,
        range: RangeInclusive<i64>,
    ) -> Result<T, SettingsError> {
        let number = self.optional(name, value, range)?;
        number.ok_or_else(|| self.refuse(name, "missing", "a whole number"))
    }

    /// A number in `range`, which NaN never is.
    pub(super) fn real(
        &self,
        name: &str,
        value: Option<f64>,
        range: (Bound<f64>, Bound<f64>),
    ) -> Result<f64, SettingsError> {
        match value {
            Some(value) if range.contains(&value) => Ok(value),
            Some(value) => Err(self.refuse(name, value, in_words(range))),
            None => Err(self.refuse(name, "missing", in_words(range))),
        }
    }

    /// The value of a setting that always has one.
    pub(super) fn present<T>(&self, name: &str, value: Option<T>) -> Result<T, SettingsError> {
        value.ok_or_else(|| self.refuse(name, "missing", "a value"))
    }

    /// The error of a value that is not allowed.
    pub(super) fn refuse(
        &self,
        name: &str,
        value: impl ToString,
        allowed: impl Into<String>,
    ) -> SettingsError {
        let (setting, value) = (self.setting(name), value.to_string());
        SettingsError::Value { setting, value, allowed: allowed.into() }
    }
}

/// A range of numbers in words.
fn in_words((lower, upper): (Bound<f64>, Bound<f64>)) -> String {
    if let (Bound::Included(lower), Bound::Included(upper)) = (lower, upper) {
        return format!("a number from {lower} to {upper}");
    }
    let lower = match lower {
        Bound::Included(lower) => format!(" of at least {lower}"),
        Bound::Excluded(lower) => format!(" above {lower}"),
        Bound::Unbounded => String::new(),
    };
    let upper = match upper {
        Bound::Included(upper) => format!(" and at most {upper}"),
        Bound::Excluded(upper) => format!(" and below {upper}"),
        Bound::Unbounded => String::new(),
    };
    format!("a number{lower}{upper}")
}
