//! Kinds of values: how they are read from text, which are allowed, how they are written.

use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::fmt;
use std::ops::{Bound, RangeBounds as _};
use std::path::PathBuf;

/// A value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// A whole number.
    Whole(i64),
    /// A list of whole numbers.
    Wholes(Vec<i64>),
    /// A number.
    Real(f64),
    /// A word, name or other text.
    Text(String),
    /// A list of words.
    Texts(Vec<String>),
    /// A file or folder, which need not be UTF-8 text.
    Path(PathBuf),
}

impl fmt::Display for Value {
    /// As on a command line; a switch is `on` or `off`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Wholes(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
                f.write_str(&numbers.join(","))
            }
            Self::Real(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Texts(texts) => f.write_str(&texts.join(",")),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The canonical form of a text, or why it cannot be read.
pub(crate) type Check = fn(&str) -> Result<String, String>;

/// The flag that turns a switch off.
#[derive(Debug, Clone, Copy)]
pub struct Off {
    /// `no-` and the name of the switch; then other spellings.
    pub names: &'static [&'static str],
    /// Its help.
    pub help: &'static str,
}

/// Which values a setting may have.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// On or off.
    Switch {
        /// The flag that turns it off, if there is one.
        off: Option<Off>,
    },
    /// A whole number, both ends included.
    Whole(i64, i64),
    /// Whole numbers, both ends included.
    Wholes(i64, i64),
    /// A number, which NaN is not.
    Real(Bound<f64>, Bound<f64>),
    /// One of some words.
    Word {
        /// The words.
        words: fn() -> Vec<&'static str>,
        /// Refuses other words as soon as they are read; without it they are refused where the value is used.
        check: Option<Check>,
    },
    /// One of some words, or another text that the check reads: an alias, or a word with a parameter.
    Named {
        /// The words that help lists.
        words: fn() -> Vec<&'static str>,
        /// The canonical form of a text.
        check: Check,
    },
    /// Several of some words.
    Words {
        /// The words.
        words: fn() -> Vec<&'static str>,
        /// Refuses other words.
        check: Check,
    },
    /// A text that a check reads.
    Text(Check),
    /// A file or folder.
    Path,
}

impl Kind {
    /// The range as help and manual say it, if it is one.
    pub fn range_words(&self) -> Option<String> {
        match *self {
            Self::Whole(least, most) | Self::Wholes(least, most) => {
                Some(format!("{least} to {most}"))
            }
            Self::Real(Bound::Included(least), Bound::Included(most)) => {
                Some(format!("{} to {}", number(least), number(most)))
            }
            Self::Real(least, most) => {
                let least = match least {
                    Bound::Included(least) => format!("at least {}", number(least)),
                    Bound::Excluded(least) => format!("above {}", number(least)),
                    Bound::Unbounded => return None,
                };
                Some(match most {
                    Bound::Included(most) => format!("{least}, at most {}", number(most)),
                    Bound::Excluded(most) => format!("{least}, below {}", number(most)),
                    Bound::Unbounded => least,
                })
            }
            _ => None,
        }
    }

    /// Checks the range.
    ///
    /// # Errors
    /// The value that is out of range and what is allowed, in words.
    pub fn check(&self, value: &Value) -> Result<(), (String, String)> {
        let whole = |value: i64, least: i64, most: i64| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err((value.to_string(), format!("{least} to {most}"))),
        };
        match (*self, value) {
            (Self::Whole(least, most), Value::Whole(value)) => whole(*value, least, most),
            (Self::Wholes(least, most), Value::Wholes(values)) => {
                values.iter().try_for_each(|value| whole(*value, least, most))
            }
            (Self::Real(least, most), Value::Real(value)) if !(least, most).contains(value) => {
                Err((value.to_string(), numbers_in_words((least, most))))
            }
            (Self::Word { words, .. }, Value::Text(word)) if !words().contains(&word.as_str()) => {
                Err((format!("`{word}`"), format!("one of {}", words().join(", "))))
            }
            (Self::Named { words, check }, Value::Text(text)) if check(text).is_err() => {
                Err((format!("`{text}`"), format!("one of {}", words().join(", "))))
            }
            _ => Ok(()),
        }
    }

    /// Reads a value from text as on a command line; a switch is `on` or `off`. The range is not checked.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let integer = |text: &str| text.trim().parse::<i64>().map_err(|error| error.to_string());
        Ok(match self {
            Self::Switch { .. } => Value::Switch(match text {
                "on" => true,
                "off" => false,
                _ => return Err("use on or off".to_owned()),
            }),
            Self::Whole(..) => Value::Whole(integer(text)?),
            Self::Wholes(..) => {
                Value::Wholes(text.split(',').map(integer).collect::<Result<_, _>>()?)
            }
            Self::Real(..) => Value::Real(
                text.parse().map_err(|error: std::num::ParseFloatError| error.to_string())?,
            ),
            Self::Word { check: None, .. } => Value::Text(text.to_owned()),
            Self::Word { check: Some(check), .. }
            | Self::Named { check, .. }
            | Self::Text(check) => Value::Text(check(text)?),
            Self::Words { check, .. } => {
                Value::Texts(text.split(',').map(check).collect::<Result<_, _>>()?)
            }
            Self::Path => Value::Path(text.into()),
        })
    }
}

