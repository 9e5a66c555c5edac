//! Errors of graphs.

use crate::onnx::OnnxError;
use crate::onnx::model::Node;
use hwmodel::affine::AffineError;

/// Problem with a node.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The operator is not known.
    #[error("this operator is not supported: `hwsim onnx operators` lists those that are")]
    NoOperator,
    /// A form of the operator that is not known.
    #[error("{0}")]
    Unsupported(String),
    /// A required input is missing.
    #[error("input {0} is missing: the model is damaged")]
    NoInput(usize),
    /// An input that no earlier node produces.
    #[error("it reads `{0}`, which no node before it makes: the model is damaged or not sorted")]
    Unmade(String),
    /// A value is made twice.
    #[error("its output `{0}` is made before: the model is damaged")]
    MadeTwice(String),
    /// An input must be a constant for this operator.
    #[error("its {0} depends on the input of the network: export the model with it as a constant")]
    NotConstant(&'static str),
    /// Values that the operator does not take.
    #[error("its {what} is {given}, but must be {allowed}")]
    Type {
        /// Which input.
        what: &'static str,
        /// What it is.
        given: String,
        /// What is allowed.
        allowed: &'static str,
    },
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
    /// Shapes that do not fit the operator.
    #[error("{0}")]
    Shape(String),
    /// More elements than a value may have.
    #[error(
        "a tensor of shape {0:?} is too large: at most 2^28 elements; give fewer inputs at a time (`--batch`)"
    )]
    TooLarge(Vec<usize>),
    /// More elements at a time than memory is meant for.
    #[error("more than 2^29 elements are held at a time: give fewer inputs at a time (`--batch`)")]
    TooMuch,
    /// Scales, zero points or words that do not fit.
    #[error(transparent)]
    Affine(#[from] AffineError),
}

impl GraphError {
    /// `problem` with `node`.
    pub fn of(node: &Node, problem: Problem) -> Self {
        let (name, operator) = (node.name.clone(), node.operator_name());
        Self::Node { node: name, operator, problem: Box::new(problem) }
    }
}

/// A graph that cannot be made or run.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
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
        problem: Box<Problem>,
    },
    /// An output that no node makes.
    #[error("output `{0}` is made by no node: the model is damaged")]
    NoOutput(String),
    /// An input of the network that was not given, or does not fit.
    #[error("input `{name}`: {why}")]
    Input {
        /// Its name.
        name: String,
        /// What does not fit, and what is needed.
        why: String,
    },
}
