//! A linear-feedback shift register: the random numbers of stochastic rounding in a circuit.
//!
//! The register is of the Fibonacci form. It holds `width` consecutive bits a(n), a(n + 1), … of a bit
//! sequence, the oldest in bit 0. A clock shifts it right by one and feeds the exclusive or of the
//! tapped bits into the top:
//!
//! ```text
//! p(x)     = x^width + Σ_{k in taps} x^k,  0 among the taps
//! a(n + width) = ⊕_{k in taps} a(n + k)
//! ```
//!
//! p is primitive, so a register that is not zero runs through all 2^width - 1 states but zero. A random
//! number is the low `bits` bits of the register, after which it is clocked `steps` times (a circuit
//! unrolls these into one clock). With `steps` = `bits` successive numbers share no bit of the sequence;
//! with `steps` = 1, the smallest circuit, each number is the one before, shifted by one bit.
//!
//! In hardware the register is not reset between tensors. Here it is seeded anew for each address, so that
//! results depend neither on the order of tensors nor on threads.

use super::source::{RandomBits, RandomSourceError};
use super::{RandomAddress, generator_of};
use crate::cast::low;
use rand_core::Rng;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// For each width from 8 to 32, the polynomial's terms between x^width and 1 as a set of bits: of the
/// primitive polynomials with the fewest terms the numerically smallest.
const MIDDLE_TERMS: [u16; 25] = [
    1 << 4 | 1 << 3 | 1 << 2,
    1 << 4,
    1 << 3,
    1 << 2,
    1 << 6 | 1 << 4 | 1 << 1,
    1 << 4 | 1 << 3 | 1 << 1,
    1 << 5 | 1 << 3 | 1 << 1,
    1 << 1,
    1 << 5 | 1 << 3 | 1 << 2,
    1 << 3,
    1 << 7,
    1 << 5 | 1 << 2 | 1 << 1,
    1 << 3,
    1 << 2,
    1 << 1,
    1 << 5,
    1 << 4 | 1 << 3 | 1 << 1,
    1 << 3,
    1 << 6 | 1 << 2 | 1 << 1,
    1 << 5 | 1 << 2 | 1 << 1,
    1 << 3,
    1 << 2,
    1 << 6 | 1 << 4 | 1 << 1,
    1 << 3,
    1 << 7 | 1 << 6 | 1 << 2,
];

/// Registers stepped side by side when many numbers are needed.
const LANES: usize = 4;

/// A register, how many of its bits are a random number, and how often it is clocked for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Lfsr {
    width: u8,
    bits: RandomBits,
    steps: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    width: u8,
    bits: u8,
    steps: u8,
}

impl TryFrom<Fields> for Lfsr {
    type Error = RandomSourceError;
    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        Self::new(fields.width, RandomBits::new(fields.bits)?, fields.steps)
    }
}

impl From<Lfsr> for Fields {
    fn from(lfsr: Lfsr) -> Self {
        Self { width: lfsr.width, bits: lfsr.bits.get(), steps: lfsr.steps }
    }
}

impl Lfsr {
    /// Widths that a register may have, in bits.
    pub const WIDTHS: RangeInclusive<u8> = 8..=32;
    /// Clocks between two random numbers that can be asked for.
    pub const STEPS: RangeInclusive<u8> = 1..=64;

    /// A register of `width` bits whose low `bits` bits are a random number, clocked `steps` times for
    /// each.
    ///
    /// ```
    /// use hwmodel::random::{Lfsr, RandomBits};
    /// let lfsr = Lfsr::new(16, RandomBits::new(8)?, 8)?;
    /// assert_eq!(lfsr.polynomial(), 0x1_002d); // x^16 + x^5 + x^3 + x^2 + 1
    /// assert!(Lfsr::new(8, RandomBits::new(9)?, 9).is_err());
    /// # Ok::<(), hwmodel::random::RandomSourceError>(())
    /// ```
    ///
    /// # Errors
    /// If `width` or `steps` is out of range, or `bits` is above `width`.
    pub fn new(width: u8, bits: RandomBits, steps: u8) -> Result<Self, RandomSourceError> {
        if !Self::WIDTHS.contains(&width) {
            return Err(RandomSourceError::Width(width));
        }
        if bits.get() > width {
            return Err(RandomSourceError::Narrow { width, bits: bits.get() });
        }
        if !Self::STEPS.contains(&steps) {
            return Err(RandomSourceError::Steps(steps));
        }
        Ok(Self { width, bits, steps })
    }

    /// Bits of the register.
    pub fn width(self) -> u8 {
        self.width
    }

    /// Bits of a random number.
    pub fn bits(self) -> RandomBits {
        self.bits
    }

    /// Clocks between two random numbers.
    pub fn steps(self) -> u8 {
        self.steps
    }

    /// The primitive polynomial p; bit k is the coefficient of x^k.
    pub fn polynomial(self) -> u64 {
        1 << self.width | u64::from(self.taps())
    }

    /// Number of states that the register runs through, 2^width - 1.
    pub fn period(self) -> u64 {
        (1 << self.width) - 1
    }

    /// The bits of the register that feed its top.
    fn taps(self) -> u32 {
        u32::from(MIDDLE_TERMS[usize::from(self.width - Self::WIDTHS.start())]) | 1
    }

