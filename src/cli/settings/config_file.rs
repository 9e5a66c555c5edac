//! The configuration file: TOML whose keys are the names of the flags.

use super::error::SettingsError;
use super::flags::TrainArguments;
use super::table;
use crate::setting::{About, Kind, Value, Values};
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// A configuration file that has been read.
#[derive(Debug, Clone)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    pub(super) values: Values,
    text: String,
}

impl ConfigFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is not TOML, or has an unknown key or a value of the wrong type.
    pub(super) fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        Self::parse(path, text)
    }

    fn parse(path: &Path, text: String) -> Result<Self, SettingsError> {
        let toml_error = |source| SettingsError::Toml { path: path.to_owned(), source };
        let table = DeTable::parse(&text).map_err(toml_error)?;
        let known = table::keys();
        // In the order of the file, so that the first unknown key is named.
        let mut keys: Vec<_> = table.get_ref().keys().collect();
        keys.sort_by_key(|key| key.span().start);
        for key in keys {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                return Err(SettingsError::UnknownKey {
                    path: path.to_owned(),
                    line: line_at(&text, key.span().start),
                    key: name.to_owned(),
                    nearest: other_spelling(name).or_else(|| nearest(name, &known)),
                });
            }
        }
        let TrainArguments { values } = toml::from_str(&text).map_err(toml_error)?;
        Ok(Self { path: path.to_owned(), values, text })
    }

    /// The file without the settings whose names `unwanted` picks.
    pub(super) fn without(self, unwanted: impl Fn(&str) -> bool) -> Self {
        Self { values: self.values.without(unwanted), ..self }
    }

    /// The line of `key`, from 1; `None` if the file does not have it.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let found = table.get_ref().keys().find(|found| found.get_ref() == key)?;
        Some(line_at(&self.text, found.span().start))
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The setting whose flag may also be spelled `name`: `learning-rate` for `lr`.
fn other_spelling(name: &str) -> Option<&'static str> {
    let dashed = name.replace('_', "-");
    let about = table::settings().map(|setting| setting.about());
    let mut spelled = about.filter(|about| about.aliases.contains(&&*dashed) && !about.flag_only);
    spelled.next().map(|about| about.name)
}

impl<'de> Deserialize<'de> for TrainArguments {
    /// Reads a table whose keys are names of settings.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;

        impl<'de> Visitor<'de> for Table {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
                let mut values = Values::default();
                while let Some(key) = map.next_key::<String>()? {
                    let about = table::find(&key).map(|found| found.about());
                    let Some(about) = about.filter(|about| !about.flag_only) else {
                        let known = table::keys();
                        let nearest = other_spelling(&key).or_else(|| nearest(&key, &known));
                        let nearest = nearest.map_or(String::new(), did_you_mean);
                        return Err(A::Error::custom(format!(
                            "unknown setting `{key}`{nearest}; settings are named as the flags, see `hwsim train --help`"
                        )));
                    };
                    values.set(about.name, map.next_value_seed(ValueOf(about))?);
                }
                Ok(values)
            }
        }

        deserializer.deserialize_map(Table).map(|values| Self { values })
    }
}

/// The hint of an error about an unknown name.
pub(super) fn did_you_mean(name: &str) -> String {
    format!(" (did you mean `{name}`?)")
}

/// Reads the value of a setting.
struct ValueOf<'a>(&'a About);

