//! What a convention consists of.

use super::requantiser::Requantiser;
use hwmodel::{Accumulator, AccumulatorWidth, Overflow, Rounding};

/// Everything between integer operands and an output word that is not a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convention {
    /// The accumulator of the sums.
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

impl Convention {
    /// The accumulator without settings that have no effect: a rounding where no bits are dropped, the usual cast, an inner
    /// register of one exact product.
    pub fn effective_accumulator(&self) -> Accumulator {
        let mut accumulator = self.accumulator;
        let cast = accumulator.cast();
        accumulator.cast = None;
        if accumulator.cast() != cast {
            accumulator.cast = Some(cast);
        }
        if accumulator.fl.is_none() {
            accumulator.rounding = None;
        }
        accumulator.inner = accumulator
            .inner
            .filter(|inner| inner.terms.get() > 1 || inner.width != AccumulatorWidth::Exact);
        accumulator
    }

    /// The same with the cast stated, so that another setting does not change it.
    pub(super) fn explicit(self) -> Self {
        let cast = Some(self.accumulator.cast());
        Self { accumulator: Accumulator { cast, ..self.accumulator }, ..self }
    }

    /// Whether both always give the same words.
    pub(super) fn equals(&self, other: &Self) -> bool {
        let settled = |convention: &Self| Self {
            accumulator: convention.effective_accumulator(),
            ..*convention
        };
        settled(self) == settled(other)
    }
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
