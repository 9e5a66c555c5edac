//! Errors of the cost equations.

/// A trace or schedule that has no cost.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CostError {
    /// An option is out of range.
    #[error("cost option `{option}` is {value}: use {allowed}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: f64,
        /// The allowed values.
        allowed: &'static str,
    },
    /// There is no layer, or one without elements.
    #[error("layer {0} has no elements")]
    EmptyLayer(usize),
    /// A network without layers.
    #[error("a cost needs at least one layer")]
    NoLayers,
    /// A step with another number of layers.
    #[error("step {step} has {given} layers, the network {expected}")]
    LayerCount {
        /// Number of the step, from 0.
        step: u64,
        /// Layers of the network.
        expected: usize,
        /// Layers of the step.
        given: usize,
    },
    /// A value of a step is impossible.
    #[error("step {step}, layer {layer}: {what} is {value}, use {allowed}")]
    Step {
        /// Number of the step, from 0.
        step: u64,
        /// Number of the layer, from 0.
        layer: usize,
        /// Which value.
        what: &'static str,
        /// The value given.
        value: u64,
        /// The allowed values.
        allowed: String,
    },
    /// A sum left the range of its counter.
    #[error("step {0}: a sum no longer fits 64 bits")]
    Overflow(u64),
    /// A summary of nothing.
    #[error("no step was accumulated yet")]
    NoSteps,
    /// A schedule without epochs or with an impossible word length.
    #[error("a schedule needs at least one epoch and word lengths of 1 to 32 bits")]
    Schedule,
}
