//! Operations on activations between layers.

use super::error::NetworkError;

/// Changes values between float32 layers in place: a number format that layers do not implement is emulated around float32
/// products.
///
/// Layers that only select or move values (ReLU, max pooling, flattening) are skipped, since values of a format stay
/// values of it.
pub trait Between {
    /// Changes the output of node `node`, called `name`; `values` are those of a batch.
    ///
    /// # Errors
    /// If a value is not a number.
    fn output(&mut self, node: usize, name: &str, values: &mut [f32]) -> Result<(), NetworkError>;

    /// Changes the gradient of the loss with respect to the output of node `node` before the node reads it.
    ///
    /// # Errors
    /// If a value is not a number.
    fn gradient(&mut self, node: usize, name: &str, values: &mut [f32])
    -> Result<(), NetworkError>;
}
