//! The registers of an accumulator in bits, for what they cost.

use super::Accumulator;
use crate::Format;
use serde::{Deserialize, Serialize};

/// The widths of an accumulator's registers. A number of bits is one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct AccumulatorBits {
    /// Of the outer, or only, register.
    pub outer: u32,
    /// Of the inner one.
    pub inner: Option<InnerBits>,
}

impl AccumulatorBits {
    /// Registers that hold what those of either hold: of an inner accumulator the more terms.
    #[must_use]
    pub fn widest(self, other: Self) -> Self {
        let inner = match (self.inner, other.inner) {
            (Some(a), Some(b)) => {
                Some(InnerBits { bits: a.bits.max(b.bits), terms: a.terms.max(b.terms) })
            }
            (one, other) => one.or(other),
        };
        Self { outer: self.outer.max(other.outer), inner }
    }
}

/// The inner register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InnerBits {
    /// Its width.
    pub bits: u32,
    /// Products that it adds for each addition of the outer one.
    pub terms: u32,
}

impl From<u32> for AccumulatorBits {
    fn from(outer: u32) -> Self {
        Self { outer, inner: None }
    }
}

impl Accumulator {
    /// The registers for a product of `terms` terms of words of the formats `a` and `b`; an `exact` one has as many bits as
    /// are provably enough.
    pub fn bits_for(&self, a: Format, b: Format, terms: u64) -> AccumulatorBits {
        AccumulatorBits {
            outer: self.width.bits_for_formats(a, b, terms),
            inner: self.inner.map(|inner| InnerBits {
                bits: inner.width.bits_for_formats(a, b, terms.min(inner.terms.get().into())),
                terms: inner.terms.get(),
            }),
        }
    }
}
