//! The area of a machine: transistors of its array and bits of its memories.

use super::Machine;
use crate::Rounding;
use crate::energy::transistors;
use crate::number::accumulator::AccumulatorBits;
use crate::product::ByOperand;
use crate::timing::Stationary;
use serde::Serialize;

/// Area of array and memories. Transistors are counts by synthesis of small datapaths, for ratios between
/// machines; µm² follow from one area per transistor and are no better than a factor of 2. Control, wires, vector
/// unit and DRAM interface are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Area {
    /// Transistors of one processing element.
    pub pe_transistors: f64,
    /// Transistors of the array, with the registers through which partial sums enter its columns.
    pub array_transistors: f64,
    /// Transistors of the requantisers, one for each sum that leaves the array in a cycle.
    pub requantiser_transistors: f64,
    /// Bits of the three SRAMs.
    pub sram_bits: u64,
    /// Area of array and requantisers in µm²; `None` if the table states no area of a transistor.
    pub logic_um2: Option<f64>,
    /// Area of the SRAMs in µm²; `None` if the table states no area of a bit.
    pub sram_um2: Option<f64>,
}

impl Area {
    /// Logic and SRAM in mm².
    pub fn total_mm2(&self) -> Option<f64> {
        Some((self.logic_um2? + self.sram_um2?) * 1e-6)
    }
}

impl Machine {
    /// The area of this machine with an accumulator (a number of bits, or two levels) and requantisers of `rounding`.
    ///
    /// With a MAC style `exact` the array is built for the word lengths `bits`; other styles have a width of their
    /// own, and `bits` only sizes the requantisers' output and the second registers of overlapped loads.
    pub fn area(
        &self,
        bits: ByOperand<u32>,
        accumulator: impl Into<AccumulatorBits>,
        rounding: Rounding,
    ) -> Area {
        let accumulator = accumulator.into();
        let accumulator_bits = accumulator.outer;
        let mac = self.mac_cost(bits.input, bits.weight, accumulator);
        let outputs = self.mac.style.most_outputs();
        let sums = transistors::registers(accumulator_bits) * f64::from(outputs);
        // A partial sum of an earlier fold waits here for its turn at the top of the column.
        let entry = transistors::registers(accumulator_bits);
        let (stationary, entry) = match self.dataflow.description().stationary {
            Stationary::Sum => (0, 0.0),
            Stationary::Weight => (bits.weight, entry),
            Stationary::Input => (bits.input, entry),
        };
        let mut pe_transistors = mac.transistors;
        if self.array.overlap_load {
            let words = mac.throughput.terms * mac.throughput.outputs;
            pe_transistors += transistors::registers(stationary * words);
        }
        if self.array.overlap_drain && self.dataflow.keeps_sums() {
            pe_transistors += sums;
        }
        let columns = f64::from(self.array.columns) * f64::from(outputs);
        let array_transistors =
            self.array.processing_elements() as f64 * pe_transistors + columns * entry;
        let requantiser_transistors =
            columns * transistors::requantiser(accumulator_bits, bits.output, rounding);
        let sram_bits = self.memory.sram_bits.total();
        let logic = array_transistors + requantiser_transistors;
        Area {
            pe_transistors,
            array_transistors,
            requantiser_transistors,
            sram_bits,
            logic_um2: self.energy.transistor_um2().map(|um2| um2 * logic),
            sram_um2: self.energy.sram_bit_um2().map(|um2| um2 * sram_bits as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: ByOperand<u32> = ByOperand { input: 8, weight: 8, output: 8 };

    #[test]
    fn the_edge_machine_by_hand() {
        let machine = Machine::builtin("edge-16x16").unwrap();
        let area = machine.area(BITS, 26, Rounding::Floor);
        let pe = 49.35 * 64.0 - 21.62 * 16.0 + 75.42 * 26.0 - 100.0;
        assert!((area.pe_transistors - pe).abs() < 1e-9);
        let requantiser = 82.05 * 26.0 + 19.34 * 8.0 - 404.4;
        assert!((area.requantiser_transistors - 16.0 * requantiser).abs() < 1e-6);
        let logic = 0.109 * (256.0 * pe + 16.0 * requantiser);
        assert!((area.logic_um2.unwrap() - logic).abs() < 1e-3);
        let sram = 320.0 * 8192.0 * 0.577;
        assert!((area.total_mm2().unwrap() - (logic + sram) * 1e-6).abs() < 1e-9);
    }

    #[test]
    fn a_column_that_carries_sums_has_a_register_at_its_top() {
        let mut machine = Machine::builtin("tpu-like-256x256").unwrap();
        machine.array.overlap_load = false;
        machine.array.overlap_drain = false;
        let area = |machine: &Machine| machine.area(BITS, 32, Rounding::Floor);
        let carried = area(&machine);
        machine.dataflow = crate::timing::Dataflow::OutputStationary;
        let stationary = area(&machine);
        assert_eq!(carried.pe_transistors, stationary.pe_transistors);
        let registers = carried.array_transistors - stationary.array_transistors;
        let columns = f64::from(machine.array.columns);
        assert!((registers - columns * transistors::registers(32)).abs() < 1e-3);
    }

    #[test]
    fn overlap_wider_sums_and_finer_rounding_cost_area() {
        for name in Machine::names() {
            let mut machine = Machine::builtin(name).unwrap();
            machine.array.overlap_load = false;
            machine.array.overlap_drain = false;
            let area = |machine: &Machine, bits, rounding| {
                let area = machine.area(BITS, bits, rounding);
                area.array_transistors + area.requantiser_transistors
            };
            let plain = area(&machine, 24, Rounding::Floor);
            assert!(area(&machine, 32, Rounding::Floor) > plain, "{name}");
            assert!(area(&machine, 24, Rounding::NearestEven) > plain, "{name}");
            assert!(
                area(&machine, 24, Rounding::Stochastic)
                    > area(&machine, 24, Rounding::NearestEven)
            );
            machine.array.overlap_load = true;
            machine.array.overlap_drain = true;
            assert!(area(&machine, 24, Rounding::Floor) > plain, "{name}");
        }
    }
}
