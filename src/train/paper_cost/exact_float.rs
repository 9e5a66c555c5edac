//! float64 in text files without losing a bit (JSON numbers are not read back exactly, and have no
//! infinity): 16 hexadecimal digits of the bits.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:016x}", value.to_bits()))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bits = u64::from_str_radix(&text, 16).map_err(|error| {
        D::Error::custom(format!("`{text}` is not the hexadecimal bits of a float64: {error}"))
    })?;
    Ok(f64::from_bits(bits))
}
