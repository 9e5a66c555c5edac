//! The parameters of a MAC style as keys of the section `[mac]` of a machine description.

use std::collections::BTreeMap;

/// A key and its allowed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key with its section: `mac.native_bits`.
    pub path: &'static str,
    /// Its values.
    pub values: KeyValues,
}

/// Values of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyValues {
    /// A whole number.
    Whole {
        /// The smallest.
        least: i64,
        /// The largest.
        most: i64,
        /// Where the key is not given.
        default: u32,
    },
    /// One of these words; the first where the key is not given.
    Word(&'static [&'static str]),
}

impl Key {
    /// A key whose value is a whole number from `least` to `most`.
    pub const fn whole(path: &'static str, (least, most): (i64, i64), default: u32) -> Self {
        Self { path, values: KeyValues::Whole { least, most, default } }
    }

    /// A key whose value is one of `words`, the first by default.
    pub const fn word(path: &'static str, words: &'static [&'static str]) -> Self {
        Self { path, values: KeyValues::Word(words) }
    }

    /// The key without its section.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }
}

/// A value that was given for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValue {
    /// A number.
    Whole(i64),
    /// A word.
    Word(String),
}

/// Error of a value that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError {
    /// The key with its section.
    pub path: &'static str,
    /// The value given.
    pub value: String,
    /// The allowed values.
    pub allowed: String,
}

/// The keys that were given, by their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenKeys(pub BTreeMap<&'static str, KeyValue>);

impl GivenKeys {
    /// The number of `key`, or its default.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn whole(&self, key: &Key) -> Result<u32, KeyError> {
        let KeyValues::Whole { least, most, default } = key.values else {
            return Err(self.error(key, "a whole number"));
        };
        match self.0.get(key.path) {
            None => Ok(default),
            Some(KeyValue::Whole(value)) if (least..=most).contains(value) => {
                u32::try_from(*value).map_err(|_| self.error(key, format!("{least} to {most}")))
            }
            Some(_) => Err(self.error(key, format!("{least} to {most}"))),
        }
    }

    /// Which of its words `key` has.
    ///
    /// # Errors
    /// If it is none of them.
    pub fn word(&self, key: &Key) -> Result<&'static str, KeyError> {
        let KeyValues::Word(words) = key.values else { return Err(self.error(key, "a word")) };
        let found = match self.0.get(key.path) {
            None => words.first(),
            Some(KeyValue::Word(word)) => words.iter().find(|known| *known == word),
            Some(KeyValue::Whole(_)) => None,
        };
        found.copied().ok_or_else(|| self.error(key, words.join(", ")))
    }

    /// Whether `key` was given.
    pub fn has(&self, key: &Key) -> bool {
        self.0.contains_key(key.path)
    }

    /// The error of a value of `key` where `allowed` is.
    pub fn error(&self, key: &Key, allowed: impl Into<String>) -> KeyError {
        let value = match self.0.get(key.path) {
            None => "missing".to_owned(),
            Some(KeyValue::Whole(value)) => value.to_string(),
            Some(KeyValue::Word(word)) => format!("`{word}`"),
        };
        KeyError { path: key.path, value, allowed: allowed.into() }
    }
}