impl<'de> DeserializeSeed<'de> for ValueOf<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let custom = |error: String| D::Error::custom(error);
        Ok(match self.0.kind {
            Kind::Switch { .. } => Value::Switch(bool::deserialize(deserializer)?),
            Kind::Whole(..) => Value::Whole(i64::deserialize(deserializer)?),
            Kind::Wholes(..) => Value::Wholes(Vec::deserialize(deserializer)?),
            Kind::Real(..) => Value::Real(f64::deserialize(deserializer)?),
            Kind::Word { check: None, .. } => Value::Text(String::deserialize(deserializer)?),
            Kind::Word { check: Some(check), .. } => {
                Value::Text(check(&String::deserialize(deserializer)?).map_err(custom)?)
            }
            // What cannot be read is refused with the place of the key and all that is allowed.
            Kind::Named { check, .. } => {
                let text = String::deserialize(deserializer)?;
                Value::Text(check(&text).unwrap_or(text))
            }
            Kind::Words { check, .. } => {
                let words = Vec::<String>::deserialize(deserializer)?;
                let words = words.iter().map(|word| check(word)).collect::<Result<_, _>>();
                Value::Texts(words.map_err(custom)?)
            }
            // A number is read as its text: `accumulator = 24`.
            Kind::Text(check) => match TextOrNumber::deserialize(deserializer)? {
                TextOrNumber::Text(text) => Value::Text(check(&text).map_err(custom)?),
                TextOrNumber::Number(number) => {
                    Value::Text(check(&number.to_string()).map_err(custom)?)
                }
            },
            Kind::Path => Value::Path(PathBuf::deserialize(deserializer)?),
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a whole number")]
enum TextOrNumber {
    Text(String),
    Number(i64),
}

/// The known name that `name` was probably meant to be: the nearest by edit distance, if less than
/// half of it has to change.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let distance = |candidate: &&str| edit_distance(name, candidate);
    let nearest = known.iter().copied().min_by_key(distance)?;
    (2 * distance(&nearest) < nearest.len()).then_some(nearest)
}

/// Insertions, deletions and replacements of characters that turn `a` into `b` (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        ConfigFile::parse(Path::new("run.toml"), text.to_owned()).unwrap_err().to_string()
    }

    #[test]
    fn keys_have_lines() {
        let text = "# a run\nepochs = 3\n\nmilestones = [\n  1,\n  2,\n]\n\"seed\" = 4\n";
        let file = ConfigFile::parse(Path::new("run.toml"), text.to_owned()).unwrap();
        assert_eq!(file.values.get("epochs"), Some(&Value::Whole(3)));
        assert_eq!(file.values.get("milestones"), Some(&Value::Wholes(vec![1, 2])));
        let lines = ["epochs", "milestones", "seed", "wl"].map(|key| file.line_of(key));
        assert_eq!(lines, [Some(2), Some(4), Some(8), None]);
    }

    #[test]
    fn wrong_files_are_explained() {
        insta::assert_snapshot!(refused("epochs = 3\nbatch_size = 4\nwl2 = 1"), @"configuration file run.toml, line 2: unknown key `batch_size` (did you mean `batch-size`?); keys are named as the flags, see `hwsim train --help`");
        insta::assert_snapshot!(refused("[run]\nmomentum = 0.9"), @"configuration file run.toml, line 1: unknown key `run`; keys are named as the flags, see `hwsim train --help`");
        insta::assert_snapshot!(refused("config = 'other.toml'"), @"configuration file run.toml, line 1: unknown key `config`; keys are named as the flags, see `hwsim train --help`");
        insta::assert_snapshot!(refused("no-augment = true"), @"configuration file run.toml, line 1: unknown key `no-augment` (did you mean `augment`?); keys are named as the flags, see `hwsim train --help`");
        for (key, name) in [
            ("lr", "learning-rate"),
            ("optimizer", "optimiser"),
            ("bs", "batch-size"),
            ("weight_decay", "l2"),
        ] {
            let said = refused(&format!("{key} = 1"));
            assert!(said.contains(&format!("`{key}` (did you mean `{name}`?)")), "{said}");
        }
        insta::assert_snapshot!(refused("epochs = 3\nepochs = 4"), @r"
        configuration file run.toml: TOML parse error at line 2, column 1
          |
        2 | epochs = 4
          | ^^^^^^
        duplicate key
        ");
        insta::assert_snapshot!(refused("epochs = 'many'"), @r#"
        configuration file run.toml: TOML parse error at line 1, column 10
          |
        1 | epochs = 'many'
          |          ^^^^^^
        invalid type: string "many", expected i64
        "#);
        let list = refused("layer-formats = ['fc1=9,4']");
        assert!(list.trim_end().ends_with("expected a text or a whole number"), "{list}");
        insta::assert_snapshot!(refused("seed = 1\nvariant = 'papier'"), @r"
        configuration file run.toml: TOML parse error at line 2, column 11
          |
        2 | variant = 'papier'
          |           ^^^^^^^^
        unknown variant `papier`, expected `paper` or `released`
        ");
        insta::assert_snapshot!(refused("dataset = 'cifar-10'"), @r"
        configuration file run.toml: TOML parse error at line 1, column 11
          |
        1 | dataset = 'cifar-10'
          |           ^^^^^^^^^^
        unknown data set `cifar-10`; use one of fashion-mnist-slice, fashion-mnist, mnist, emnist-balanced, emnist-byclass, emnist-bymerge, emnist-digits, emnist-letters, emnist-mnist, cifar10, cifar100, folder, arrays, text
        ");
        insta::assert_snapshot!(refused("layer-formats = 'conv1=40,4'"), @r"
        configuration file run.toml: TOML parse error at line 1, column 17
          |
        1 | layer-formats = 'conv1=40,4'
          |                 ^^^^^^^^^^^^
        layer `conv1`: `40,4`: word length 40 is impossible: use 1 to 32 bits
        ");
        insta::assert_snapshot!(refused("accumulator = 65"), @r"
        configuration file run.toml: TOML parse error at line 1, column 15
          |
        1 | accumulator = 65
          |               ^^
        accumulator width `65` is impossible: use 1 to 64 bits, or `exact`
        ");
        insta::assert_snapshot!(refused("epochs ="), @r"
        configuration file run.toml: TOML parse error at line 1, column 9
          |
        1 | epochs =
          |         ^
        string values must be quoted, expected literal string
        ");
        let missing = ConfigFile::read(Path::new("no-such-folder/run.toml")).unwrap_err();
        let missing = missing.to_string();
        assert!(missing.starts_with("configuration file no-such-folder/run.toml: "), "{missing}");
    }

    #[test]
    fn edit_distances() {
        for (a, b, distance) in
            [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("wl", "fl", 1)]
        {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }
}
