//! Activations merged into an operator: they narrow the range of its result.

use crate::affine::WordRange;
use crate::cast::{exact, toward_zero};

/// A fused activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// None.
    #[default]
    None,
    /// max(0, y).
    Relu,
    /// min(6, max(0, y)).
    Relu6,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Self; 3] = [Self::None, Self::Relu, Self::Relu6];

    /// The name used in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
        }
    }

    /// The words of `range` that the activation leaves: from the zero point, and to zero point + half_away(f32(6 / scale)).
    ///
    /// ```
    /// use hwmodel::affine::WordRange;
    /// use hwmodel::affine::tflite::Activation;
    /// let range = Activation::Relu6.limit(WordRange::int8(-20), 0.05);
    /// assert_eq!((range.lowest, range.highest), (-20, 100));
    /// ```
    #[must_use]
    pub fn limit(self, range: WordRange, scale: f32) -> WordRange {
        let word = |value: f32| {
            let steps = toward_zero::<i64>(f64::from(value / scale).round());
            let word = steps.saturating_add(range.zero_point.into());
            exact::<i32>(word.clamp(range.lowest.into(), range.highest.into()))
        };
        match self {
            Self::None => range,
            Self::Relu => WordRange { lowest: word(0.0), ..range },
            Self::Relu6 => WordRange { lowest: word(0.0), highest: word(6.0), ..range },
        }
    }
}

impl std::str::FromStr for Activation {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|activation| activation.name() == text);
        found.ok_or_else(|| format!("unknown activation `{text}`: use none, relu or relu6"))
    }
}
