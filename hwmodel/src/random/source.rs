//! Where the random numbers of stochastic rounding come from, and how many bits each has.

use super::RandomAddress;
use super::lfsr::{Leap, Lfsr};
use crate::kernels::{self, SimdLevel};
use rand_core::Rng;
use rand_pcg::Pcg32;
use serde::{Deserialize, Serialize};

/// The source of the random number r of a stochastic rounding, ⌊v + r⌋.
///
/// | source | r |
/// |---|---|
/// | PCG, bits not stated | as fine as the value: 24 bits for a float, the dropped bits (at most 64) for an integer |
/// | PCG or register, `bits` stated | an integer of `bits` bits over 2^bits, so ⌊v + r/2^bits⌋ exactly |
///
/// With stated bits r is aligned to the top of the fraction that is dropped: where it has fewer bits
/// than the fraction, the sum takes zeros for the missing ones, and the mean of the rounded value is
/// below v by less than 2^-bits. Where a shift drops fewer bits than r has, the surplus low bits of r
/// cannot change the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RandomSource {
    /// A PCG generator (Lcg64Xsh32), one 32-bit word a rounding (two for shifts over 32 bits if the
    /// bits are not stated), of which the top bits are r.
    Pcg {
        /// Bits of r.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bits: Option<RandomBits>,
    },
    /// A linear-feedback shift register.
    Lfsr(Lfsr),
}

impl Default for RandomSource {
    fn default() -> Self {
        Self::PCG
    }
}

impl std::fmt::Display for RandomSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pcg { bits: None } => f.write_str("pcg"),
            Self::Pcg { bits: Some(bits) } => write!(f, "pcg, {} bits", bits.get()),
            Self::Lfsr(lfsr) => {
                let (bits, steps) = (lfsr.bits().get(), lfsr.steps());
                write!(f, "lfsr of {} bits (", lfsr.width())?;
                for power in (1..=lfsr.width()).rev() {
                    if lfsr.polynomial() >> power & 1 == 1 {
                        let term = if power == 1 { "x".to_owned() } else { format!("x^{power}") };
                        write!(f, "{term} + ")?;
                    }
                }
                write!(f, "1), {bits} bits and {steps} clocks a rounding")
            }
        }
    }
}

impl RandomSource {
    /// The PCG generator with as many bits as the value has.
    pub const PCG: Self = Self::Pcg { bits: None };

    /// Whether this is [`RandomSource::PCG`], which every run had before there was a choice.
    pub fn is_default(&self) -> bool {
        *self == Self::PCG
    }

    /// The stated bits of r.
    pub fn stated_bits(self) -> Option<RandomBits> {
        match self {
            Self::Pcg { bits } => bits,
            Self::Lfsr(lfsr) => Some(lfsr.bits()),
        }
    }

    /// Random bits of one stochastic rounding of a float.
    pub fn bits_for_float(self) -> u64 {
        self.stated_bits().map_or(RandomBits::MOST, RandomBits::get).into()
    }

    /// Random bits of one stochastic rounding that drops `shift` bits of an integer; none if it drops
    /// none.
    pub fn bits_for_shift(self, shift: u32) -> u64 {
        match (shift, self.stated_bits()) {
            (0, _) => 0,
            (_, Some(bits)) => bits.get().into(),
            (_, None) => shift.min(64).into(),
        }
    }
}

/// Bits of a random number: 1 to 24, the bits of a float32 significand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct RandomBits(u8);

impl RandomBits {
    /// The largest number of bits.
    pub const MOST: u8 = 24;

    /// `bits` bits.
    ///
    /// # Errors
    /// If there are none, or more than 24.
    pub fn new(bits: u8) -> Result<Self, RandomSourceError> {
        if (1..=Self::MOST).contains(&bits) {
            Ok(Self(bits))
        } else {
            Err(RandomSourceError::Bits(bits))
        }
    }

    /// The number of bits.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for RandomBits {
    type Error = RandomSourceError;
    fn try_from(bits: u8) -> Result<Self, Self::Error> {
        Self::new(bits)
    }
}

impl From<RandomBits> for u8 {
    fn from(bits: RandomBits) -> Self {
        bits.0
    }
}

/// Error of a random source with a parameter out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RandomSourceError {
    /// Random bits out of range.
    #[error("{0} random bits a rounding are impossible: use 1 to 24")]
    Bits(u8),
    /// Width out of range.
    #[error("a linear-feedback shift register of {0} bits is not in the table: use 8 to 32")]
    Width(u8),
    /// More bits than the register has.
    #[error("a register of {width} bits has no {bits} random bits: use at most {width}")]
    Narrow {
        /// Bits of the register.
        width: u8,
        /// Bits of the random number.
        bits: u8,
    },
    /// Clocks out of range.
    #[error("{0} clocks a rounding are impossible: use 1 to 64")]
    Steps(u8),
}

impl RandomAddress {
    /// The words of elements from `start` on, whose top bits are r; bits of a word that are not random
    /// are zero.
    pub(crate) fn words(self, simd: SimdLevel, start: u64, words: &mut [u32]) {
        match self.source {
            RandomSource::Pcg { bits } => {
                kernels::stochastic_words(simd, &self.at(start), words);
                if let Some(bits) = bits {
                    let mask = u32::MAX << (32 - bits.get());
                    words.iter_mut().for_each(|word| *word &= mask);
                }
            }
            RandomSource::Lfsr(lfsr) => lfsr.fill(self, start, words),
        }
    }

    /// The random numbers of stochastic roundings that drop `shift` bits, from element `start` on.
    pub fn numbers(self, start: u64, shift: u32) -> RandomNumbers {
        let stream = match self.source {
            RandomSource::Pcg { bits: None } if shift > 32 => {
                Stream::PcgPairs(self.at(start.wrapping_mul(2)))
            }
            RandomSource::Pcg { bits } => {
                let unused = 32 - bits.map_or(32, |bits| bits.get().into());
                Stream::Pcg(self.at(start), u32::MAX << unused)
            }
            RandomSource::Lfsr(lfsr) => Stream::Lfsr {
                state: lfsr.state_at(self, start),
                leap: Box::new(Leap::new(lfsr, lfsr.steps().into())),
                unused: 32 - u32::from(lfsr.bits().get()),
            },
        };
        RandomNumbers { stream, shift }
    }
}

/// The random numbers r of consecutive elements.
#[derive(Debug, Clone)]
pub struct RandomNumbers {
    stream: Stream,
    shift: u32,
}

#[derive(Debug, Clone)]
enum Stream {
    /// One word an element, of which the bits of the mask count.
    Pcg(Pcg32, u32),
    /// Two words an element, the low half first.
    PcgPairs(Pcg32),
    Lfsr {
        state: u32,
        leap: Box<Leap>,
        unused: u32,
    },
}

impl RandomNumbers {
    /// r of the next element in units of 2^-shift, or of 2^-64 for shifts over 64 bits: what
    /// [`Rounding::shift_right`](crate::Rounding::shift_right) takes.
    // There is no end, so this is no iterator.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> u64 {
        let word = match &mut self.stream {
            Stream::Pcg(generator, mask) => u64::from(generator.next_u32() & *mask) << 32,
            Stream::PcgPairs(generator) => generator.next_u64(),
            Stream::Lfsr { state, leap, unused } => {
                let word = u64::from(*state << *unused) << 32;
                *state = leap.apply(*state);
                word
            }
        };
        match self.shift {
            0 => 0,
            1..=63 => word >> (64 - self.shift),
            _ => word,
        }
    }
}

#[cfg(test)]
mod tests;
