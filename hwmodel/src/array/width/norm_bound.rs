//! Accumulator width from the ℓ1 norm of a channel's integer weights: the bounds of A2Q and A2Q+.
//!
//! Integers and exact ratios only: in float32 the limits of wide accumulators round up, so that a norm passes which overflows.

use crate::BitWidth;
use crate::number::format::Format;
use std::fmt;

/// A sufficient condition on ‖q‖₁, the sum of magnitudes of an output channel's integer weights q, for an accumulator of P bits
/// that takes N-bit inputs. Both conditions are brevitas' (0.13.4, `function/ops.py`).
///
/// | bound | largest norm | holds for |
/// |---|---|---|
/// | `a2q` | (2^(P-1) - 1) / 2^N, signed inputs 2^(N-1) | any weights |
/// | `a2q+` | (2^P - 2) / (2^N - 1), signed inputs or not | weights whose positive and negative parts have equal sums |
///
/// Integer weights are rarely centred exactly, so `a2q+` says what its quantiser aims at:
/// [`channel_range`] says what the weights need.
///
/// ```
/// use hwmodel::array::width::NormBound;
/// use hwmodel::{BitWidth, Format};
/// let (bits, input) = (BitWidth::new(16)?, Format::new(8, 0)?);
/// assert_eq!(NormBound::A2q.largest_norm(bits, input).to_string(), "32767/128");
/// assert_eq!(NormBound::A2q.least_bits(255, input), 16);
/// assert_eq!(NormBound::A2q.least_bits(256, input), 17);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NormBound {
    /// For any weights.
    A2q,
    /// For weights centred on zero.
    A2qPlus,
}

/// An exact ratio in lowest terms, which prints as `numerator/denominator` or an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NormLimit {
    numerator: u128,
    denominator: u128,
}

impl NormBound {
    /// Every bound.
    pub const ALL: [Self; 2] = [Self::A2q, Self::A2qPlus];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A2q => "a2q",
            Self::A2qPlus => "a2q+",
        }
    }

    /// The largest ‖q‖₁ that an accumulator of `accumulator` bits admits with words of `input`.
    pub fn largest_norm(self, accumulator: BitWidth, input: Format) -> NormLimit {
        let power = 1u128 << (accumulator.get() - 1);
        match self {
            Self::A2q => NormLimit::new(power - 1, a2q_input(input)),
            Self::A2qPlus => NormLimit::new(2 * power - 2, a2q_plus_input(input)),
        }
    }

    /// The fewest bits whose [`largest_norm`](Self::largest_norm) is at least `norm`; more than 64 for long inputs and large
    /// norms.
    pub fn least_bits(self, norm: u64, input: Format) -> u32 {
        let norm = u128::from(norm);
        match self {
            // 2^(P-1) ≥ ‖q‖₁ · 2^(N-1) + 1
            Self::A2q => 1 + bits_to_count(norm * a2q_input(input) + 1),
            // 2^P ≥ ‖q‖₁ · (2^N - 1) + 2
            Self::A2qPlus => bits_to_count(norm * a2q_plus_input(input) + 2),
        }
    }
}

impl fmt::Display for NormBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What A2Q takes as the largest magnitude of an input: one more than the largest unsigned word.
fn a2q_input(input: Format) -> u128 {
    1 << (input.wl() - u32::from(input.min_raw() < 0))
}

/// The distance of the lowest and the highest word.
fn a2q_plus_input(input: Format) -> u128 {
    (1 << input.wl()) - 1
}

/// The least b with 2^b ≥ `count`, which is at least 1.
fn bits_to_count(count: u128) -> u32 {
    u128::BITS - (count - 1).leading_zeros()
}

impl NormLimit {
    fn new(numerator: u128, denominator: u128) -> Self {
        let (mut a, mut b) = (numerator, denominator);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self { numerator: numerator / a, denominator: denominator / a }
    }

    /// The largest integer norm.
    pub fn floor(self) -> u128 {
        self.numerator / self.denominator
    }

    /// Whether an integer `norm` is within the limit.
    pub fn admits(self, norm: u64) -> bool {
        u128::from(norm) <= self.floor()
    }

    /// The nearest float64.
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

impl fmt::Display for NormLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            _ => write!(f, "{}/{}", self.numerator, self.denominator),
        }
    }
}

/// ‖q‖₁ of a channel's integer weights.
///
/// ```
/// assert_eq!(hwmodel::array::width::l1_norm([3, -4, 0]), 7);
/// ```
pub fn l1_norm(weights: impl IntoIterator<Item: Into<i64>>) -> u64 {
    weights.into_iter().map(|weight| weight.into().unsigned_abs()).sum()
}

/// The lowest and the highest value that any partial sum of a channel's `weights` times words of `input` can have, in any
/// order of addition.
///
/// Every term can be 0, so no partial sum lies outside the range of whole sums.
///
/// ```
/// use hwmodel::array::width;
/// use hwmodel::Format;
/// let (lowest, highest) = width::channel_range(Format::new(4, 0)?, [1, -2]);
/// assert_eq!((lowest, highest), (-8 - 14, 7 + 16));
/// assert_eq!(width::of_range(lowest, highest), 6);
/// # Ok::<(), hwmodel::FormatError>(())
/// ```
pub fn channel_range(input: Format, weights: impl IntoIterator<Item: Into<i64>>) -> (i128, i128) {
    let (least, most) = (i128::from(input.min_raw()), i128::from(input.max_raw()));
    weights.into_iter().fold((0, 0), |(lowest, highest), weight| {
        let weight = i128::from(weight.into());
        let (low, high) = (weight * least, weight * most);
        (lowest + low.min(high).min(0), highest + low.max(high).max(0))
    })
}

#[cfg(test)]
mod tests;
