//! Errors of reading an ONNX model.

/// A node that does not fit the rest of its graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphProblem {
    /// It reads a value that does not exist.
    #[error("it reads `{0}`, which no node before it makes: the model is damaged or not sorted")]
    Unmade(String),
    /// It reads a value that a later node makes.
    #[error(
        "it reads `{name}`, which a later node (`{maker}`) makes: sort the nodes of the model topologically"
    )]
    Later {
        /// The value.
        name: String,
        /// The node that makes it.
        maker: String,
    },
    /// It reads a value that is made from its own results.
    #[error(
        "it reads `{name}`, which depends on its own output: the nodes form a cycle, which ONNX does not allow"
    )]
    Cycle {
        /// The value.
        name: String,
    },
    /// It makes a value that exists.
    #[error("its output `{0}` is made before: the model is damaged")]
    MadeTwice(String),
    /// It reads a sparse tensor.
    #[error(
        "it reads `{0}`, a sparse tensor, which is not supported: export the model with dense weights"
    )]
    Sparse(String),
    /// Its inputs have several element types where ONNX demands one.
    #[error(
        "its inputs are {types}, but must have one element type: the model is not valid ONNX, export it in one precision"
    )]
    MixedTypes {
        /// Each input and its type.
        types: String,
    },
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
    #[error("it is damaged or not an ONNX model: {0}")]
    Malformed(String),
    /// A protocol buffer without a graph.
    #[error("it is not an ONNX model with nodes: it has no graph, or an empty one")]
    NoGraph,
    /// A model whose structure, without weights, is too large.
    #[error("it has more than {0} MiB besides weights: split or simplify the model")]
    TooLarge(u64),
    /// More nodes, attributes, tensors and descriptions of values than a model has.
    #[error(
        "it has more than {0} nodes, attributes, tensors and value descriptions: split or simplify the model"
    )]
    TooManyParts(u64),
    /// A file that is too large to be read with its values.
    #[error("it has more than {0} GiB: export the model with its weights as external data")]
    LargeFile(u64),
    /// Not a regular file.
    #[error("it is not a regular file")]
    NotAFile,
    /// More elements than the tensors of a model may have together.
    #[error("its tensors have more than {0} elements together")]
    TooManyElements(usize),
    /// A tensor whose data do not fit its shape.
    #[error("tensor `{tensor}` is damaged: {why}")]
    Tensor {
        /// Name of the tensor.
        tensor: String,
        /// The problem.
        why: String,
    },
    /// A tensor that a node needs and hwsim does not support.
    #[error(
        "tensor `{tensor}` has {what}, which is not supported: export the model with dense tensors of integers, truth values or floats of 16, 32 or 64 bits"
    )]
    UnsupportedTensor {
        /// Name of the tensor.
        tensor: String,
        /// What it has.
        what: String,
    },
    /// Data of a tensor in another file that cannot be had.
    #[error("the data of tensor `{tensor}` are in another file, `{location}`: {why}")]
    External {
        /// Name of the tensor.
        tensor: String,
        /// The file that the model names.
        location: String,
        /// The problem.
        why: String,
    },
    /// Two tensors or inputs of one name.
    #[error("it has two {what} called `{name}`: the model is damaged")]
    Twice {
        /// `initialisers` or `inputs`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// An output that nothing makes.
    #[error("output `{0}` is made by no node: the model is damaged")]
    NoOutput(String),
    /// A model whose results nobody can read.
    #[error("it has no outputs: the model is damaged")]
    NoOutputs,
    /// A node that does not fit the others.
    #[error("node `{node}` ({operator}): {problem}")]
    Node {
        /// Name of the node, or of its first output.
        node: String,
        /// Its operator.
        operator: String,
        /// The problem.
        problem: GraphProblem,
    },
    /// An input that is not a tensor.
    #[error(
        "input `{0}` is not a tensor of known rank and element type: export the model with tensors as inputs"
    )]
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
}

/// `--dim N=... --dim L=...`
fn flags(names: &[String]) -> String {
    let flags: Vec<_> = names.iter().map(|name| format!("--dim {name}=SIZE")).collect();
    flags.join(" ")
}
