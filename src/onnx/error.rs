//! Errors of reading an ONNX model.

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
}

/// `--dim N=... --dim L=...`
fn flags(names: &[String]) -> String {
    let flags: Vec<_> = names.iter().map(|name| format!("--dim {name}=SIZE")).collect();
    flags.join(" ")
}