    /// The register after one clock; the scalar definition of the sequence.
    pub fn step(self, state: u32) -> u32 {
        let feedback = (state & self.taps()).count_ones() & 1;
        state >> 1 | feedback << (self.width - 1)
    }

    /// The random number of a register: its low `bits` bits, which is r in units of 2^-bits.
    pub fn number(self, state: u32) -> u32 {
        state & ((1 << self.bits.get()) - 1)
    }

    /// The register that `address` loads: from 1 to the period, by the first 64 random bits of the
    /// address's PCG generator.
    pub fn load(self, address: RandomAddress) -> u32 {
        low::<u32>(generator_of(address).next_u64() % self.period()) + 1
    }

    /// The register of `address` that holds the random number of element `index`.
    pub fn state_at(self, address: RandomAddress, index: u64) -> u32 {
        let clocks = u128::from(index) * u128::from(self.steps) % u128::from(self.period());
        self.jump(self.load(address), low::<u64>(clocks))
    }

    /// The register `clocks` clocks later.
    pub fn jump(self, state: u32, clocks: u64) -> u32 {
        self.combine(state, power_of_x(clocks, self.polynomial()))
    }

    /// The register c(x) clocks later: with x^clocks = Σ c_k·x^k modulo p, linearity gives
    /// a(n + clocks) = ⊕ c_k·a(n + k), so it is the exclusive or of the next `width` registers where c
    /// is one.
    fn combine(self, mut state: u32, mut coefficients: u64) -> u32 {
        let mut sum = 0;
        while coefficients != 0 {
            if coefficients & 1 == 1 {
                sum ^= state;
            }
            coefficients >>= 1;
            state = self.step(state);
        }
        sum
    }

    /// The random numbers of elements from `start` on, each at the top of its word.
    pub(super) fn fill(self, address: RandomAddress, start: u64, words: &mut [u32]) {
        let unused = 32 - u32::from(self.bits.get());
        let first = self.state_at(address, start);
        let steps = u64::from(self.steps);
        let mut states = [first; LANES];
        for lane in 1..LANES {
            states[lane] = self.jump(states[lane - 1], steps);
        }
        let leap = Leap::new(self, LANES as u64 * steps);
        for words in words.chunks_mut(LANES) {
            for (word, state) in words.iter_mut().zip(&mut states) {
                *word = *state << unused;
                *state = leap.apply(*state);
            }
        }
    }
}

/// Many clocks of a register at once, looked up byte by byte.
#[derive(Debug, Clone)]
pub(super) struct Leap([[u32; 256]; 4]);

impl Leap {
    pub(super) fn new(lfsr: Lfsr, clocks: u64) -> Self {
        let top = usize::from(lfsr.width) - 1;
        let mut images = [0u32; 32];
        images[top] = lfsr.jump(1 << top, clocks);
        // A clock moves bit k to bit k - 1, and a tapped one to the top as well.
        for bit in (1..=top).rev() {
            let tapped = if lfsr.taps() >> bit & 1 == 1 { images[top] } else { 0 };
            images[bit - 1] = lfsr.step(images[bit]) ^ tapped;
        }
        let mut tables = [[0; 256]; 4];
        for (table, images) in tables.iter_mut().zip(images.chunks_exact(8)) {
            for (bit, image) in images.iter().enumerate() {
                let (known, next) = table.split_at_mut(1 << bit);
                next.iter_mut().zip(known).for_each(|(next, known)| *next = *known ^ image);
            }
        }
        Self(tables)
    }

    #[inline(always)]
    pub(super) fn apply(&self, state: u32) -> u32 {
        let [a, b, c, d] = state.to_le_bytes().map(usize::from);
        self.0[0][a] ^ self.0[1][b] ^ self.0[2][c] ^ self.0[3][d]
    }
}

/// x^`exponent` modulo `polynomial` (of degree 8 to 32), over GF(2): squared and multiplied by x, the
/// highest bit of the exponent first.
fn power_of_x(exponent: u64, polynomial: u64) -> u64 {
    let mut power = 1;
    for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
        power = reduce(spread(power), polynomial);
        if exponent >> bit & 1 == 1 {
            power = reduce(power << 1, polynomial);
        }
    }
    power
}

/// The square of a polynomial of degree below 32: (Σ c_k·x^k)² = Σ c_k·x^(2k).
fn spread(polynomial: u64) -> u64 {
    let p = (polynomial | polynomial << 16) & 0x0000_ffff_0000_ffff;
    let p = (p | p << 8) & 0x00ff_00ff_00ff_00ff;
    let p = (p | p << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let p = (p | p << 2) & 0x3333_3333_3333_3333;
    (p | p << 1) & 0x5555_5555_5555_5555
}

/// `value` modulo `polynomial`: what is at x^width or above is replaced by the lower terms until nothing
/// is.
fn reduce(mut value: u64, polynomial: u64) -> u64 {
    let width = polynomial.ilog2();
    loop {
        let high = value >> width;
        if high == 0 {
            return value;
        }
        value ^= high << width;
        let mut terms = polynomial ^ 1 << width;
        while terms != 0 {
            value ^= high << terms.trailing_zeros();
            terms &= terms - 1;
        }
    }
}

#[cfg(test)]
mod tests;
