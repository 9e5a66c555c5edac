//! Overflows of an accumulator, by the place where they occur.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Values that left the range, by the level of the accumulator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccumulatorEvents {
    /// Additions of products in the inner accumulator.
    pub inner: u64,
    /// Addends that left the outer accumulator's range while they were cast to it ([`Cast::Term`](super::Cast::Term)).
    pub cast: u64,
    /// Additions in the outer, or only, accumulator.
    pub outer: u64,
    /// Stored partial sums that were saturated.
    pub stored: u64,
}

impl AccumulatorEvents {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.inner + self.cast + self.outer + self.stored
    }

    /// Those that were counted after `before`.
    pub fn since(&self, before: Self) -> Self {
        Self {
            inner: self.inner - before.inner,
            cast: self.cast - before.cast,
            outer: self.outer - before.outer,
            stored: self.stored - before.stored,
        }
    }

    /// Whether no level but the outer one counted any.
    pub fn is_outer_only(&self) -> bool {
        self.total() == self.outer
    }
}

impl AddAssign for AccumulatorEvents {
    fn add_assign(&mut self, other: Self) {
        self.inner += other.inner;
        self.cast += other.cast;
        self.outer += other.outer;
        self.stored += other.stored;
    }
}

impl std::ops::Add for AccumulatorEvents {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}
