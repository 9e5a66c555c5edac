//! Energy and area of one MAC as a function of its word lengths and accumulator width, with the share of the guard bits.

use super::Machine;
use crate::AccumulatorWidth;
use crate::energy::transistors;
use crate::mac_style::{MacEnergy, MacWords, Throughput};
use crate::number::accumulator::AccumulatorBits;
use serde::Serialize;

/// One MAC of a machine at given widths.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MacCost {
    /// Width of the accumulator in bits; with two levels, of the outer one.
    pub accumulator_bits: u32,
    /// MACs side by side, and their cycles.
    pub throughput: Throughput,
    /// Energy of a MAC in pJ.
    pub energy: MacEnergy,
    /// Transistors of a processing element's multiplier, adders, registers and accumulator.
    pub transistors: f64,
    /// The same as area in µm²; `None` if the energy table states no area of a transistor.
    pub area_um2: Option<f64>,
}

/// Cost of the guard bits of an accumulator: those between the width of a product and the width at which no
/// sum can overflow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GuardBits {
    /// A MAC whose accumulator is as wide as a product, WLa + WLb bits.
    pub product_wide: MacCost,
    /// A MAC whose accumulator is provably wide enough, WLa + WLb + ⌈log2 terms⌉ bits.
    pub provable: MacCost,
}

impl GuardBits {
    /// Guard bits, ⌈log2 terms⌉.
    pub fn bits(&self) -> u32 {
        self.provable.accumulator_bits - self.product_wide.accumulator_bits
    }

    /// Energy in pJ that the guard bits add to each MAC.
    pub fn energy_pj(&self) -> f64 {
        self.provable.energy.total_pj() - self.product_wide.energy.total_pj()
    }

    /// Transistors that the guard bits add to each processing element.
    pub fn transistors(&self) -> f64 {
        self.provable.transistors - self.product_wide.transistors
    }
}

impl Machine {
    /// The words of a fixed-point product of `wl_input` by `wl_weight` bits on this machine.
    fn words(&self, wl_input: u32, wl_weight: u32, accumulator_bits: u32) -> MacWords {
        let column = self.dataflow.column_operand();
        MacWords { input_bits: wl_input, weight_bits: wl_weight, accumulator_bits, column }
    }

    /// One MAC of a word of `wl_input` by one of `wl_weight` bits into an accumulator (a number of bits, or two levels): a
    /// few power laws, cheap enough for a scan over widths.
    ///
    /// With two levels, the processing element adds every product in the inner register, and every `terms` products in the
    /// outer one, whose energy they share; its adder and register are added to the area.
    ///
    /// ```
    /// use hwmodel::machine::Machine;
    /// use hwmodel::number::accumulator::{AccumulatorBits, InnerBits};
    /// let edge = Machine::builtin("edge-16x16")?;
    /// let two = AccumulatorBits { outer: 32, inner: Some(InnerBits { bits: 16, terms: 4 }) };
    /// let pj = |bits: u32| edge.mac_cost(8, 8, bits).energy.accumulate_pj;
    /// let two_pj = edge.mac_cost(8, 8, two).energy.accumulate_pj;
    /// assert!((two_pj - (pj(16) + pj(32) / 4.0)).abs() < 1e-12);
    /// # Ok::<(), hwmodel::machine::MachineError>(())
    /// ```
    pub fn mac_cost(
        &self,
        wl_input: u32,
        wl_weight: u32,
        accumulator: impl Into<AccumulatorBits>,
    ) -> MacCost {
        let bits = accumulator.into();
        let words = self.words(wl_input, wl_weight, bits.outer);
        let style = &self.mac.style;
        let overflow = self.accumulator.overflow;
        let transistors = match bits.inner {
            None => style.transistors(words, overflow),
            Some(inner) => {
                let first = MacWords { accumulator_bits: inner.bits, ..words };
                let of_inner = self.accumulator.inner.map_or(overflow, |inner| inner.overflow);
                style.transistors(first, of_inner)
                    + transistors::adder(bits.outer, overflow)
                    + transistors::registers(bits.outer)
            }
        };
        MacCost {
            accumulator_bits: bits.outer,
            throughput: style.throughput(words),
            energy: self.energy_of(words, bits),
            transistors,
            area_um2: self.energy.transistor_um2().map(|um2| um2 * transistors),
        }
    }

    /// Energy of one MAC of `words`, whose accumulator is the outer register of `bits`.
    pub(super) fn energy_of(&self, words: MacWords, bits: AccumulatorBits) -> MacEnergy {
        let outer = self.mac.style.energy(&self.energy, words);
        let Some(inner) = bits.inner else { return outer };
        let first = MacWords { accumulator_bits: inner.bits, ..words };
        let first = self.mac.style.energy(&self.energy, first);
        let share = outer.accumulate_pj / f64::from(inner.terms.max(1));
        MacEnergy { accumulate_pj: first.accumulate_pj + share, ..first }
    }

    /// What guard bits cost in sums of `terms` products of `wl_input` by `wl_weight` bits.
    ///
    /// ```
    /// use hwmodel::machine::Machine;
    /// let guard = Machine::builtin("edge-16x16")?.guard_bits(8, 8, 1152);
    /// assert_eq!((guard.bits(), guard.provable.accumulator_bits), (11, 27));
    /// // 11 more bits of an adder between the 16- and 32-bit rows of the table.
    /// assert!((guard.energy_pj() - 11.0 * 0.05 / 16.0).abs() < 1e-12);
    /// # Ok::<(), hwmodel::machine::MachineError>(())
    /// ```
    pub fn guard_bits(&self, wl_input: u32, wl_weight: u32, terms: u64) -> GuardBits {
        let provable = AccumulatorWidth::provable_bits(wl_input, wl_weight, terms);
        GuardBits {
            product_wide: self.mac_cost(wl_input, wl_weight, wl_input + wl_weight),
            provable: self.mac_cost(wl_input, wl_weight, provable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accumulator_bit_costs_energy_and_area() {
        for name in Machine::names() {
            let machine = Machine::builtin(name).unwrap();
            for bits in 1..64 {
                let (narrow, wide) =
                    (machine.mac_cost(8, 8, bits), machine.mac_cost(8, 8, bits + 1));
                assert!(wide.energy.total_pj() >= narrow.energy.total_pj(), "{name} {bits}");
                assert!(wide.transistors > narrow.transistors, "{name} {bits}");
            }
        }
    }

    #[test]
    fn guard_bits_of_the_edge_machine_by_hand() {
        let guard = Machine::builtin("edge-16x16").unwrap().guard_bits(4, 4, 100);
        assert_eq!((guard.bits(), guard.product_wide.accumulator_bits), (7, 8));
        // E_add(15) - E_add(8) between the rows 8: 0.03 and 16: 0.05 pJ.
        assert!((guard.energy_pj() - 7.0 * 0.02 / 8.0).abs() < 1e-12);
        assert!((guard.transistors() - 7.0 * 75.42).abs() < 1e-9);
        assert_eq!(guard.provable.area_um2, Some(0.109 * guard.provable.transistors));
    }
}
