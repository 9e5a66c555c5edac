//! The two forms of a quantised ONNX graph.

use hwmodel::Rounding;
use hwmodel::affine::qonnx::QonnxRounding;
use std::fmt;
use std::str::FromStr;

/// How quantisers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// QONNX: `Quant` nodes.
    Qonnx,
    /// ONNX's own `QuantizeLinear` and `DequantizeLinear` with integer weights, and `Clip` for words that no type has.
    Qdq,
}

impl Target {
    /// Both, with their names.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Qonnx, "qonnx"), (Self::Qdq, "qdq")];

    /// The rounding modes, for messages.
    pub(super) fn roundings(self) -> &'static str {
        match self {
            Self::Qonnx => {
                "to nearest (even, away or toward zero), down, up, toward or away from zero"
            }
            Self::Qdq => "to nearest even",
        }
    }

    /// Whether its quantisers round so.
    pub(super) fn has_rounding(self, rounding: Rounding) -> bool {
        match self {
            Self::Qonnx => QonnxRounding::ALL.iter().any(|mode| mode.exact() == rounding),
            Self::Qdq => rounding == Rounding::NearestEven,
        }
    }

    /// The longest words that are exact.
    pub(super) fn longest_word(self) -> u32 {
        match self {
            // Numbers are float32.
            Self::Qonnx => 24,
            // The longest integers of QuantizeLinear.
            Self::Qdq => 16,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Qonnx => "QONNX",
            Self::Qdq => "QDQ",
        })
    }
}

impl FromStr for Target {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(target, _)| *target).ok_or_else(|| "use qonnx or qdq".to_owned())
    }
}
