//! Errors of reading an ONNX model.

use crate::design::workload::WorkloadError;
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

/// A model that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The system refuses.
    #[error("it cannot be read")]
    Io(#[source] std::io::Error),
    /// A field ends after the message that it is in.
    #[error("it is truncated or damaged at byte {0}: export or copy it again")]
    Truncated(u64),
    /// No protocol buffer, or one of other messages.
    #[error("it is damaged or no ONNX model: {0}")]
    Malformed(String),
    /// A protocol buffer without a graph.
    #[error("it is no ONNX model: it has no graph with nodes")]
    NoGraph,
    /// A model whose structure, without weights, is too large.
    #[error("it has more than {0} MiB besides weights: split or simplify the model")]
    TooLarge(u64),
    /// A tensor whose data do not fit its shape.
    #[error("tensor `{tensor}` is damaged: {why}")]
    Tensor {
        /// Name of the tensor.
        tensor: String,
        /// The problem.
        why: String,
    },
    /// An input that is not a tensor.
    #[error("input `{0}` is no tensor of known rank: export the model with tensors as inputs")]
    Input(String),
    /// Sizes of inputs that are not known.
    #[error("the sizes of {} are not known: give {}", .0.join(", "), flags(.0))]
    Dimensions(Vec<String>),
    /// A size for an unknown dimension.
    #[error("no input has a dimension `{name}`: {known}")]
    UnknownDimension {
        /// The name given.
        name: String,
        /// The names that exist.
        known: String,
    },
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

/// `--dim N=... --dim L=...`
fn flags(names: &[String]) -> String {
    let flags: Vec<_> = names.iter().map(|name| format!("--dim {name}=SIZE")).collect();
    flags.join(" ")
}
