//! Settings as flags: clap's arguments made from the table of settings, and back.

use super::table;
use crate::cli::arguments::{named, numbers};
use crate::setting::{Described, Kind, Off, Setting, Value, Values};
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};
use std::path::PathBuf;

/// The settings of a training run that were given in one place.
///
/// A flag `--batch-size` and a key `batch-size` of a configuration file are the same setting; `--no-augment` is
/// `augment = false` in a file. Values are checked by [`resolve`](Self::resolve), after everything is put together.
///
/// ```
/// use hwsim::cli::settings::{TrainArguments, run};
/// let arguments = TrainArguments::from_flags("--arch mlp --epochs 3")?.with(&run::MAX_STEPS, 10);
/// assert_eq!(arguments.resolve()?.options.max_steps, Some(10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainArguments {
    pub(super) values: Values,
}

impl TrainArguments {
    /// The settings of a line of flags, as one would type them after `hwsim train`.
    ///
    /// # Errors
    /// If a flag is unknown or its value cannot be read.
    pub fn from_flags(line: &str) -> Result<Self, clap::Error> {
        let command = <Self as clap::Args>::augment_args(Command::new("hwsim train"));
        let words = shell_words::split(line)
            .map_err(|error| clap::Error::raw(ErrorKind::InvalidValue, error))?;
        let words = std::iter::once("hwsim train".to_owned()).chain(words);
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    /// With `value` for `setting`.
    #[must_use]
    pub fn with<T>(self, setting: &Setting<T>, value: T) -> Self {
        Self { values: self.values.with(setting, value) }
    }

    /// With `value` for `setting`, if there is one.
    #[must_use]
    pub fn with_some<T>(self, setting: &Setting<T>, value: Option<T>) -> Self {
        Self { values: self.values.with_some(setting, value) }
    }

    /// The value given for `setting`.
    pub fn given<T>(&self, setting: &Setting<T>) -> Option<T> {
        setting.unchecked(&self.values)
    }
}

impl clap::Args for TrainArguments {
    fn augment_args(command: Command) -> Command {
        table::all().into_iter().fold(command, |command, (heading, setting)| {
            let command = command.arg(flag(heading, setting));
            match setting.about().kind {
                Kind::Switch { off: Some(off) } => {
                    command.arg(off_flag(heading, setting.about().name, off))
                }
                _ => command,
            }
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TrainArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut arguments = Self::default();
        arguments.update_from_arg_matches(matches)?;
        Ok(arguments)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in table::settings() {
            if let Some(value) = value(matches, setting) {
                self.values.set(setting.about().name, value);
            }
        }
        Ok(())
    }
}

fn flag(heading: &'static str, setting: &dyn Described) -> Arg {
    let about = setting.about();
    let help = about.help_with(setting.default_value().as_ref());
    let flag = Arg::new(about.name)
        .long(about.name)
        .aliases(about.aliases.to_vec())
        .help(help)
        .help_heading(heading);
    let flag = match about.long_help {
        Some(text) => flag.long_help(text()),
        None => flag,
    };
    let flag = match about.kind {
        Kind::Switch { off: Some(off) } => return switch(flag).overrides_with(off.names[0]),
        Kind::Switch { off: None } => return switch(flag),
        _ => flag.action(ArgAction::Set).value_name(about.placeholder),
    };
    let signed = matches!(about.kind, Kind::Whole(..) | Kind::Wholes(..) | Kind::Real(..));
    let flag = flag.allow_hyphen_values(signed || about.placeholder == "BITS");
    match about.kind {
        Kind::Switch { .. } | Kind::Path => flag.value_parser(value_parser!(PathBuf)),
        Kind::Whole(..) => flag.value_parser(value_parser!(i64)),
        Kind::Wholes(..) => flag.value_parser(numbers::<i64>),
        Kind::Real(..) => flag.value_parser(value_parser!(f64)),
        Kind::Word { words, .. } => flag.value_parser(PossibleValuesParser::new(words())),
        Kind::Named { words, check } => flag.value_parser(named(words(), check)),
        Kind::Words { words, .. } => flag
            .value_parser(PossibleValuesParser::new(words()))
            .value_delimiter(',')
            .action(ArgAction::Append),
        Kind::Text(check) => flag.value_parser(move |text: &str| check(text)),
    }
}

fn off_flag(heading: &'static str, name: &'static str, off: Off) -> Arg {
    let flag = Arg::new(off.names[0]).long(off.names[0]).aliases(off.names[1..].to_vec());
    switch(flag.help(off.help).help_heading(heading)).overrides_with(name)
}

fn switch(flag: Arg) -> Arg {
    flag.action(ArgAction::SetTrue)
}

/// The value of `setting` that was given.
fn value(matches: &ArgMatches, setting: &dyn Described) -> Option<Value> {
    let about = setting.about();
    let name = about.name;
    match about.kind {
        Kind::Switch { off } => {
            let on = matches.get_flag(name);
            let off = off.is_some_and(|off| matches.get_flag(off.names[0]));
            (on || off).then_some(Value::Switch(on))
        }
        Kind::Whole(..) => matches.get_one(name).copied().map(Value::Whole),
        Kind::Wholes(..) => matches.get_one(name).cloned().map(Value::Wholes),
        Kind::Real(..) => matches.get_one(name).copied().map(Value::Real),
        Kind::Word { .. } | Kind::Named { .. } | Kind::Text(_) => {
            matches.get_one(name).cloned().map(Value::Text)
        }
        Kind::Words { .. } => {
            matches.get_many(name).map(|words| Value::Texts(words.cloned().collect()))
        }
        Kind::Path => matches.get_one(name).cloned().map(Value::Path),
    }
}
