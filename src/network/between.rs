//! Operations on activations between layers.

use super::activation::Activation;
use super::error::NetworkError;

/// Changes values between float32 layers in place: a number format that layers do not implement is emulated around float32
/// products, or values are watched.
///
/// Layers that only select or move values (ReLU, max pooling, flattening) are skipped by changes, since values of a format stay
/// values of it.
pub trait Between {
    /// Changes the output of node `node`, called `name`; `values` are those of a batch.
    ///
    /// # Errors
    /// If a value is not a number.
    fn output(&mut self, node: usize, name: &str, values: &mut [f32]) -> Result<(), NetworkError>;

    /// Sees a value as its readers get it, whatever layer made it: 0 the images, i + 1 the output of node i.
    fn value(&mut self, _value: usize, _values: &Activation) {}

    /// Changes the gradient of the loss with respect to the output of node `node` before the node reads it.
    ///
    /// # Errors
    /// If a value is not a number.
    fn gradient(&mut self, node: usize, name: &str, values: &mut [f32])
    -> Result<(), NetworkError>;
}