/// A range of numbers in the words of an error.
pub(crate) fn numbers_in_words((lower, upper): (Bound<f64>, Bound<f64>)) -> String {
    if let (Bound::Included(lower), Bound::Included(upper)) = (lower, upper) {
        return format!("a number from {} to {}", number(lower), number(upper));
    }
    let lower = match lower {
        Bound::Included(lower) => format!(" of at least {}", number(lower)),
        Bound::Excluded(lower) => format!(" above {}", number(lower)),
        Bound::Unbounded => String::new(),
    };
    let upper = match upper {
        Bound::Included(upper) => format!(" and at most {}", number(upper)),
        Bound::Excluded(upper) => format!(" and below {}", number(upper)),
        Bound::Unbounded => String::new(),
    };
    format!("a number{lower}{upper}")
}

/// A bound, with an exponent where zeros would fill the line.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-12 { format!("{value:e}") } else { value.to_string() }
}

/// Values as a `T`.
pub(super) mod read {
    use super::{DeserializeOwned, PathBuf, Value, word_of};
    use std::str::FromStr;

    pub(in crate::setting) fn switch(value: &Value) -> Option<bool> {
        if let Value::Switch(on) = value { Some(*on) } else { None }
    }

    pub(in crate::setting) fn whole<T: TryFrom<i64>>(value: &Value) -> Option<T> {
        if let Value::Whole(number) = value { T::try_from(*number).ok() } else { None }
    }

    pub(in crate::setting) fn wholes<T: TryFrom<i64>>(value: &Value) -> Option<Vec<T>> {
        let Value::Wholes(numbers) = value else { return None };
        numbers.iter().map(|&number| T::try_from(number).ok()).collect()
    }

    pub(in crate::setting) fn real(value: &Value) -> Option<f64> {
        if let Value::Real(number) = value { Some(*number) } else { None }
    }

    pub(in crate::setting) fn word<T: DeserializeOwned>(value: &Value) -> Option<T> {
        if let Value::Text(text) = value { word_of(text).ok() } else { None }
    }

    pub(in crate::setting) fn words<T: DeserializeOwned>(value: &Value) -> Option<Vec<T>> {
        let Value::Texts(texts) = value else { return None };
        texts.iter().map(|text| word_of(text).ok()).collect()
    }

    pub(in crate::setting) fn text<T: FromStr>(value: &Value) -> Option<T> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }

    pub(in crate::setting) fn path(value: &Value) -> Option<PathBuf> {
        if let Value::Path(path) = value { Some(path.clone()) } else { None }
    }
}

/// A `T` as a value.
// A setting of lists has owned lists as its type.
#[allow(clippy::ptr_arg)]
pub(super) mod write {
    use super::{PathBuf, Value};
    use serde::Serialize;
    use std::fmt::Display;

    pub(in crate::setting) fn switch(on: &bool) -> Value {
        Value::Switch(*on)
    }

    pub(in crate::setting) fn whole<T: Copy + TryInto<i64>>(number: &T) -> Value {
        Value::Whole((*number).try_into().unwrap_or(i64::MAX))
    }

    pub(in crate::setting) fn wholes<T: Copy + TryInto<i64>>(numbers: &Vec<T>) -> Value {
        let numbers = numbers.iter().map(|&number| number.try_into().unwrap_or(i64::MAX));
        Value::Wholes(numbers.collect())
    }

    pub(in crate::setting) fn real(number: &f64) -> Value {
        Value::Real(*number)
    }

    fn name<T: Serialize>(word: &T) -> String {
        match serde_json::to_value(word) {
            Ok(serde_json::Value::String(name)) => name,
            other => unreachable!("a word is serialised as a text, not {other:?}"),
        }
    }

    pub(in crate::setting) fn word<T: Serialize>(word: &T) -> Value {
        Value::Text(name(word))
    }

    pub(in crate::setting) fn words<T: Serialize>(words: &Vec<T>) -> Value {
        Value::Texts(words.iter().map(name).collect())
    }

    pub(in crate::setting) fn text<T: Display>(text: &T) -> Value {
        Value::Text(text.to_string())
    }

    pub(in crate::setting) fn path(path: &PathBuf) -> Value {
        Value::Path(path.clone())
    }
}

fn word_of<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(deserializer)
}

pub(super) fn check_word<T: DeserializeOwned>(text: &str) -> Result<String, String> {
    word_of::<T>(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn check_text<T: std::str::FromStr + fmt::Display>(text: &str) -> Result<String, String>
where
    T::Err: fmt::Display,
{
    text.parse::<T>().map(|value| value.to_string()).map_err(|error| error.to_string())
}

/// The serde names of the variants of an enum; nothing for other types.
pub(crate) fn words_of<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut found: &'static [&'static str] = &[];
    // The probe always ends with an error, after it has noted the names.
    let _ = T::deserialize(NameProbe(&mut found));
    found.to_vec()
}

struct NameProbe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for NameProbe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a probe has no value"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::Rounding;

    #[test]
    fn words_come_from_the_types() {
        assert_eq!(words_of::<Rounding>(), Rounding::ALL.map(Rounding::name));
        assert_eq!(words_of::<String>(), [""; 0]);
    }

    #[test]
    fn ranges_in_words() {
        let open = Kind::Real(Bound::Excluded(0.0), Bound::Excluded(1.0));
        assert_eq!(open.range_words().unwrap(), "above 0, below 1");
        let tiny = Kind::Real(Bound::Included(1e-30), Bound::Included(1e6));
        assert_eq!(tiny.range_words().unwrap(), "1e-30 to 1000000");
        let refused = open.check(&Value::Real(f64::NAN)).unwrap_err();
        assert_eq!(refused, ("NaN".to_owned(), "a number above 0 and below 1".to_owned()));
        assert!(open.check(&Value::Real(0.5)).is_ok());
        let list = Kind::Wholes(1, 32).check(&Value::Wholes(vec![8, 33])).unwrap_err();
        assert_eq!(list, ("33".to_owned(), "1 to 32".to_owned()));
    }
}
