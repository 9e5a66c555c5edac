//! The work of a layer on a machine: the inputs of the cost model.

use super::vector::operations::VectorOperations;
use hwmodel::product::{Convolution, LayerProducts, MatrixProduct, SizeError};

/// A piece of work for one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A convolution on the array.
    Convolution(Convolution),
    /// A matrix product on the array.
    MatrixProduct(MatrixProduct),
    /// Work off the array.
    Vector(VectorWork),
}

/// Work of the vector unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorWork {
    /// The operation.
    pub kind: VectorKind,
    /// Elements that its operations are counted on, for one sample.
    pub elements: u64,
}

/// Operation of the vector unit on each element. A layer states its own kind next to its arithmetic; those here occur in ONNX
/// files only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorKind {
    name: &'static str,
    fixed: VectorOperations,
    float32: VectorOperations,
}

impl VectorKind {
    /// Softmax and its logarithm.
    pub const SOFTMAX: Self = Self::of("softmax", super::vector::softmax::OPERATIONS);
    /// Sum, mean, maximum and so on along axes; its elements are those of the input.
    pub const REDUCTION: Self = Self::of("reduction", super::vector::average_pool::OPERATIONS);
    /// A function or arithmetic, element by element.
    pub const ELEMENT_WISE: Self = Self::of("element-wise", super::vector::function::OPERATIONS);
    /// Elements change their place only.
    pub const DATA_MOVEMENT: Self = Self::of("data-movement", VectorOperations::NONE);

    /// A kind that reports call `name`, with the same operations for any formats.
    pub const fn of(name: &'static str, operations: VectorOperations) -> Self {
        Self { name, fixed: operations, float32: operations }
    }

    /// A kind that is integer work on the array's results, at no charge, where the layers around it run in fixed point.
    pub const fn free_in_fixed_point(name: &'static str, float32: VectorOperations) -> Self {
        Self { name, fixed: VectorOperations::NONE, float32 }
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Operations per element, where the layers around it run in float32 if `float32`.
    pub const fn operations(self, float32: bool) -> VectorOperations {
        if float32 { self.float32 } else { self.fixed }
    }
}

impl Work {
    /// Work of `kind` on every element of a tensor `[h, w, c]`.
    pub(super) fn vector(kind: VectorKind, shape: [usize; 3]) -> Self {
        Self::Vector(VectorWork { kind, elements: shape.iter().map(|&size| size as u64).product() })
    }

    /// The name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Convolution(_) => "convolution",
            Self::MatrixProduct(_) => "matrix-product",
            Self::Vector(vector) => vector.kind.name(),
        }
    }

    /// The products of `batch` samples; `None` off the array.
    ///
    /// # Errors
    /// If the sizes are impossible.
    pub fn products(&self, batch: u64) -> Result<Option<LayerProducts>, SizeError> {
        match self {
            Self::Convolution(convolution) => convolution.products(batch).map(Some),
            Self::MatrixProduct(matrix) => matrix.products(batch).map(Some),
            Self::Vector(_) => Ok(None),
        }
    }

    /// Elements of the weights of a product; 0 without.
    ///
    /// # Errors
    /// If the number is beyond 64 bits.
    pub fn weights(&self) -> Result<u64, SizeError> {
        match self {
            Self::Convolution(convolution) => convolution.weights(),
            Self::MatrixProduct(matrix) => matrix.weights(),
            Self::Vector(_) => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addition_is_free_in_integers_only() {
        assert_eq!(VectorKind::ADD.operations(false).forward, 0);
        assert_eq!(VectorKind::ADD.operations(true).forward, 1);
    }
}
