//! A multiplier that takes one or both operands some bits a cycle, so that time shrinks with word length.
//!
//! * One operand serial: Stripes (P. Judd et al., MICRO 2016): 16 products side by side, each of bits of an
//!   activation and a whole weight, are added and shifted into the accumulator.
//! * Both serial: Loom (S. Sharify et al., DAC 2018), whose variants take 1, 2 or 4 bits of the activation a cycle.

use super::{Build, Key, MacEnergy, MacStyle, MacWords, StyleDescription, Throughput, digits};
use crate::Overflow;
use crate::energy::{EnergyModel, transistors};
use serde::{Deserialize, Serialize};
use std::fmt;

const SERIAL: Key = Key::word("mac.serial", &["input", "weight", "both"]);
const LANES: Key = Key::whole("mac.lanes", (1, 1024), 16);
const BITS_PER_CYCLE: Key = Key::whole("mac.bits_per_cycle", (1, 32), 1);
const PARALLEL_BITS: Key = Key::whole("mac.parallel_bits", (1, 32), 16);

/// The style.
pub(super) const DESCRIPTION: StyleDescription = StyleDescription {
    name: "bit-serial",
    keys: &[SERIAL, LANES, BITS_PER_CYCLE, PARALLEL_BITS],
    width: Some(PARALLEL_BITS),
    most_outputs: 1,
    from_keys: |keys| {
        let serial = match keys.word(&SERIAL)? {
            "weight" => SerialOperand::Weight,
            "both" => SerialOperand::Both,
            _ => SerialOperand::Input,
        };
        let both = serial == SerialOperand::Both;
        if both && keys.has(&PARALLEL_BITS) {
            let allowed = "it with serial = \"input\" or \"weight\" only";
            return Err(keys.error(&PARALLEL_BITS, allowed));
        }
        Ok(MacStyle::BitSerial(BitSerial {
            serial,
            lanes: keys.whole(&LANES)?,
            bits_per_cycle: keys.whole(&BITS_PER_CYCLE)?,
            parallel_bits: if both { 1 } else { keys.whole(&PARALLEL_BITS)? },
        }))
    },
};

/// The operand that arrives bit-serially.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SerialOperand {
    /// The left operand (activations in a forward product), as in Stripes.
    Input,
    /// The right operand (weights in a forward product).
    Weight,
    /// Both, as in Loom.
    Both,
}

impl SerialOperand {
    /// The name in machine descriptions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Weight => "weight",
            Self::Both => "both",
        }
    }
}

/// `lanes` products side by side, in ⌈WLserial/bits_per_cycle⌉ · ⌈WLparallel/parallel_bits⌉ cycles, or
/// ⌈WLinput/bits_per_cycle⌉ · WLweight if both are serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitSerial {
    /// The operand that arrives bit-serially.
    pub serial: SerialOperand,
    /// Products of neighbouring k side by side in a processing element, 1 to 1024 (Stripes, Loom: 16).
    pub lanes: u32,
    /// Bits of the serial operand (of the input, if both are) in a cycle, 1 to 32.
    pub bits_per_cycle: u32,
    /// Width of the parallel operand in bits, 1 to 32 (Stripes: 16); 1 if both are serial.
    pub parallel_bits: u32,
}

impl BitSerial {
    /// Cycles of a product.
    fn steps(self, words: MacWords) -> u32 {
        let (serial, parallel) = match self.serial {
            SerialOperand::Input | SerialOperand::Both => (words.input_bits, words.weight_bits),
            SerialOperand::Weight => (words.weight_bits, words.input_bits),
        };
        digits(serial, self.bits_per_cycle) * digits(parallel, self.parallel_bits)
    }

    /// Bits of the product of one cycle.
    fn step_bits(self) -> u32 {
        self.bits_per_cycle + self.parallel_bits
    }

    /// Bits of the sum of all lanes.
    fn sum_bits(self) -> u32 {
        self.step_bits() + self.lanes.next_power_of_two().ilog2()
    }
}

impl Build for BitSerial {
    fn throughput(&self, words: MacWords) -> Throughput {
        Throughput { terms: self.lanes, outputs: 1, cycles: self.steps(words) }
    }

    /// Every cycle: `lanes` small products, a tree of `lanes` - 1 additions, one shifted addition into the
    /// accumulator.
    fn energy(&self, energy: &EnergyModel, words: MacWords) -> MacEnergy {
        let (steps, lanes) = (f64::from(self.steps(words)), f64::from(self.lanes));
        let tree = (lanes - 1.0) / lanes * energy.add_pj(self.sum_bits());
        MacEnergy {
            multiply_pj: steps
                * (energy.multiply_pj(self.bits_per_cycle, self.parallel_bits) + tree),
            accumulate_pj: steps * energy.add_pj(words.accumulator_bits) / lanes,
        }
    }

    /// Small multipliers with their operand registers, tree, accumulator. The shifter is not counted.
    fn transistors(&self, words: MacWords, overflow: Overflow) -> f64 {
        let lanes = f64::from(self.lanes);
        lanes
            * (transistors::multiplier(self.bits_per_cycle, self.parallel_bits)
                + transistors::registers(self.step_bits()))
            + (lanes - 1.0) * transistors::adder(self.sum_bits(), Overflow::Wrap)
            + transistors::adder(words.accumulator_bits, overflow)
            + transistors::registers(words.accumulator_bits)
    }
}

impl fmt::Display for BitSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { serial, lanes, bits_per_cycle, parallel_bits } = self;
        write!(f, "bit-serial {}, {lanes} x ({bits_per_cycle} x {parallel_bits})", serial.name())
    }
}
