//! How a processing element multiplies words of any length.

use crate::energy::EnergyModel;
use serde::{Deserialize, Serialize};

/// The build of the multiplier of a processing element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MacStyle {
    /// A multiplier of exactly the word lengths of the operands, one MAC a cycle: the ideal that other
    /// styles are measured against.
    #[default]
    Exact,
}

impl MacStyle {
    /// The name in machine descriptions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
        }
    }

    /// Cycles that one processing element takes for `macs` fixed-point MACs.
    pub(super) fn cycles(self, macs: u64) -> u64 {
        match self {
            Self::Exact => macs,
        }
    }

    /// Energy in pJ of one multiplication of a word of `wl_a` bits by one of `wl_b` bits.
    pub(super) fn multiply_pj(self, energy: &EnergyModel, wl_a: u32, wl_b: u32) -> f64 {
        match self {
            Self::Exact => energy.multiply_pj(wl_a, wl_b),
        }
    }
}
