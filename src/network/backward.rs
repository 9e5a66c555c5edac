//! Arguments and results of a layer's backward pass.

use super::graph::PassSettings;
use super::parameter::Parameter;
use super::tally::LayerTally;
use hwmodel::random::{RandomAddress, Role};

/// A backward call of one layer.
pub struct Backward<'a, 'c> {
    /// Settings of the pass.
    pub context: &'a PassSettings,
    /// Number of the node, the address of its random numbers.
    pub node: u32,
    /// The part of the node that this call computes, in the same address; see [`RandomAddress::part`].
    pub part: Option<u64>,
    /// Name of the layer, for messages.
    pub name: &'a str,
    /// Gradient of the loss with respect to the output, `[n, h, w, c]`.
    pub gradient: Vec<f32>,
    /// Shape of the first input, `[n, h, w, c]`.
    pub input_shape: [usize; 4],
    /// The layer's parameters.
    pub parameters: &'a [Parameter],
    /// Whether the gradient of the input is needed (not for the first layer).
    pub wants_input: bool,
    /// Counts of the MAC layer this node belongs to.
    pub tally: &'c mut LayerTally,
}

/// Result of a layer's backward pass.
#[derive(Debug)]
pub struct BackwardResult {
    /// One gradient an input; `None` where not wanted.
    pub inputs: Vec<Option<Vec<f32>>>,
    /// One gradient a parameter.
    pub parameters: Vec<Vec<f32>>,
}

impl BackwardResult {
    /// The gradient of the only input of a layer without parameters.
    pub fn of_input(gradient: Vec<f32>) -> Self {
        Self { inputs: vec![Some(gradient)], parameters: Vec::new() }
    }
}

impl Backward<'_, '_> {
    /// Random numbers of this node in this step.
    pub fn address(&self, role: Role) -> RandomAddress {
        self.context.address(self.node, self.part, role)
    }
}
