//! Options that are one word of a few, and how clap learns the words from the types.

use clap::builder::{BoolValueParser, PossibleValuesParser, TypedValueParser};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};

/// Which kind of controller decides on formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControllerKind {
    /// AdaPT.
    Adapt,
    /// ADEPT: AdaPT with granularity `batch`.
    Adept,
    /// MuPPET.
    Muppet,
    /// Shen et al. 2024.
    Shen,
    /// Formats chosen before training.
    Static,
    /// No quantisation: the float32 twin.
    Float32,
}

impl ControllerKind {
    /// Whether the controller has the options of AdaPT.
    pub const fn is_adapt(self) -> bool {
        matches!(self, Self::Adapt | Self::Adept)
    }

    /// The name used in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adapt => "adapt",
            Self::Adept => "adept",
            Self::Muppet => "muppet",
            Self::Shen => "shen",
            Self::Static => "static",
            Self::Float32 => "float32",
        }
    }
}

/// Which arithmetic the backward products have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackwardKind {
    /// Float32.
    Float32,
    /// Exact integers on the MAC array.
    Fixed,
}

impl BackwardKind {
    /// The name used in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Fixed => "fixed",
        }
    }
}

/// Which rule the optimiser's update has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserKind {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam.
    Adam,
}

impl OptimiserKind {
    /// The name used in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Adam => "adam",
        }
    }
}

/// Which kind of learning rate schedule a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The learning rate stays.
    Constant,
    /// It falls when the test loss has stopped falling.
    Plateau,
    /// It falls before given epochs.
    Step,
    /// It falls along half a cosine.
    Cosine,
}

impl ScheduleKind {
    /// The name used in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Plateau => "plateau",
            Self::Step => "step",
            Self::Cosine => "cosine",
        }
    }
}

/// On, off, or not said.
pub type Switch = Option<bool>;

/// Reads a flag without a value: given means on, absent means not said.
pub(super) fn switch() -> impl TypedValueParser<Value = Switch> {
    BoolValueParser::new().map(|given| given.then_some(true))
}

/// Reads a word into `T`, whose serde names are the possible values.
pub(in crate::cli) fn word<T>() -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names::<T>()).try_map(|text| {
        let deserializer: StrDeserializer<'_, Error> = text.as_str().into_deserializer();
        T::deserialize(deserializer)
    })
}

/// The serde names of a type: the variants of an enum, the fields of a struct, nothing for others.
pub(super) fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut found: &'static [&'static str] = &[];
    // The probe always ends with an error, after it has noted the names.
    let _ = T::deserialize(NameProbe(&mut found));
    found
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

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::Variant;
    use hwmodel::Rounding;

    #[test]
    fn names_come_from_the_types() {
        assert_eq!(names::<Variant>(), ["paper", "released"]);
        assert_eq!(names::<ScheduleKind>(), ["constant", "plateau", "step", "cosine"]);
        assert_eq!(names::<Rounding>(), Rounding::ALL.map(Rounding::name));
        assert_eq!(names::<String>(), [""; 0]);
        let kinds = [
            ControllerKind::Adapt,
            ControllerKind::Adept,
            ControllerKind::Muppet,
            ControllerKind::Shen,
            ControllerKind::Static,
            ControllerKind::Float32,
        ];
        assert_eq!(names::<ControllerKind>(), kinds.map(ControllerKind::name));
        let kinds = [
            ScheduleKind::Constant,
            ScheduleKind::Plateau,
            ScheduleKind::Step,
            ScheduleKind::Cosine,
        ];
        assert_eq!(names::<ScheduleKind>(), kinds.map(ScheduleKind::name));
        let kinds = [OptimiserKind::Sgd, OptimiserKind::Adam];
        assert_eq!(names::<OptimiserKind>(), kinds.map(OptimiserKind::name));
    }
}
