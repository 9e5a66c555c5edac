//! Errors of affine tensors and of the operators on them.

use super::Granularity;
use crate::array::ShapeError;
use crate::{Format, TensorError};

/// Error of an affine tensor, or of an operator on affine tensors.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AffineError {
    /// A scale is 0, negative, infinite or NaN.
    #[error("scale {index} is {scale}: use a finite number above 0")]
    Scale {
        /// Position among the scales.
        index: usize,
        /// The scale.
        scale: f32,
    },
    /// Scales whose product or quotient float32 cannot hold as a finite number above 0.
    #[error(
        "the factor {factor} of a sum is impossible: {input} · {weight} / {output} must be finite and above 0 in float32"
    )]
    Factor {
        /// The factor that the scales give.
        factor: f32,
        /// Scale of the left operand.
        input: f32,
        /// Scale of the right operand.
        weight: f32,
        /// Scale of the result.
        output: f32,
    },
    /// A real factor that a multiplier and a shift cannot hold.
    #[error("the factor {factor} of a sum is impossible: use 0 up to but not including {most}")]
    Multiplier {
        /// The factor.
        factor: f64,
        /// The least factor that is too large.
        most: &'static str,
    },
    /// A zero point that is not a word of the tensor.
    #[error("zero point {index} is {zero_point}: use {lowest} to {highest}")]
    ZeroPoint {
        /// Position among the zero points.
        index: usize,
        /// The zero point.
        zero_point: i32,
        /// The lowest word.
        lowest: i32,
        /// The highest word.
        highest: i32,
    },
    /// A format whose words are not those of an affine tensor.
    #[error(
        "{0} is not a word of an affine tensor: use 0 fractional bits and 2 to 32 bits, unsigned 2 to 31"
    )]
    Word(Format),
    /// A zero point of a QONNX operator that is beyond ±2^32, not a multiple of 2^-40, or where words are made, not an integer.
    #[error(
        "zero point {0}: use a multiple of 2^-40 up to 2^32, and an integer where words are made"
    )]
    FloatZeroPoint(f32),
    /// A width of a QONNX operator that is not 1 to 32 bits, or more bits after a truncation than before.
    #[error("{0} bits are impossible: use 1 to 32, and no more after a truncation than before")]
    Bits(u32),
    /// A float format that is not covered.
    #[error(
        "{exponent_bits} exponent bits, {mantissa_bits} mantissa bits, bias {bias} and largest value {max_val}: use 1 to 8, 0 to 23, -512 to 512 and a number above 0"
    )]
    FloatFormat {
        /// Exponent bits.
        exponent_bits: u32,
        /// Mantissa bits.
        mantissa_bits: u32,
        /// Bias of the exponent.
        bias: i32,
        /// The largest magnitude.
        max_val: f32,
    },
    /// A NaN where no rule says what becomes of it.
    #[error("element {index} is not a number (NaN)")]
    NotANumber {
        /// Position of the first NaN.
        index: usize,
    },
    /// An accumulator with fractional bits, which words do not have.
    #[error(
        "an accumulator with a fractional length of {0}: affine words have integer sums, so leave `fl` out"
    )]
    Fraction(i32),
    /// Words that are too long for an operator.
    #[error("{0} is too long for an element-wise operator: use words of at most 16 bits")]
    LongWord(Format),
    /// Scales of channels or blocks that an operator cannot use.
    #[error(
        "scales for {granularity:?}: the operator takes one scale, or one for each index of axis {axis}"
    )]
    Granularity {
        /// Which elements share a scale.
        granularity: Granularity,
        /// The axis of channels.
        axis: usize,
    },
    /// Operands of an element-wise operator with different shapes.
    #[error("shapes {left:?} and {right:?} differ")]
    Operands {
        /// Shape of the left operand.
        left: Vec<usize>,
        /// Shape of the right operand.
        right: Vec<usize>,
    },
    /// A rule that an operator does not have.
    #[error("{operator} has no rule `{rule}`")]
    Rule {
        /// The rule.
        rule: &'static str,
        /// The operator.
        operator: &'static str,
    },
    /// An axis that the shape lacks, or empty blocks.
    #[error("{}", match size {
        0 => "blocks of 0 indices: use at least 1".to_owned(),
        _ => format!("a tensor of {dimensions} dimensions has no axis {axis}"),
    })]
    Axis {
        /// The axis, from 0.
        axis: usize,
        /// Indices of a block; 1 where there are no blocks.
        size: usize,
        /// Dimensions of the tensor.
        dimensions: usize,
    },
    /// More or fewer values than the shape needs.
    #[error("{given} {what}, but {needed} are needed: {why}")]
    Count {
        /// What is counted, in the plural.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// How many there must be.
        needed: usize,
        /// What they are needed for.
        why: &'static str,
    },
    /// Shapes that do not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Raw integers that do not fit their shape or format.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}
