//! How a processing element multiplies words of any length: what it does in a cycle and spends on it.
//!
//! One file per build. [`Exact`] is the abstraction of cost models: a MAC of just the width in use. The
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

pub use bit_serial::{BitSerial, SerialOperand};
pub use composable::Composable;
pub use dsp::Dsp;
pub use exact::Exact;
pub use fixed::Fixed;

use crate::Overflow;
use crate::energy::EnergyModel;
use serde::{Deserialize, Serialize};

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
    pub input: u32,
    /// Word length of the right operand in bits, 1 to 32.
    pub weight: u32,
    /// Width of the accumulator in bits, 1 to 128.
    pub accumulator: u32,
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

/// The build of the multiplier of a processing element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "style")]
pub enum MacStyle {
    /// A MAC of exactly the word lengths in use.
    Exact(Exact),
    /// A multiplier of a native width, used several times for longer words.
    Fixed(Fixed),
    /// A multiplier composed of bricks.
    Composable(Composable),
    /// A multiplier that takes its operands some bits a cycle.
    BitSerial(BitSerial),
    /// A DSP slice of an FPGA.
    Dsp(Dsp),
}

impl Default for MacStyle {
    fn default() -> Self {
        Self::Exact(Exact)
    }
}

/// Calls a function of the build in use.
macro_rules! of_build {
    ($style:expr, $build:ident => $value:expr) => {
        match $style {
            MacStyle::Exact($build) => $value,
            MacStyle::Fixed($build) => $value,
            MacStyle::Composable($build) => $value,
            MacStyle::BitSerial($build) => $value,
            MacStyle::Dsp($build) => $value,
        }
    };
}

impl MacStyle {
    /// The names in machine descriptions.
    pub const NAMES: [&'static str; 5] = ["exact", "fixed", "composable", "bit-serial", "dsp"];

    /// The name in machine descriptions.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Fixed(_) => "fixed",
            Self::Composable(_) => "composable",
            Self::BitSerial(_) => "bit-serial",
            Self::Dsp(_) => "dsp",
        }
    }

    /// The name with its parameters, e.g. `fixed 8 x 8`.
    pub fn describe(&self) -> String {
        of_build!(self, build => build.to_string())
    }

    /// MACs side by side, and their cycles, for fixed-point `words`.
    pub fn throughput(&self, words: MacWords) -> Throughput {
        of_build!(self, build => build.throughput(words))
    }

    /// The most sums that stand side by side in a processing element, for any words.
    pub fn most_outputs(&self) -> u32 {
        match self {
            Self::Dsp(_) => Dsp::PACKED,
            _ => 1,
        }
    }

    /// Energy of one fixed-point MAC of `words`.
    pub fn energy(&self, energy: &EnergyModel, words: MacWords) -> MacEnergy {
        of_build!(self, build => build.energy(energy, words))
    }

    /// Transistors of one processing element's multiplier, adders, operand registers and accumulator of
    /// `words.accumulator` bits (by synthesis: [`crate::energy::transistors`]). Builds of a native width
    /// have it whatever the operands; for `exact` the hardware is as wide as `words`.
    pub fn transistors(&self, words: MacWords, overflow: Overflow) -> f64 {
        of_build!(self, build => build.transistors(words, overflow))
    }
}

/// Digits of `digit_bits` bits of a word of `word_bits` bits.
fn digits(word_bits: u32, digit_bits: u32) -> u32 {
    word_bits.div_ceil(digit_bits.max(1)).max(1)
}

#[cfg(test)]
mod tests;
