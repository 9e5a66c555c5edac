//! The description of a setting of a run: name, allowed values, default, help.
//!
//! A [`Setting`] describes one setting in one place. The command line makes its flag, its key in a configuration
//! file, its help and the errors about it from that description; options are built by [`Setting::get`], which checks the
//! range. This module knows no particular setting but those in [`common`], no flags and no files. `cli::settings` and the
//! controllers of `precision` describe theirs next to the code that uses them.

pub mod common;
mod given;
mod kind;
mod need;

pub use given::{Given, Refusal, Values};
pub(crate) use kind::words_of;
pub use kind::{Kind, Off, Value};
pub(crate) use need::any_of;
pub use need::{Need, Unmet};

use kind::{read, write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

/// Above every sensible count of epochs.
pub const MAX_EPOCHS: i64 = 1_000_000;
/// Above every sensible count of images or steps.
pub const MAX_COUNT: i64 = 1_000_000_000;
/// Above every sensible rate, scale or weight of a loss term.
pub const MAX_NUMBER: f64 = 1e6;

/// The description of a setting, independent of the type of its values.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The name of the flag `--name` and of the key in a configuration file.
    pub name: &'static str,
    /// Other spellings of the flag, which no help shows.
    pub aliases: &'static [&'static str],
    /// Placeholder of the value in help: `N`, `BITS`, `FILE`.
    pub placeholder: &'static str,
    /// Its effect, without default and range.
    pub help: &'static str,
    /// More, for the full help of the flag.
    pub long_help: Option<fn() -> String>,
    /// Which values it may have.
    pub kind: Kind,
    /// The range in words where the kind does not say it.
    pub range: &'static str,
    /// The default in words where there is no value.
    pub default_words: &'static str,
    /// Conditions under which the default differs.
    pub default_except: &'static str,
    /// Conditions on other settings for this one to have an effect, in addition to the controllers that have it.
    pub needs: &'static [Need],
    /// A neutral value, which may be given where the setting has no effect.
    pub neutral: Option<&'static str>,
    /// Whether no result depends on it: where files are, threads, progress.
    pub execution: bool,
    /// Whether it is a flag that a configuration file cannot have.
    pub flag_only: bool,
    /// A possible value of a kind whose values are free text.
    pub example: &'static str,
}

impl About {
    /// Help of the flag: what it does, `[default: ...]` and `[range: ...]`.
    pub fn help_with(&self, default: Option<&Value>) -> String {
        let mut help = self.help.to_owned();
        let mut add = |words: &str| {
            help.push(' ');
            help.push_str(words);
        };
        match default {
            // A switch that is off by default is off if not given, as everywhere.
            Some(Value::Switch(false)) => {}
            Some(value) => add(&format!("[default: {value}]")),
            None if self.default_words.is_empty() => {}
            None => add(&format!("[default: {}]", self.default_words)),
        }
        if !self.default_except.is_empty() {
            add(&format!("({})", self.default_except));
        }
        if let Some(range) = self.range_words() {
            add(&format!("[range: {range}]"));
        }
        help
    }

    /// The range as help and manual say it, if it is one.
    pub fn range_words(&self) -> Option<String> {
        match self.range {
            "" => self.kind.range_words(),
            words => Some(words.to_owned()),
        }
    }
}

/// A setting whose values become a `T`.
#[derive(Debug, Clone, Copy)]
pub struct Setting<T: 'static> {
    about: About,
    default: Option<fn() -> T>,
    read: fn(&Value) -> Option<T>,
    write: fn(&T) -> Value,
}

/// A setting of any type.
pub trait Described: Sync {
    /// Its description.
    fn about(&self) -> &About;
    /// Its value without being given.
    fn default_value(&self) -> Option<Value>;
}

impl<T> Described for Setting<T> {
    fn about(&self) -> &About {
        &self.about
    }

    fn default_value(&self) -> Option<Value> {
        self.default.map(|default| (self.write)(&default()))
    }
}

/// A whole number from `least` to `most`.
pub const fn whole<T>(
    name: &'static str,
    help: &'static str,
    (least, most): (i64, i64),
) -> Setting<T>
where
    T: Copy + TryFrom<i64> + TryInto<i64>,
{
    let kind = Kind::Whole(least, most);
    Setting::new(name, help, kind, "N", read::whole::<T>, write::whole::<T>)
}

/// Whole numbers from `least` to `most`: `8,12` or `8..16:2`, in a file `[8, 12]`.
pub const fn wholes<T>(
    name: &'static str,
    help: &'static str,
    (least, most): (i64, i64),
) -> Setting<Vec<T>>
where
    T: Copy + TryFrom<i64> + TryInto<i64>,
{
    let kind = Kind::Wholes(least, most);
    Setting::new(name, help, kind, "LIST", read::wholes::<T>, write::wholes::<T>)
}

/// A number in a range.
pub const fn real(
    name: &'static str,
    help: &'static str,
    range: (std::ops::Bound<f64>, std::ops::Bound<f64>),
) -> Setting<f64> {
    Setting::new(name, help, Kind::Real(range.0, range.1), "X", read::real, write::real)
}

/// One of the words that `T` has for serde.
pub const fn word<T: Serialize + DeserializeOwned>(
    name: &'static str,
    help: &'static str,
) -> Setting<T> {
    let kind = Kind::Word { words: kind::words_of::<T>, check: Some(kind::check_word::<T>) };
    Setting::new(name, help, kind, "WORD", read::word::<T>, write::word::<T>)
}

