//! Errors of precision controllers and their input.

/// An input that a precision controller cannot work with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PrecisionError {
    /// An option has a value outside its range.
    #[error("precision option `{option}` is {value}: use {allowed}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: String,
        /// The allowed values.
        allowed: String,
    },
    /// There is no tensor to control.
    #[error("a precision controller needs at least one tensor")]
    NoTensors,
    /// A tensor has no elements, or a first slice that is empty or longer than the tensor.
    #[error(
        "tensor `{tensor}` has {elements} elements and a first slice of {first_slice}: \
         both must be at least 1, the slice at most the tensor"
    )]
    Shape {
        /// Name of the tensor.
        tensor: String,
        /// Its number of elements.
        elements: usize,
        /// The number of elements of its first output slice.
        first_slice: usize,
    },
    /// The first tensor is a bias, so that there is no tensor whose format it could take.
    #[error("bias `{0}` comes first: put the tensor whose format it takes before it")]
    BiasFirst(String),
    /// A step brought another number of tensors than the controller was made for.
    #[error("{given} tensors given to a controller of {expected}")]
    TensorCount {
        /// Tensors of the controller.
        expected: usize,
        /// Tensors given.
        given: usize,
    },
    /// A tensor's values or gradient have the wrong number of elements.
    #[error("{what} of tensor `{tensor}` has {given} elements, expected {expected}")]
    Length {
        /// Name of the tensor.
        tensor: String,
        /// `master` or `gradient`.
        what: &'static str,
        /// Elements of the tensor.
        expected: usize,
        /// Elements given.
        given: usize,
    },
    /// A tensor holds NaN or infinity.
    #[error("{what} of tensor `{tensor}` is not finite: training has diverged")]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// `master` or `gradient`.
        what: &'static str,
    },
    /// The loss is NaN or infinite.
    #[error("the loss is {0}: training has diverged")]
    Loss(f64),
    /// A building block was given no weights, or weights that are not finite.
    #[error("the distribution of weights needs at least one weight and only finite ones")]
    Weights,
    /// The number of histogram bins is impossible.
    #[error("a resolution of {given} bins is impossible: use 1 to {most}")]
    Resolution {
        /// Bins asked for.
        given: u32,
        /// The largest possible number.
        most: u32,
    },
    /// A format outside what [`hwmodel::Format`] can express.
    #[error(transparent)]
    Format(#[from] hwmodel::FormatError),
    /// A saved state does not fit the controller it is restored into.
    #[error("saved state of controller `{controller}`: {reason}")]
    State {
        /// The controller that refused it.
        controller: &'static str,
        /// The mismatch.
        reason: String,
    },
}

impl PrecisionError {
    /// Shorthand for [`PrecisionError::Option`].
    pub(crate) fn option(
        option: &'static str,
        value: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Option { option, value: value.to_string(), allowed: allowed.into() }
    }
}
