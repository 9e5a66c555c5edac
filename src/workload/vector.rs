//! Layers that do not run on the MAC array.

use crate::network::vector::lstm;
use serde::{Deserialize, Serialize};

/// What a vector-unit layer does, as far as its cost is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VectorKind {
    /// Batch normalisation.
    BatchNorm,
    /// Normalisation over the elements of one sample: layer, group, instance.
    Normalisation,
    /// Softmax and its logarithm.
    Softmax,
    /// Average pooling; its elements are those of the input.
    AveragePool,
    /// Sum, mean, maximum and so on along axes; its elements are those of the input.
    Reduction,
    /// Gaussian error linear unit x·Φ(x).
    Gelu,
    /// Any other function or arithmetic, element by element.
    ElementWise,
    /// Addition of two tensors, a residual or a bias.
    Add,
    /// max(x, 0).
    Relu,
    /// Max pooling.
    MaxPool,
    /// Rows of a table, picked by index.
    Embedding,
    /// Elements set to zero at random in training, the others scaled.
    Dropout,
    /// Elements change their place only.
    DataMovement,
    /// Gates and state of an LSTM; its elements are the units of all time steps.
    LstmGates,
}

/// Float32 operations of the vector unit per element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorOperations {
    /// In the forward pass.
    pub forward: u64,
    /// In the backward pass.
    pub backward: u64,
}

impl VectorKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::BatchNorm => "batch-norm",
            Self::Normalisation => "normalisation",
            Self::Softmax => "softmax",
            Self::AveragePool => "average-pool",
            Self::Reduction => "reduction",
            Self::Gelu => "gelu",
            Self::ElementWise => "element-wise",
            Self::Add => "add",
            Self::Relu => "relu",
            Self::MaxPool => "max-pool",
            Self::Embedding => "embedding",
            Self::Dropout => "dropout",
            Self::DataMovement => "data-movement",
            Self::LstmGates => "lstm-gates",
        }
    }

    /// Operations per element, where the layers around it run in float32 if `float32`.
    ///
    /// Batch norm, average pool and addition are charged as training charges them. ReLU, max pooling
    /// and fixed-point addition are integer work on the array's results and free; an elementary
    /// function (exp, erf, a division) is one operation.
    pub fn operations(self, float32: bool) -> VectorOperations {
        let (forward, backward) = match self {
            // Mean, variance, scale, offset; two reductions and their combination.
            Self::BatchNorm | Self::Normalisation => (5, 8),
            // Maximum, difference, exp, sum, division; product, sum, difference, product.
            Self::Softmax => (5, 4),
            Self::AveragePool | Self::Reduction => (1, 1),
            // Division, erf, addition and two products; a derivative and a product for each.
            Self::Gelu => (5, 10),
            Self::ElementWise => (1, 2),
            Self::LstmGates => (lstm::FORWARD_OPERATIONS, lstm::BACKWARD_OPERATIONS),
            Self::Add => (u64::from(float32), 0),
            // The products of activations and of gradients, both in training only.
            Self::Dropout => (0, 2),
            Self::Relu | Self::MaxPool | Self::Embedding | Self::DataMovement => (0, 0),
        };
        VectorOperations { forward, backward }
    }
}

/// A layer off the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorLayer {
    /// What it does.
    pub kind: VectorKind,
    /// Elements that its operations are counted on, for one sample of the workload.
    pub elements: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for kind in [VectorKind::BatchNorm, VectorKind::LstmGates, VectorKind::DataMovement] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn addition_is_free_in_integers_only() {
        assert_eq!(VectorKind::Add.operations(false).forward, 0);
        assert_eq!(VectorKind::Add.operations(true).forward, 1);
    }
}
