//! Errors of the cost of an ONNX model.

use super::super::WorkloadError;
use crate::onnx::OnnxError;
use hwmodel::product::SizeError;

/// Problem with a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeProblem {
    /// The operator is not known.
    #[error(
        "there is no rule for this operator: replace it by operators of docs/cost.md (a simplifier such \
         as onnxsim, or another opset at export, often does), or describe the network as a topology"
    )]
    NoRule,
    /// A form of the operator that is not known.
    #[error("{0} is not supported: use the operators and forms of docs/cost.md")]
    Unsupported(String),
    /// A model that was exported while it was trained.
    #[error(
        "it is in training mode: export the model for inference, in PyTorch after `model.eval()`"
    )]
    Training,
    /// A required input is missing.
    #[error("input {0} is missing: the model is damaged")]
    NoInput(usize),
    /// An input that no earlier node produces.
    #[error("it reads `{0}`, which no node before it makes: the model is damaged or not sorted")]
    Unmade(String),
    /// A shape depends on a value that cannot be computed from the model.
    #[error(
        "its {what} depends on data, or on more than a few constants: fix the sizes at export, or run \
         shape inference so that the model states this shape"
    )]
    Value {
        /// The unknown quantity.
        what: &'static str,
    },
    /// Shapes that do not fit the operator.
    #[error("{0}")]
    Shape(String),
    /// An attribute with an impossible value.
    #[error("attribute `{name}` is {value}: {allowed}")]
    Attribute {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// The allowed values.
        allowed: &'static str,
    },
    /// A tensor beyond 2^48 elements or 32 axes.
    #[error("a tensor of shape {0:?} is too large: at most 2^48 elements on 32 axes")]
    TooLarge(Vec<u64>),
    /// The model declares another shape than the rule infers.
    #[error(
        "its output `{output}` is declared as {declared:?}, but its inputs make it {inferred:?}: export the \
         model again, or remove its value_info"
    )]
    Contradiction {
        /// Name of the output.
        output: String,
        /// The declared shape.
        declared: Vec<u64>,
        /// The inferred shape.
        inferred: Vec<u64>,
    },
    /// Sizes of a layer.
    #[error(transparent)]
    Size(#[from] SizeError),
}

/// A model without a cost.
#[derive(Debug, thiserror::Error)]
pub enum OnnxCostError {
    /// The file.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A node.
    #[error("node `{node}` ({operator}): {problem}")]
    Node {
        /// Name of the node, or of its first output.
        node: String,
        /// Its operator.
        operator: String,
        /// The problem.
        problem: NodeProblem,
    },
    /// The layers as a workload.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
}
