//! A MAC of exactly the word lengths in use, one a cycle: the abstraction that the cost models of AdaPT and
//! MuPPET rest on, and the reference for hardware of fixed width.

use super::{Build, MacEnergy, MacStyle, MacWords, StyleDescription, Throughput};
use crate::Overflow;
use crate::energy::{EnergyModel, transistors};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The style.
pub(super) const DESCRIPTION: StyleDescription = StyleDescription {
    name: "exact",
    keys: &[],
    width: None,
    most_outputs: 1,
    from_keys: |_| Ok(MacStyle::Exact(Exact)),
};

/// E = E_mul(WLa, WLb) + E_add(ACC), one MAC a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Exact;

impl Build for Exact {
    fn throughput(&self, _: MacWords) -> Throughput {
        Throughput::ONE
    }

    fn energy(&self, energy: &EnergyModel, words: MacWords) -> MacEnergy {
        MacEnergy {
            multiply_pj: energy.multiply_pj(words.input_bits, words.weight_bits),
            accumulate_pj: energy.add_pj(words.accumulator_bits),
        }
    }

    fn transistors(&self, words: MacWords, overflow: Overflow) -> f64 {
        transistors::mac(words.input_bits, words.weight_bits, words.accumulator_bits, overflow)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("exact")
    }
}
