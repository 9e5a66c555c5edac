//! The first output that differs, step by step.

use super::convention::{Convention, ZeroPoint};
use super::fraction::Fraction;
use super::operands::OperandSummary;
use super::steps::Steps;
use crate::verify::gap::FixedOperands;
use hwmodel::array::Convolution2d;
use serde::Serialize;

/// An output on which two conventions part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstDifference {
    /// Its position: image, row, column, channel.
    pub output: [usize; 4],
    /// What is multiplied.
    pub operands: OperandSummary,
    /// The first convention's steps and the second's.
    pub sides: [SideSteps; 2],
    /// The first step with different results.
    pub part: Part,
}

/// A step between the products and the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The accumulators hold different sums.
    Sum,
    /// The number that is rounded differs: scaling, or a limit that acts before the rounding.
    Value,
    /// It is rounded to different integers.
    Rounding,
    /// The integer becomes different words.
    Limit,
}

/// One convention's steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SideSteps {
    /// The convention as it was named.
    pub convention: String,
    /// The sum in the accumulator, bias included.
    pub sum: String,
    /// Fractional bits of the sum.
    pub sum_fl: i32,
    /// The number that is rounded, in units of the output's last place, exactly.
    pub value: String,
    /// Whether it is halfway between two integers.
    pub tie: bool,
    /// What is added to the rounded number: the zero point, or 0 where it is in the value.
    pub added: i64,
    /// The rounded integer, with the zero point.
    pub rounded: String,
    /// Whether the word's range limits it or makes it wrap.
    pub limited: bool,
    /// The output word.
    pub word: i64,
}

impl Part {
    /// What it is called in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "the sum",
            Self::Value => "the value before rounding",
            Self::Rounding => "rounding",
            Self::Limit => "the limit of the word",
        }
    }

    fn of([first, second]: [(&Steps, i32, ZeroPoint); 2]) -> Self {
        let sum = |(steps, fl, _): (&Steps, i32, ZeroPoint)| {
            Fraction::new(steps.sum, i64::from(fl) + 64).reduced()
        };
        let value = |(steps, ..): (&Steps, i32, ZeroPoint)| steps.value.plus(steps.added).reduced();
        if sum(first) != sum(second) {
            Self::Sum
        } else if value(first) != value(second) {
            Self::Value
        } else if first.0.rounded != second.0.rounded {
            Self::Rounding
        } else {
            Self::Limit
        }
    }
}

impl FirstDifference {
    /// Output `index` of a batch that comes after `images` images, with what each convention made of it.
    pub(super) fn new(
        (index, images): (usize, usize),
        [_, height, width, channels]: [usize; 4],
        operands: &FixedOperands,
        geometry: &Convolution2d,
        sides: [(String, Convention, i32, Steps); 2],
    ) -> Self {
        let (pixel, channel) = (index / channels, index % channels);
        let (row, column) = (pixel / width % height, pixel % width);
        let image = pixel / width / height;
        let part = Part::of(
            sides.each_ref().map(|(_, convention, fl, steps)| (steps, *fl, convention.zero_point)),
        );
        Self {
            output: [images + image, row, column, channel],
            operands: OperandSummary::new(operands, geometry, [image, row, column, channel]),
            sides: sides.map(|(convention, _, sum_fl, steps)| SideSteps {
                convention,
                sum: steps.sum.to_string(),
                sum_fl,
                value: steps.value.to_string(),
                tie: steps.tie,
                added: steps.added,
                rounded: steps.rounded.to_string(),
                limited: steps.limited,
                word: hwmodel::cast::exact(steps.word),
            }),
            part,
        }
    }
}
