//! The shift register of a stochastic requantiser: what a circuit loads, and how an array of requantisers shares the sequence.

use hwmodel::random::{Lfsr, RandomAddress, RandomSource, Role};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// The random numbers of the outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomEntry {
    /// `lfsr`.
    pub kind: String,
    /// Bits of the register.
    pub width: u8,
    /// Bits of the register whose exclusive or enters at its top, bit 0 the lowest.
    pub taps: Vec<u8>,
    /// Low bits of the register that are a random number.
    pub bits: u8,
    /// Clocks of the register after each number.
    pub clocks: u8,
    /// What the register holds for output 0.
    pub load: u32,
    /// The order in which outputs take numbers.
    pub order: String,
    /// Where the load comes from: seed of the run, training step, number of the node in the network.
    pub seed: u64,
    /// As above.
    pub step: u64,
    /// As above.
    pub node: u32,
    /// An array of requantisers.
    pub array: RequantiserArray,
}

/// C requantisers side by side, each with a register: requantiser c makes outputs c, c + C, c + 2C, …
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequantiserArray {
    /// C.
    pub requantisers: NonZeroU32,
    /// What register c holds for output c.
    pub loads: Vec<u32>,
    /// Clocks between two outputs of a requantiser, C · clocks.
    pub clocks: u64,
    /// Bit k: the register this many clocks later is the exclusive or of the registers that come k clocks later, over the bits that are
    /// set.
    pub mask: u64,
}

/// The most requantisers side by side.
pub(super) const MOST_REQUANTISERS: u32 = 1 << 16;
const ORDER: &str = "n, oh, ow, o: output i takes number i";

impl RandomEntry {
    pub(super) fn new(lfsr: Lfsr, address: RandomAddress, requantisers: NonZeroU32) -> Self {
        let taps = (0..lfsr.width()).filter(|&bit| lfsr.polynomial() >> bit & 1 == 1).collect();
        let clocks = u64::from(requantisers.get()) * u64::from(lfsr.steps());
        let loads = (0..requantisers.get()).map(|index| lfsr.state_at(address, index.into()));
        Self {
            kind: "lfsr".to_owned(),
            width: lfsr.width(),
            taps,
            bits: lfsr.bits().get(),
            clocks: lfsr.steps(),
            load: lfsr.load(address),
            order: ORDER.to_owned(),
            seed: address.seed,
            step: address.step,
            node: address.layer,
            array: RequantiserArray {
                requantisers,
                loads: loads.collect(),
                clocks,
                mask: power_of_x(lfsr, clocks),
            },
        }
    }

    /// The address of the outputs' numbers, if there can be such a register.
    pub(super) fn address(&self) -> Result<RandomAddress, String> {
        let bits =
            hwmodel::random::RandomBits::new(self.bits).map_err(|error| error.to_string())?;
        let lfsr = Lfsr::new(self.width, bits, self.clocks).map_err(|error| error.to_string())?;
        let most = MOST_REQUANTISERS;
        if self.array.requantisers.get() > most {
            return Err(format!("`random.array.requantisers` is above {most}"));
        }
        let address = RandomAddress::new(self.seed, self.step, self.node, Role::Output);
        Ok(RandomAddress { source: RandomSource::Lfsr(lfsr), ..address })
    }
}

/// x^`clocks` modulo the register's polynomial.
fn power_of_x(lfsr: Lfsr, clocks: u64) -> u64 {
    let mut power = 1u64;
    for _ in 0..clocks % lfsr.period() {
        power <<= 1;
        if power >> lfsr.width() & 1 == 1 {
            power ^= lfsr.polynomial();
        }
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::random::RandomBits;

    #[test]
    fn an_array_of_requantisers_takes_the_numbers_of_one() {
        for (width, bits, steps, requantisers) in
            [(8, 3, 3, 5), (16, 8, 8, 16), (32, 16, 16, 7), (9, 9, 64, 300), (13, 1, 1, 1)]
        {
            let lfsr = Lfsr::new(width, RandomBits::new(bits).unwrap(), steps).unwrap();
            let source = RandomSource::Lfsr(lfsr);
            let address = RandomAddress { source, ..RandomAddress::new(1, 2, 3, Role::Output) };
            let entry = RandomEntry::new(lfsr, address, NonZeroU32::new(requantisers).unwrap());
            assert_eq!(entry.address(), Ok(address));
            let feedback = |state: u32| {
                let taps = entry.taps.iter().map(|&tap| state >> tap & 1);
                state >> 1 | taps.fold(0, |sum, bit| sum ^ bit) << (width - 1)
            };
            // One register, clock by clock.
            let mut state = entry.load;
            let count = 3 * requantisers as usize;
            let mut numbers = Vec::new();
            for _ in 0..count {
                numbers.push(state & ((1 << bits) - 1));
                (0..steps).for_each(|_| state = feedback(state));
            }
            // The registers of all requantisers, jumped.
            for (index, &load) in entry.array.loads.iter().enumerate() {
                let mut state = load;
                for number in numbers.iter().skip(index).step_by(requantisers as usize) {
                    assert_eq!(state & ((1 << bits) - 1), *number);
                    let (mut sum, mut later) = (0, state);
                    for bit in 0..width {
                        if entry.array.mask >> bit & 1 == 1 {
                            sum ^= later;
                        }
                        later = feedback(later);
                    }
                    state = sum;
                }
            }
        }
    }
}
