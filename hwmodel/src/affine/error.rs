//! Errors of affine tensors and of the operators on them.

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
