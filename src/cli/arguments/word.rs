//! Flags whose value is one of a few words.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

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
