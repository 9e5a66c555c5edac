//! MAC styles: throughput, energy and area of a processing element for words of any length.
//!
//! One file per style, with its [`StyleDescription`], and one line in the list `styles!` below. [`Exact`] is the abstraction of cost models: a MAC of just the width in use. The
//! others are hardware that exists at one size and is used at many: [`Fixed`] repeats a native multiplier,
//! [`Composable`] joins bricks, [`BitSerial`] takes cycles per bit, [`Dsp`] packs FPGA slices. Each states
//!
//! * [`Throughput`]: MACs side by side and cycles they take,
//! * [`MacEnergy`]: pJ of one MAC, multiplication and accumulation apart,
//! * its transistors, for areas relative to each other.
//!
//! A physical multiplier spends energy for its full width, also on words that do not fill it; only `exact`
//! shrinks with the words. All of it is a model (`docs/machine.md` has formulas and sources). Longer words
//! never give more throughput, and with the shipped energy tables never take less energy.

mod bit_serial;
mod composable;
mod dsp;
mod exact;
mod fixed;
mod keys;

pub use bit_serial::{BitSerial, SerialOperand};
pub use composable::Composable;
pub use dsp::Dsp;
pub use exact::Exact;
pub use fixed::Fixed;
pub use keys::{GivenKeys, Key, KeyError, KeyValue, KeyValues};

use crate::Overflow;
use crate::energy::EnergyModel;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// The operand whose elements stand side by side along the columns of the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnOperand {
    /// The left operand `I[M,K]`: input-stationary.
    Input,
    /// The right operand `W[K,N]`: output- and weight-stationary.
    #[default]
    Weight,
}

/// The words of a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MacWords {
    /// Word length of the left operand in bits, 1 to 32.
    pub input_bits: u32,
    /// Word length of the right operand in bits, 1 to 32.
    pub weight_bits: u32,
    /// Width of the accumulator in bits, 1 to 128.
    pub accumulator_bits: u32,
    /// Which operand's elements stand side by side along the columns.
    pub column: ColumnOperand,
}

/// What a processing element does in `cycles` cycles: `terms` products of each of `outputs` sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Throughput {
    /// Products of neighbouring k, added to one sum. At least 1.
    pub terms: u32,
    /// Sums side by side in neighbouring columns of the result, which share the other operand. At least 1.
    pub outputs: u32,
    /// Cycles. At least 1.
    pub cycles: u32,
}

impl Throughput {
    /// One MAC a cycle.
    pub const ONE: Self = Self { terms: 1, outputs: 1, cycles: 1 };

    /// MACs per cycle: terms · outputs / cycles.
    pub fn macs_per_cycle(self) -> f64 {
        f64::from(self.terms) * f64::from(self.outputs) / f64::from(self.cycles)
    }
}

/// Energy of one MAC in pJ.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct MacEnergy {
    /// Of the multiplication, with the additions that join its parts.
    pub multiply_pj: f64,
    /// Of adding the product into the accumulator.
    pub accumulate_pj: f64,
}

impl MacEnergy {
    /// multiply + accumulate.
    pub fn total_pj(self) -> f64 {
        self.multiply_pj + self.accumulate_pj
    }
}

/// Static description of a style: name, parameters, constructor.
#[derive(Clone, Copy)]
pub struct StyleDescription {
    /// The name in machine descriptions.
    pub name: &'static str,
    /// Its parameters as keys of a machine description.
    pub keys: &'static [Key],
    /// The one of them that is its width, for a sweep over widths.
    pub width: Option<Key>,
    /// The most sums that stand side by side in a processing element, for any words.
    pub most_outputs: u32,
    /// Builds it from the keys that are given.
    pub from_keys: fn(&GivenKeys) -> Result<MacStyle, KeyError>,
}

/// Throughput, energy and transistors of a MAC style.
trait Build: Display {
    fn throughput(&self, words: MacWords) -> Throughput;
    fn energy(&self, energy: &EnergyModel, words: MacWords) -> MacEnergy;
    fn transistors(&self, words: MacWords, overflow: Overflow) -> f64;
}

macro_rules! styles {
    ($($(#[$doc:meta])* $name:ident in $module:ident;)*) => {
        /// The MAC style of a processing element.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", tag = "style")]
        pub enum MacStyle {
            $($(#[$doc])* $name($name),)*
        }

        impl MacStyle {
            /// Every style, in the order of the documentation.
            pub const ALL: &[&StyleDescription] = &[$(&$module::DESCRIPTION),*];

            /// Name, keys and how it is built.
            pub fn description(&self) -> &'static StyleDescription {
                match self {
                    $(Self::$name(_) => &$module::DESCRIPTION,)*
                }
            }

            fn build(&self) -> &dyn Build {
                match self {
                    $(Self::$name(build) => build,)*
                }
            }
        }
    };
}

styles! {
    /// A MAC of exactly the word lengths in use.
    Exact in exact;
    /// A multiplier of a native width, used several times for longer words.
    Fixed in fixed;
    /// A multiplier composed of bricks.
    Composable in composable;
    /// A multiplier that takes its operands some bits a cycle.
    BitSerial in bit_serial;
    /// A DSP slice of an FPGA.
    Dsp in dsp;
}

impl Default for MacStyle {
    fn default() -> Self {
        Self::Exact(Exact)
    }
}

impl MacStyle {
    /// The name in machine descriptions.
    pub fn name(&self) -> &'static str {
        self.description().name
    }

    /// The name with its parameters, e.g. `fixed 8 x 8`.
    pub fn describe(&self) -> String {
        self.build().to_string()
    }

    /// MACs side by side, and their cycles, for fixed-point `words`.
    pub fn throughput(&self, words: MacWords) -> Throughput {
        self.build().throughput(words)
    }

    /// The most sums that stand side by side in a processing element, for any words.
    pub fn most_outputs(&self) -> u32 {
        self.description().most_outputs
    }

    /// Energy of one fixed-point MAC of `words`.
    pub fn energy(&self, energy: &EnergyModel, words: MacWords) -> MacEnergy {
        self.build().energy(energy, words)
    }

    /// Transistors of one processing element's multiplier, adders, operand registers and accumulator of
    /// `words.accumulator_bits` bits (by synthesis: [`crate::energy::transistors`]). Styles of a native width
    /// have the same number for all operands; for `exact` the hardware is as wide as `words`.
    pub fn transistors(&self, words: MacWords, overflow: Overflow) -> f64 {
        self.build().transistors(words, overflow)
    }
}

/// Digits of `digit_bits` bits of a word of `word_bits` bits.
fn digits(word_bits: u32, digit_bits: u32) -> u32 {
    word_bits.div_ceil(digit_bits.max(1)).max(1)
}

#[cfg(test)]
mod tests;
