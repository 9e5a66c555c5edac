//! A DSP slice of an FPGA: a 27 x 18 multiplier with a 48-bit accumulator (AMD UG579, DSP48E2).
//!
//! * Words of up to 27 x 18 bits, either way round: one MAC a cycle.
//! * Two products that share an operand (AMD WP486): the words p, q of two columns enter as p·2^s + q, and one
//!   multiplication by the shared word gives both products in two fields of s bits and the rest. The
//!   packed word is s + WLp + 1 bits of 27, the lower field holds WLp + WLs bits of s = 26 - WLp: so
//!   2·WLp + WLs ≤ 26 and WLs ≤ 18. INT8 gives s = 18, the published offset.
//! * The lower field overflows into the upper after n products, n·2^(WLp+WLs-2) ≤ 2^(s-1) - 1 (INT8: 7).
//!   Then the fields are separated and added to separate accumulators in logic.
//! * Longer words: cut into signed and unsigned digits, 27 + 26 + ... by 18 + 17 + ... bits, a slice and cycle each.
//!   Accumulators beyond 48 bits take a further slice.
//!
//! A slice spends the energy of its own 27 x 18 multiplier and 48-bit adder. These are the energies of an
//! ASIC table: rely on ratios between word lengths only. Packing of four INT4 products (AMD WP521) is not
//! modelled, since it is inexact without correction.

use super::{Build, ColumnOperand, MacEnergy, MacStyle, MacWords, StyleDescription, Throughput};
use crate::Overflow;
use crate::energy::{EnergyModel, transistors};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The style.
pub(super) const DESCRIPTION: StyleDescription = StyleDescription {
    name: "dsp",
    keys: &[],
    width: None,
    most_outputs: PACKED,
    from_keys: |_| Ok(MacStyle::Dsp(Dsp)),
};

const WIDE: u32 = 27;
const NARROW: u32 = 18;
const ACCUMULATOR: u32 = 48;
/// Products that share a slice when packed.
const PACKED: u32 = 2;

/// A DSP48E2 slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Dsp;

/// How words use slices.
enum Use {
    /// Two products a cycle; `chain` of them fit the lower field before it must be emptied.
    Packed { chain: u32 },
    /// One product in this many slices.
    Slices(u32),
}

impl Dsp {
    fn usage(words: MacWords) -> Use {
        let (packed, shared) = match words.column {
            ColumnOperand::Weight => (words.weight_bits, words.input_bits),
            ColumnOperand::Input => (words.input_bits, words.weight_bits),
        };
        if shared <= NARROW && 2 * packed + shared < WIDE {
            let field = WIDE - 1 - packed;
            let largest = (1u32 << (field - 1)) - 1;
            // One-bit words: 2^(1+1-2) = 1 is their only product.
            let chain = largest >> (packed + shared - 2);
            // Products of the two narrowest words would allow a chain longer than any sum.
            return Use::Packed { chain: chain.max(1) };
        }
        let pieces = |word: u32, port: u32| 1 + word.saturating_sub(port).div_ceil(port - 1);
        let one_way = pieces(words.input_bits, WIDE) * pieces(words.weight_bits, NARROW);
        let other_way = pieces(words.input_bits, NARROW) * pieces(words.weight_bits, WIDE);
        Use::Slices(
            one_way.min(other_way) + words.accumulator_bits.div_ceil(ACCUMULATOR).max(1) - 1,
        )
    }
}

impl Build for Dsp {
    fn throughput(&self, words: MacWords) -> Throughput {
        match Self::usage(words) {
            Use::Packed { .. } => Throughput { outputs: PACKED, ..Throughput::ONE },
            Use::Slices(cycles) => Throughput { cycles, ..Throughput::ONE },
        }
    }

    fn energy(&self, energy: &EnergyModel, words: MacWords) -> MacEnergy {
        let (multiply, add) = (energy.multiply_pj(WIDE, NARROW), energy.add_pj(ACCUMULATOR));
        match Self::usage(words) {
            Use::Packed { chain } => MacEnergy {
                multiply_pj: multiply / 2.0,
                accumulate_pj: add / 2.0 + energy.add_pj(words.accumulator_bits) / f64::from(chain),
            },
            Use::Slices(slices) => MacEnergy {
                multiply_pj: f64::from(slices) * multiply,
                accumulate_pj: f64::from(slices) * add,
            },
        }
    }

    /// A slice, and in logic the two accumulators of packed products.
    fn transistors(&self, words: MacWords, overflow: Overflow) -> f64 {
        transistors::mac(WIDE, NARROW, ACCUMULATOR, Overflow::Wrap)
            + 2.0
                * (transistors::adder(words.accumulator_bits, overflow)
                    + transistors::registers(words.accumulator_bits))
    }
}

impl fmt::Display for Dsp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dsp {WIDE} x {NARROW}")
    }
}
