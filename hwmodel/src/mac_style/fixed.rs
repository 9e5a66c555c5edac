//! A multiplier of a native width, used several times for longer words.
//!
//! The first TPU works so: 8-bit MACs, half the rate for 8 x 16 bits, a quarter for 16 x 16 (N. Jouppi et
//! al., ISCA 2017, section 2). Words are cut into digits of the native width; every pair of digits is a
//! pass. A short word takes a pass, and its energy, like a full one.

use super::{Build, Key, MacEnergy, MacStyle, MacWords, StyleDescription, Throughput, digits};
use crate::Overflow;
use crate::energy::{EnergyModel, transistors};
use serde::{Deserialize, Serialize};
use std::fmt;

const NATIVE_BITS: Key = Key::whole("mac.native_bits", (1, 32), 8);

/// The style.
pub(super) const DESCRIPTION: StyleDescription = StyleDescription {
    name: "fixed",
    keys: &[NATIVE_BITS],
    width: Some(NATIVE_BITS),
    most_outputs: 1,
    from_keys: |keys| Ok(MacStyle::Fixed(Fixed { native_bits: keys.whole(&NATIVE_BITS)? })),
};

/// Multiplier of native_bits x native_bits; ⌈WLa/native⌉ · ⌈WLb/native⌉ passes of one cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// Native width of both operands in bits, 1 to 32.
    pub native_bits: u32,
}

impl Fixed {
    fn passes(self, words: MacWords) -> u32 {
        digits(words.input_bits, self.native_bits) * digits(words.weight_bits, self.native_bits)
    }
}

impl Build for Fixed {
    fn throughput(&self, words: MacWords) -> Throughput {
        Throughput { cycles: self.passes(words), ..Throughput::ONE }
    }

    fn energy(&self, energy: &EnergyModel, words: MacWords) -> MacEnergy {
        let passes = f64::from(self.passes(words));
        MacEnergy {
            multiply_pj: passes * energy.multiply_pj(self.native_bits, self.native_bits),
            accumulate_pj: passes * energy.add_pj(words.accumulator_bits),
        }
    }

    fn transistors(&self, words: MacWords, overflow: Overflow) -> f64 {
        transistors::mac(self.native_bits, self.native_bits, words.accumulator_bits, overflow)
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fixed {0} x {0}", self.native_bits)
    }
}
