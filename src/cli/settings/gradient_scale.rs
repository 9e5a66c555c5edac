//! The fractional length of gradients: a number of bits, or `auto`.

use hwmodel::number::format::MAX_FRACTIONAL_LENGTH;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Fractional length of gradients in bits; written as the number or `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "NumberOrWord", into = "NumberOrWord")]
pub enum GradientScale {
    /// One a tensor, chosen so that its extremes just fit.
    Auto,
    /// This one for every tensor.
    Bits(i32),
}

/// A fractional length that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("gradient fractional length `{0}` is impossible: use -64 to 64 bits, or `auto`")]
pub struct GradientScaleError(String);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum NumberOrWord {
    Number(i64),
    Word(String),
}

impl GradientScale {
    /// The fractional length, if it is given.
    pub fn fl(self) -> Option<i32> {
        match self {
            Self::Auto => None,
            Self::Bits(fl) => Some(fl),
        }
    }
}

impl FromStr for GradientScale {
    type Err = GradientScaleError;
    fn from_str(text: &str) -> Result<Self, GradientScaleError> {
        let range = -MAX_FRACTIONAL_LENGTH..=MAX_FRACTIONAL_LENGTH;
        match text.parse() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(fl) if range.contains(&fl) => Ok(Self::Bits(fl)),
            _ => Err(GradientScaleError(text.to_owned())),
        }
    }
}

impl TryFrom<NumberOrWord> for GradientScale {
    type Error = GradientScaleError;
    fn try_from(value: NumberOrWord) -> Result<Self, GradientScaleError> {
        match value {
            NumberOrWord::Number(number) => number.to_string().parse(),
            NumberOrWord::Word(word) => word.parse(),
        }
    }
}

impl From<GradientScale> for NumberOrWord {
    fn from(scale: GradientScale) -> Self {
        match scale {
            GradientScale::Auto => Self::Word("auto".to_owned()),
            GradientScale::Bits(fl) => Self::Number(fl.into()),
        }
    }
}

impl fmt::Display for GradientScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Bits(fl) => f.pad(&fl.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_auto() {
        for (text, scale) in [
            ("auto", GradientScale::Auto),
            ("-64", GradientScale::Bits(-64)),
            ("12", GradientScale::Bits(12)),
        ] {
            assert_eq!(text.parse(), Ok(scale));
            assert_eq!(scale.to_string(), text);
            let json = serde_json::to_string(&scale).unwrap();
            assert_eq!(serde_json::from_str::<GradientScale>(&json).unwrap(), scale);
        }
        for text in ["65", "-65", "Auto", "", "1.5", "99999999999999999999"] {
            let error = text.parse::<GradientScale>().unwrap_err();
            assert!(error.to_string().contains("-64 to 64 bits, or `auto`"), "{text}");
        }
    }
}
