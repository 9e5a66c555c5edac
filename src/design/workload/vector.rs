//! Layers that do not run on the MAC array.

use crate::network::vector::operations::VectorOperations;
use crate::network::vector::{
    add, average_pool, batch_norm, causal_softmax, dropout, embedding, layer_norm, lstm, position,
    softmax,
};
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
    /// Softmax of the scaled scores of an attention.
    AttentionSoftmax,
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
    /// Addition of a table of positions.
    Position,
    /// Elements set to zero at random in training, the others scaled.
    Dropout,
    /// Elements change their place only.
    DataMovement,
    /// Gates and state of an LSTM; its elements are the units of all time steps.
    LstmGates,
}

impl VectorKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::BatchNorm => "batch-norm",
            Self::Normalisation => "normalisation",
            Self::Softmax => "softmax",
            Self::AttentionSoftmax => "attention-softmax",
            Self::AveragePool => "average-pool",
            Self::Reduction => "reduction",
            Self::Gelu => "gelu",
            Self::ElementWise => "element-wise",
            Self::Add => "add",
            Self::Relu => "relu",
            Self::MaxPool => "max-pool",
            Self::Embedding => "embedding",
            Self::Position => "position",
            Self::Dropout => "dropout",
            Self::DataMovement => "data-movement",
            Self::LstmGates => "lstm-gates",
        }
    }

    /// Operations per element, where the layers around it run in float32 if `float32`.
    ///
    /// What hwsim trains is charged as [`crate::network::vector`] states it; the rest occurs in ONNX files only. ReLU, max
    /// pooling and fixed-point addition are integer work on the array's results and free.
    pub fn operations(self, float32: bool) -> VectorOperations {
        match self {
            Self::BatchNorm => batch_norm::OPERATIONS,
            Self::Normalisation => layer_norm::OPERATIONS,
            Self::Softmax => softmax::OPERATIONS,
            Self::AttentionSoftmax => causal_softmax::OPERATIONS,
            Self::AveragePool | Self::Reduction => average_pool::OPERATIONS,
            // Division, erf, addition and two products; a derivative and a product for each.
            Self::Gelu => VectorOperations::new(5, 10),
            Self::ElementWise => VectorOperations::new(1, 2),
            Self::LstmGates => lstm::OPERATIONS,
            Self::Add => add::operations(float32),
            Self::Dropout => dropout::OPERATIONS,
            Self::Embedding => embedding::OPERATIONS,
            Self::Position => position::OPERATIONS,
            Self::Relu | Self::MaxPool | Self::DataMovement => VectorOperations::NONE,
        }
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
