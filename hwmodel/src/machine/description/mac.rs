//! The section `[mac]`: a style with its own keys, and keys that every style has.

use super::source::Source;
use crate::cast::exact;
use crate::mac_style::{GivenKeys, Key, KeyValue, KeyValues, MacStyle, StyleDescription};
use crate::machine::{MacUnit, MachineError};
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use toml::Spanned;

const SKIP_LIMIT: RangeInclusive<i64> = 1..=1024;

/// Keys of every style.
const COMMON: [&str; 4] = ["style", "zero_gating", "zero_skip_limit", "float32_macs_per_cycle"];

#[derive(Default)]
pub(super) struct MacKeys {
    style: Option<Spanned<String>>,
    zero_gating: Option<bool>,
    zero_skip_limit: Option<Spanned<i64>>,
    float32_macs_per_cycle: Option<Spanned<f64>>,
    /// Keys of styles, by their paths.
    of_styles: BTreeMap<&'static str, Spanned<KeyValue>>,
}

/// The keys of all styles.
fn keys_of_styles() -> impl Iterator<Item = &'static Key> {
    MacStyle::ALL.iter().flat_map(|style| style.keys)
}

/// The name of a key that exists.
struct KnownKey;

impl<'de> DeserializeSeed<'de> for KnownKey {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let key = String::deserialize(deserializer)?;
        let known: Vec<_> = COMMON.into_iter().chain(keys_of_styles().map(Key::name)).collect();
        if known.contains(&key.as_str()) {
            return Ok(key);
        }
        let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        Err(D::Error::custom(format!("unknown field `{key}`, expected one of {known}")))
    }
}

impl<'de> Deserialize<'de> for MacKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Section;

        impl<'de> Visitor<'de> for Section {
            type Value = MacKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the section of the MAC")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MacKeys, A::Error> {
                let mut keys = MacKeys::default();
                while let Some(name) = map.next_key_seed(KnownKey)? {
                    match name.as_str() {
                        "style" => keys.style = map.next_value()?,
                        "zero_gating" => keys.zero_gating = map.next_value()?,
                        "zero_skip_limit" => keys.zero_skip_limit = map.next_value()?,
                        "float32_macs_per_cycle" => {
                            keys.float32_macs_per_cycle = map.next_value()?
                        }
                        name => {
                            let Some(key) = keys_of_styles().find(|key| key.name() == name) else {
                                continue;
                            };
                            let value = match key.values {
                                KeyValues::Whole { .. } => {
                                    spanned(map.next_value()?, KeyValue::Whole)
                                }
                                KeyValues::Word(_) => spanned(map.next_value()?, KeyValue::Word),
                            };
                            keys.of_styles.insert(key.path, value);
                        }
                    }
                }
                Ok(keys)
            }
        }

        deserializer.deserialize_map(Section)
    }
}

fn spanned<T>(found: Spanned<T>, value: fn(T) -> KeyValue) -> Spanned<KeyValue> {
    let span = found.span();
    Spanned::new(span, value(found.into_inner()))
}

impl Source<'_> {
    pub(super) fn mac(&self, keys: &MacKeys) -> Result<MacUnit, MachineError> {
        let styles: Vec<_> = MacStyle::ALL.iter().map(|style| (style.name, *style)).collect();
        let style = match &keys.style {
            None => MacStyle::default().description(),
            Some(found) => self.choice("mac.style", found, &styles)?,
        };
        let float32_macs_per_cycle = match &keys.float32_macs_per_cycle {
            None => 1.0,
            Some(found) => self.number("mac.float32_macs_per_cycle", found, 1e-6, 1.0, true)?,
        };
        Ok(MacUnit {
            style: self.style(style, keys)?,
            zero_gating: keys.zero_gating.unwrap_or(true),
            zero_skip_limit: exact(self.integer_or(
                "mac.zero_skip_limit",
                keys.zero_skip_limit.as_ref(),
                SKIP_LIMIT,
                1,
            )?),
            float32_macs_per_cycle,
        })
    }

    /// The style with its parameters; keys that another style has would have no effect and are refused.
    fn style(&self, style: &StyleDescription, keys: &MacKeys) -> Result<MacStyle, MachineError> {
        let given = keys.of_styles.iter().map(|(&path, found)| (path, found.get_ref().clone()));
        let given = GivenKeys(given.collect());
        let has = |owner: &StyleDescription, key: &Key| owner.keys.contains(key);
        let other = keys_of_styles().find(|key| given.has(key) && !has(style, key));
        let built = match other {
            Some(key) => {
                let owner = MacStyle::ALL.iter().find(|owner| has(owner, key));
                let name = owner.map_or("", |owner| owner.name);
                Err(given.error(key, format!("it with style = \"{name}\" only")))
            }
            None => (style.from_keys)(&given),
        };
        built.or_else(|error| match keys.of_styles.get(error.path) {
            Some(found) => self.refuse(error.path, found, error.value, error.allowed),
            None => unreachable!("{} is refused without being given", error.path),
        })
    }
}
