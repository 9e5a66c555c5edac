//! The registers of an accumulator in bits, for what they cost.

use super::Accumulator;
use serde::{Deserialize, Serialize};

/// The widths of an accumulator's registers. A number of bits is one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccumulatorBits {
    /// Of the outer, or only, register.
    pub outer: u32,
    /// Of the inner one.
    pub inner: Option<InnerBits>,
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
    /// The registers for a product of `terms` terms of words of `wl_a` and `wl_b` bits; an `exact` one has as many bits as
    /// are provably enough.
    pub fn bits_for(&self, wl_a: u32, wl_b: u32, terms: u64) -> AccumulatorBits {
        AccumulatorBits {
            outer: self.width.bits_for(wl_a, wl_b, terms),
            inner: self.inner.map(|inner| InnerBits {
                bits: inner.width.bits_for(wl_a, wl_b, terms.min(inner.terms.get().into())),
                terms: inner.terms.get(),
            }),
        }
    }
}
