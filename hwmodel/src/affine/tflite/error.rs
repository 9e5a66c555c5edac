//! Errors of TFLite's operators.

use crate::Format;
use crate::affine::AffineError;
use crate::array::ShapeError;

/// Error of an operator that TFLite does not have, or of operands that do not match.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TfliteError {
    /// A tensor that is neither int8 nor int16.
    #[error(
        "{0} is not a type of TFLite's integer operators: use 8 or 16 bits, signed, without fractional bits"
    )]
    Type(Format),
    /// Tensors of different types.
    #[error("{operator} of {left} and {right}: use one type")]
    Types {
        /// The operator.
        operator: &'static str,
        /// Type of one tensor.
        left: Format,
        /// Type of the other.
        right: Format,
    },
    /// A tensor with several scales, where the operator takes one.
    #[error("{scales} scales of {what}: use one for the tensor")]
    Scales {
        /// Scales given.
        scales: usize,
        /// Whose.
        what: &'static str,
    },
    /// An int16 tensor or weights with a zero point.
    #[error("zero point {zero_point} of {what}: use 0, as TFLite demands")]
    ZeroPoint {
        /// The zero point.
        zero_point: i32,
        /// Whose.
        what: &'static str,
    },
    /// int8 sums with an int64 bias.
    #[error("an int64 bias of an int8 operator: use an int32 bias")]
    Bias,
    /// Scales whose quotient the kernel does not hold.
    #[error("a scale ratio of {ratio:e}: XNNPACK's {operator} takes {range}")]
    Ratio {
        /// The ratio of an input's scale to that of the output.
        ratio: f32,
        /// The operator.
        operator: &'static str,
        /// The possible ones.
        range: &'static str,
    },
    /// A pooling window without pixels.
    #[error("pooling of {input:?} with a window of {kernel:?} and stride {stride:?}: {why}")]
    Pool {
        /// Input shape [n, h, w, c].
        input: Vec<usize>,
        /// Height and width of the window.
        kernel: [usize; 2],
        /// Stride of both axes.
        stride: [usize; 2],
        /// What is wrong.
        why: &'static str,
    },
    /// Tensors, scales, counts or shapes that do not fit.
    #[error(transparent)]
    Affine(Box<AffineError>),
}

impl From<AffineError> for TfliteError {
    fn from(error: AffineError) -> Self {
        Self::Affine(Box::new(error))
    }
}

impl From<ShapeError> for TfliteError {
    fn from(error: ShapeError) -> Self {
        AffineError::from(error).into()
    }
}
