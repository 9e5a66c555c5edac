//! Flags whose value is one of a few words.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::ffi::OsStr;

/// Reads a word into `T`, whose serde names are the possible values.
pub(in crate::cli) fn word<T>() -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(crate::setting::words_of::<T>()).try_map(|text| {
        let deserializer: StrDeserializer<'_, Error> = text.as_str().into_deserializer();
        T::deserialize(deserializer)
    })
}

/// Reads whatever `read` reads; help lists `words`.
pub(in crate::cli) fn named<T, E>(
    words: Vec<&'static str>,
    read: fn(&str) -> Result<T, E>,
) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Clone + Send + Sync + 'static,
{
    Named { words, read }
}

#[derive(Clone)]
struct Named<T, E> {
    words: Vec<&'static str>,
    read: fn(&str) -> Result<T, E>,
}

impl<T, E> TypedValueParser for Named<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let parameter = value.to_str().is_none_or(|text| text.contains(':'));
        let read = self.read.parse_ref(command, argument, value);
        if read.is_ok() || parameter {
            return read;
        }
        // Its error lists the words and knows similar ones.
        let words = PossibleValuesParser::new(self.words.clone());
        words.parse_ref(command, argument, value).and(read)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(PossibleValue::new)))
    }
}
