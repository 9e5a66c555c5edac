//! What a convention consists of.

use super::requantiser::Requantiser;
use hwmodel::{Accumulator, Overflow, Rounding};

/// Everything between integer operands and an output word that is not a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convention {
    /// Width and overflow of the sums.
    pub accumulator: Accumulator,
    /// How a sum becomes a number in units of the output's last place.
    pub requantiser: Requantiser,
    /// Rounding of that number, where the requantiser does not bring its own.
    pub rounding: Rounding,
    /// What a rounded number outside the word becomes.
    pub overflow: Overflow,
    /// Whether the limits act after the rounding or before.
    pub clip: Clip,
    /// Whether the zero point is added after the rounding or before.
    pub zero_point: ZeroPoint,
}

/// Order of limiting and rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clip {
    /// Rounded, then limited to the word.
    After,
    /// Limited to the integers at the ends of the word, then rounded. Where the overflow mode wraps, the number keeps its
    /// fraction and wraps before it is rounded, and again after.
    Before,
    /// The high bits of the sum are saturated and then its low bits rounded off; a number that is rounded up beyond the word
    /// wraps, since nothing looks at it again.
    Sum,
}

/// Order of rounding and adding the zero point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroPoint {
    /// Added to the rounded integer.
    After,
    /// Added to the number that is rounded: with an odd zero point, ties to even go the other way.
    Before,
}

impl Default for Convention {
    /// hwsim's in evaluation.
    fn default() -> Self {
        Self {
            accumulator: Accumulator::default(),
            requantiser: Requantiser::Shift,
            rounding: Rounding::NearestEven,
            overflow: Overflow::Saturate,
            clip: Clip::After,
            zero_point: ZeroPoint::After,
        }
    }
}
