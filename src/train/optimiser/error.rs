//! Errors of an optimiser step.

/// An optimiser that cannot be made, or a step that it cannot take.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptimiserError {
    /// An option is out of range.
    #[error("optimiser option `{option}` is {value}: use {allowed}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: f64,
        /// The allowed values.
        allowed: &'static str,
    },
    /// A slice does not have the tensor's number of elements.
    #[error("{what} has {given} elements, the tensor {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Elements of the tensor.
        expected: usize,
        /// Elements given.
        given: usize,
    },
    /// The gradient holds NaN or infinity.
    #[error("the gradient is not finite: training has diverged")]
    NotFinite,
    /// A step of the update was called out of order.
    #[error("{found} of {expected} micro-batches are accumulated")]
    Accumulation {
        /// Micro-batches of an update.
        expected: u32,
        /// Micro-batches so far.
        found: u32,
    },
    /// The quantiser failed.
    #[error("the gradient cannot be quantised: {0}")]
    Quantiser(String),
    /// A saved state lacks an array, or has one of another type.
    #[error("the saved state has no array `{0}` of the right type")]
    State(&'static str),
}
