//! Values of settings, and errors about them.

use super::{Described, Setting, Value};
use std::collections::BTreeMap;

/// The settings of a run, as read by the code that builds options.
pub trait Given {
    /// The value in force: given, or by default.
    fn value(&self, name: &str) -> Option<&Value>;
    /// Whether the user gave it.
    fn is_explicit(&self, name: &str) -> bool;
}

/// Values by the names of their settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// The defaults of `settings`.
    pub fn defaults<'a>(settings: impl IntoIterator<Item = &'a dyn Described>) -> Self {
        let named =
            |setting: &dyn Described| Some((setting.about().name, setting.default_value()?));
        Self(settings.into_iter().filter_map(named).collect())
    }

    /// With `value` for `setting`.
    #[must_use]
    pub fn with<T>(mut self, setting: &Setting<T>, value: T) -> Self {
        self.set(setting.name(), setting.value(&value));
        self
    }

    /// With `value` for `setting`, if there is one.
    #[must_use]
    pub fn with_some<T>(self, setting: &Setting<T>, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with(setting, value),
            None => self,
        }
    }

    /// Puts in a value.
    pub fn set(&mut self, name: &'static str, value: Value) {
        self.0.insert(name, value);
    }

    /// These values, and those of `below` where these have none.
    #[must_use]
    pub fn over(self, mut below: Self) -> Self {
        below.0.extend(self.0);
        below
    }

    /// These values without those whose names `unwanted` picks.
    #[must_use]
    pub fn without(mut self, unwanted: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|name, _| !unwanted(name));
        self
    }

    /// The value of the setting `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The names of the settings that have values.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

impl Given for Values {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn is_explicit(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// Error of an invalid value, before its source is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A value is out of range or not known.
    Value {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// The allowed values.
        allowed: String,
    },
    /// A lower bound is above its upper bound.
    Bounds {
        /// The setting of the lower bound and its value.
        lower: (&'static str, u32),
        /// The setting of the upper bound and its value.
        upper: (&'static str, u32),
    },
}
