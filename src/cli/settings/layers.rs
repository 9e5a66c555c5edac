//! The sources of settings (flags, file, preset, defaults) and their precedence.

use super::config_file::ConfigFile;
use super::controller::{CONTROLLER, CONTROLLERS};
use super::error::{Origin, SettingName, SettingsError};
use super::flags::TrainArguments;
use super::optimiser::{self, OPTIMISER, OptimiserKind};
use super::run::{CONFIG, PRESET};
use super::table;
use super::{data, preset};
use crate::data::DatasetKind;
use crate::precision::{ControllerKind, presets};
use crate::setting::{Given, Refusal, Value, Values};

/// Flags over configuration file over preset over defaults.
#[derive(Debug)]
pub(super) struct Layers {
    flags: Values,
    file: Option<ConfigFile>,
    preset: Option<(&'static str, Values)>,
    /// The values in force.
    merged: Values,
}

impl Layers {
    /// Puts `flags` over the file and the preset that they name.
    ///
    /// # Errors
    /// If the file cannot be read or the preset is not known.
    pub(super) fn new(flags: &TrainArguments) -> Result<Self, SettingsError> {
        let file = flags.given(&CONFIG).as_deref().map(ConfigFile::read).transpose()?;
        Self::over(flags.values.clone(), file)
    }

    /// [`new`](Self::new) for the run of one of several controllers: without the settings that it does not have.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn of_controller(
        flags: &TrainArguments,
        controller: ControllerKind,
    ) -> Result<Self, SettingsError> {
        let file = flags.given(&CONFIG).as_deref().map(ConfigFile::read).transpose()?;
        let unwanted = |name: &str| {
            name == CONTROLLERS.name()
                || super::requirements::of_another_controller(controller, name).is_some()
        };
        let flags = flags.values.clone().without(unwanted).with(&CONTROLLER, controller);
        Self::over(flags, file.map(|file| file.without(unwanted)))
    }

    fn over(flags: Values, file: Option<ConfigFile>) -> Result<Self, SettingsError> {
        let given = match &file {
            Some(file) => flags.clone().over(file.values.clone()),
            None => flags.clone(),
        };
        let mut layers = Self { flags, file, preset: None, merged: given };
        let defaults = Values::defaults(table::settings());
        let rule = OPTIMISER.unchecked(&layers.merged).unwrap_or(OptimiserKind::Sgd);
        let name = PRESET.optional(&layers).map_err(|refusal| layers.explain(refusal))?;
        let chosen = presets::all().into_iter().find(|preset| Some(preset.name) == name.as_deref());
        if let Some(chosen) = chosen {
            let values = optimiser::of_preset(preset::values(&chosen), rule);
            layers.preset = Some((chosen.name, values.clone()));
            layers.put_below(values);
        }
        if let Some(controller) = CONTROLLER.unchecked(&layers.merged) {
            layers.put_below(preset::of_controller(controller));
        }
        if data::DATASET.unchecked(&layers.merged) == Some(DatasetKind::Text) {
            layers.put_below(preset::of_text(rule));
        }
        if let Some(place) = data::DATA_DIR.unchecked(&layers.merged) {
            layers.put_below(preset::of_place(&place));
        }
        layers.put_below(optimiser::own_defaults(rule));
        layers.put_below(defaults);
        Ok(layers)
    }

    fn put_below(&mut self, values: Values) {
        self.merged = std::mem::take(&mut self.merged).over(values);
    }

    /// The setting `name` as it was given.
    pub(super) fn name_of(&self, name: &str) -> SettingName {
        if let Some(value) = self.flags.get(name) {
            let off = *value == Value::Switch(false);
            let name = if off { format!("no-{name}") } else { name.to_owned() };
            return SettingName { name, origin: Origin::Flag };
        }
        let origin = match (&self.file, &self.preset) {
            (Some(file), _) if file.values.get(name).is_some() => {
                let line = file.line_of(name).unwrap_or_default();
                Origin::File { path: file.path.clone(), line }
            }
            (_, Some((preset, values))) if values.get(name).is_some() => Origin::Preset(preset),
            _ => Origin::Flag,
        };
        SettingName { name: name.to_owned(), origin }
    }

    /// The names of all settings that were given by flag or file, in the order of the table.
    pub(super) fn explicit(&self) -> Vec<&'static str> {
        let names = table::settings().map(|setting| setting.about().name);
        names.filter(|name| self.is_explicit(name) && table::keys().contains(name)).collect()
    }

    /// The error of a refused value, with the place that it comes from.
    pub(super) fn explain(&self, refusal: Refusal) -> SettingsError {
        match refusal {
            Refusal::Value { setting, value, allowed } => {
                SettingsError::Value { setting: self.name_of(setting), value, allowed }
            }
            Refusal::Bounds { lower, upper } => SettingsError::Bounds {
                lower: self.name_of(lower.0),
                lower_value: lower.1,
                upper: self.name_of(upper.0),
                upper_value: upper.1,
            },
        }
    }
}

impl Given for Layers {
    fn value(&self, name: &str) -> Option<&Value> {
        self.merged.get(name)
    }

    fn is_explicit(&self, name: &str) -> bool {
        let in_file = self.file.as_ref().is_some_and(|file| file.values.get(name).is_some());
        self.flags.get(name).is_some() || in_file
    }
}