/// One of `words`, or another text that `T` reads.
pub const fn named<T: FromStr + Display>(
    name: &'static str,
    help: &'static str,
    words: fn() -> Vec<&'static str>,
) -> Setting<T>
where
    T::Err: Display,
{
    let kind = Kind::Named { words, check: kind::check_text::<T> };
    Setting::new(name, help, kind, "WORD", read::text::<T>, write::text::<T>)
}

/// Several of the words that `T` has for serde, joined by `,`.
pub const fn words<T: Serialize + DeserializeOwned>(
    name: &'static str,
    help: &'static str,
) -> Setting<Vec<T>> {
    let kind = Kind::Words { words: kind::words_of::<T>, check: kind::check_word::<T> };
    Setting::new(name, help, kind, "WORD,...", read::words::<T>, write::words::<T>)
}

/// One of `names`.
pub const fn one_of(
    name: &'static str,
    help: &'static str,
    names: fn() -> Vec<&'static str>,
) -> Setting<String> {
    let kind = Kind::Word { words: names, check: None };
    Setting::new(name, help, kind, "NAME", read::text::<String>, write::text::<String>)
}

/// A text that `T` reads.
pub const fn text<T: FromStr + Display>(name: &'static str, help: &'static str) -> Setting<T>
where
    T::Err: Display,
{
    let kind = Kind::Text(kind::check_text::<T>);
    Setting::new(name, help, kind, "NAME", read::text::<T>, write::text::<T>)
}

/// A file or folder.
pub const fn path(name: &'static str, help: &'static str) -> Setting<PathBuf> {
    Setting::new(name, help, Kind::Path, "FILE", read::path, write::path)
}

/// On or off: `--name` and, if there is an `off`, `--no-name`.
pub const fn switch(name: &'static str, help: &'static str, off: Option<Off>) -> Setting<bool> {
    Setting::new(name, help, Kind::Switch { off }, "", read::switch, write::switch)
}

impl<T> Setting<T> {
    const fn new(
        name: &'static str,
        help: &'static str,
        kind: Kind,
        placeholder: &'static str,
        read: fn(&Value) -> Option<T>,
        write: fn(&T) -> Value,
    ) -> Self {
        let about = About {
            name,
            aliases: &[],
            placeholder,
            help,
            long_help: None,
            kind,
            range: "",
            default_words: "",
            default_except: "",
            needs: &[],
            neutral: None,
            execution: false,
            flag_only: false,
            example: "",
        };
        Self { about, default: None, read, write }
    }

    /// With this value where none is given.
    pub const fn default(mut self, default: fn() -> T) -> Self {
        self.default = Some(default);
        self
    }

    /// With a default that is no value, in words.
    pub const fn default_words(mut self, words: &'static str) -> Self {
        self.about.default_words = words;
        self
    }

    /// With another default in some cases, in words.
    pub const fn default_except(mut self, words: &'static str) -> Self {
        self.about.default_except = words;
        self
    }

    /// With other spellings of the flag.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.about.aliases = aliases;
        self
    }

    /// With `placeholder` for its value in help.
    pub const fn placeholder(mut self, placeholder: &'static str) -> Self {
        self.about.placeholder = placeholder;
        self
    }

    /// With the range in other words than those of the kind.
    pub const fn range(mut self, words: &'static str) -> Self {
        self.about.range = words;
        self
    }

    /// With more to say in the full help.
    pub const fn long_help(mut self, text: fn() -> String) -> Self {
        self.about.long_help = Some(text);
        self
    }

    /// Without effect unless all of `needs` are met.
    pub const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.about.needs = needs;
        self
    }

    /// With a neutral value.
    pub const fn neutral(mut self, value: &'static str) -> Self {
        self.about.neutral = Some(value);
        self
    }

    /// Without influence on any result.
    pub const fn execution(mut self) -> Self {
        self.about.execution = true;
        self
    }

    /// Not in configuration files.
    pub const fn flag_only(mut self) -> Self {
        self.about.flag_only = true;
        self
    }

    /// With a possible value, for tests and messages.
    pub const fn example(mut self, text: &'static str) -> Self {
        self.about.example = text;
        self
    }

    /// The name of flag and key.
    pub const fn name(&self) -> &'static str {
        self.about.name
    }

    /// The value given or by default.
    ///
    /// # Errors
    /// If there is none, or it is out of range.
    pub fn get(&self, given: &dyn Given) -> Result<T, Refusal> {
        self.optional(given)?.ok_or_else(|| self.refuse("missing", "a value"))
    }

    /// The value, if there is one.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn optional(&self, given: &dyn Given) -> Result<Option<T>, Refusal> {
        let Some(value) = given.value(self.name()) else { return Ok(None) };
        if let Err((value, allowed)) = self.about.kind.check(value) {
            return Err(self.refuse(value, allowed));
        }
        match (self.read)(value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.refuse(value, "a value of its kind")),
        }
    }

    /// The value without regard to its range; `None` where there is none or it cannot be read.
    pub fn unchecked(&self, given: &dyn Given) -> Option<T> {
        given.value(self.name()).and_then(self.read)
    }

    /// The error of a value that is not allowed.
    pub fn refuse(&self, value: impl ToString, allowed: impl Into<String>) -> Refusal {
        let (value, allowed) = (value.to_string(), allowed.into());
        Refusal::Value { setting: self.name(), value, allowed }
    }

    /// The value as it is kept among [`Values`].
    pub fn value(&self, value: &T) -> Value {
        (self.write)(value)
    }
}
