//! Errors of a comparison.

use crate::network::{NetworkError, NoSingleProduct};
use hwmodel::TensorError;
use hwmodel::array::ShapeError;
use hwmodel::number::quantise::NotANumber;

/// A comparison that is impossible.
#[derive(Debug, thiserror::Error)]
pub enum GapError {
    /// A parameter or running statistic that is not finite.
    #[error("`{tensor}` holds {value} at element {index}: the model's training has diverged")]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// The value.
        value: f32,
        /// Its position.
        index: usize,
    },
    /// An operand that is NaN.
    #[error("{tensor}: {source}")]
    NotANumber {
        /// What the operand is.
        tensor: String,
        /// Where.
        source: NotANumber,
    },
    /// A random product without outputs or sums.
    #[error("--{dimension} is 0: a product needs at least one row, column and term")]
    ZeroDimension {
        /// `m`, `n` or `k`.
        dimension: &'static str,
    },
    /// A random product beyond what fits a memory.
    #[error("a matrix of {rows} × {columns} has more than the {limit} elements allowed")]
    TooLarge {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
        /// The most elements.
        limit: usize,
    },
    /// A layer that is not a single product.
    #[error(transparent)]
    Product(#[from] NoSingleProduct),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Shapes of a product.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A tensor.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}
