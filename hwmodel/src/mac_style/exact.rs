//! A MAC of exactly the word lengths in use, one a cycle: the abstraction that the cost models of AdaPT and
//! MuPPET rest on, and the reference for hardware of fixed width.

use super::{MacEnergy, MacWords, Throughput};
use crate::Overflow;
use crate::energy::{EnergyModel, transistors};
use serde::{Deserialize, Serialize};
use std::fmt;

/// E = E_mul(WLa, WLb) + E_add(ACC), one MAC a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Exact;

impl Exact {
    pub(super) fn throughput(self, _: MacWords) -> Throughput {
        Throughput::ONE
    }

    pub(super) fn energy(self, energy: &EnergyModel, words: MacWords) -> MacEnergy {
        MacEnergy {
            multiply_pj: energy.multiply_pj(words.input, words.weight),
            accumulate_pj: energy.add_pj(words.accumulator),
        }
    }

    pub(super) fn transistors(self, words: MacWords, overflow: Overflow) -> f64 {
        transistors::mac(words.input, words.weight, words.accumulator, overflow)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("exact")
    }
}
