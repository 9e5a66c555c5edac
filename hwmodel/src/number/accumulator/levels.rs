//! The parts of an accumulator beyond its width: an inner level, where casts happen, and when the bias is added.

use super::AccumulatorWidth;
use crate::Overflow;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;

/// Where an addend is brought to the accumulator's fractional length and range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cast {
    /// The exact sum is rounded and limited once: `acc += x * y` of ap_fixed.
    Sum,
    /// Each addend is rounded and limited before it is added, then the sum is limited: hls4ml's `accum_t`.
    Term,
}

/// The first of two levels: every `terms` consecutive products are summed from zero in this register, with the fractional
/// length of the product. A K-tile of stored sums, and the product, end a block early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InnerAccumulator {
    /// Products of a block.
    pub terms: NonZeroU32,
    /// Width in bits, or `exact`.
    #[serde(default)]
    pub width: AccumulatorWidth,
    /// Overflow mode of an addition whose result is outside the range.
    #[serde(default)]
    pub overflow: Overflow,
}

/// When the bias is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BiasOrder {
    /// After the products, aligned to the accumulator's fractional length (nearest even).
    #[default]
    Last,
    /// Before them: cast to the accumulator with its rounding and overflow mode, it is the initial value.
    First,
}

impl BiasOrder {
    pub(super) fn is_last(&self) -> bool {
        *self == Self::Last
    }
}

/// Gives a list of words their parsing and printing.
macro_rules! words {
    ($type:ident, $what:literal: $($variant:ident = $word:literal),*) => {
        impl std::str::FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    other => Err(format!(
                        "unknown {} `{other}`: use {}", $what, [$($word),*].join(" or "))),
                }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),* })
            }
        }
    };
}
words!(Cast, "place of the accumulator's cast": Sum = "sum", Term = "term");
words!(BiasOrder, "place of the bias": Last = "last", First = "first");
