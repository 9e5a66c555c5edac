//! A multiplier composed of bricks, after Bit Fusion (H. Sharma et al., ISCA 2018).
//!
//! A brick multiplies digits of some bits, signed or unsigned. Bricks join in space to one long product or
//! work apart on several short ones, whose sum is one partial sum; products longer than all bricks together
//! take several cycles. As in that paper operands have 2^i digits: 1 and 2 bits take one brick's digit of 2
//! bits, 3 and 4 two, 5 to 8 four, 9 to 16 eight.

use super::{Build, Key, MacEnergy, MacStyle, MacWords, StyleDescription, Throughput, digits};
use crate::Overflow;
use crate::energy::{EnergyModel, transistors};
use serde::{Deserialize, Serialize};
use std::fmt;

const BRICK_BITS: Key = Key::whole("mac.brick_bits", (1, 16), 2);
const BRICKS: Key = Key::whole("mac.bricks", (1, 1024), 16);

/// The style.
pub(super) const DESCRIPTION: StyleDescription = StyleDescription {
    name: "composable",
    keys: &[BRICK_BITS, BRICKS],
    width: Some(BRICK_BITS),
    most_outputs: 1,
    from_keys: |keys| {
        let (brick_bits, bricks) = (keys.whole(&BRICK_BITS)?, keys.whole(&BRICKS)?);
        if !bricks.is_power_of_two() {
            return Err(keys.error(&BRICKS, "a power of two, 1 to 1024"));
        }
        Ok(MacStyle::Composable(Composable { brick_bits, bricks }))
    },
};

/// `bricks` multipliers of `brick_bits` x `brick_bits`; a product takes da·db of them, d = the number of
/// digits rounded up to a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composable {
    /// Bits of a brick's digits, 1 to 16 (Bit Fusion: 2).
    pub brick_bits: u32,
    /// Bricks of a processing element, a power of two (Bit Fusion: 16).
    pub bricks: u32,
}

impl Composable {
    /// Bits that a word takes once padded to 2^i digits.
    fn padded(self, word_bits: u32) -> u32 {
        digits(word_bits, self.brick_bits).next_power_of_two() * self.brick_bits
    }

    /// Bricks of one product, in space or time: a power of two.
    fn bricks_per_product(self, words: MacWords) -> u32 {
        (self.padded(words.input_bits) / self.brick_bits)
            * (self.padded(words.weight_bits) / self.brick_bits)
    }
}

impl Build for Composable {
    fn throughput(&self, words: MacWords) -> Throughput {
        let needed = self.bricks_per_product(words);
        Throughput {
            terms: (self.bricks / needed).max(1),
            cycles: (needed / self.bricks).max(1),
            outputs: 1,
        }
    }

    /// n brick products and n - 1 additions join a product; p products side by side are added before they
    /// reach the accumulator. A brick takes signed and unsigned digits, so it multiplies one bit more.
    fn energy(&self, energy: &EnergyModel, words: MacWords) -> MacEnergy {
        let bricks = self.bricks_per_product(words);
        let product_bits = self.padded(words.input_bits) + self.padded(words.weight_bits);
        let brick_pj = energy.multiply_pj(self.brick_bits + 1, self.brick_bits + 1);
        let Throughput { terms, cycles, .. } = self.throughput(words);
        let tree_bits = (product_bits + terms.ilog2()).min(words.accumulator_bits);
        let (terms, bricks) = (f64::from(terms), f64::from(bricks));
        let additions = (terms - 1.0) * energy.add_pj(tree_bits)
            + f64::from(cycles) * energy.add_pj(words.accumulator_bits);
        MacEnergy {
            multiply_pj: bricks * brick_pj + (bricks - 1.0) * energy.add_pj(product_bits),
            accumulate_pj: additions / terms,
        }
    }

    /// Bricks, the tree that joins them (as wide as the longest product it gives), accumulator, registers.
    fn transistors(&self, words: MacWords, overflow: Overflow) -> f64 {
        let bricks = f64::from(self.bricks);
        let side = 1 << (self.bricks.ilog2().div_ceil(2));
        let product_bits = 2 * side * self.brick_bits;
        bricks * transistors::multiplier(self.brick_bits + 1, self.brick_bits + 1)
            + (bricks - 1.0) * transistors::adder(product_bits, Overflow::Wrap)
            + transistors::adder(words.accumulator_bits, overflow)
            + transistors::registers(product_bits + words.accumulator_bits)
    }
}

impl fmt::Display for Composable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "composable {} x ({1} x {1})", self.bricks, self.brick_bits)
    }
}
