//! The traits of a layer. Every kind is one file in `layers`.
//!
//! [`Layer`] describes the layer: shapes, parameters, work and export. [`Compute`] is its
//! arithmetic; what the forward pass keeps for the backward pass is an associated type. The graph holds layers of any kind
//! as [`AnyLayer`].

use super::activation::Activation;
use super::backward::{Backward, BackwardResult};
use super::error::NetworkError;
use super::forward::Forward;
use super::integer::IntegerForm;
use super::parameter::ParameterSpec;
use super::work::Work;
use hwmodel::array::Convolution2d;
use std::sync::Arc;

/// Description of a layer. Shapes without the batch are `[h, w, c]`.
pub trait Layer: Send + Sync {
    /// The kind's name.
    fn kind(&self) -> &'static str;

    /// Shape of the output for inputs of these shapes.
    ///
    /// # Errors
    /// What is wrong with the inputs.
    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String>;

    /// The layer's work on a machine for one sample, each piece with a word that tells it from the others; nothing if elements
    /// are only renamed. A layer on the array has one product.
    fn work(&self, inputs: &[[usize; 3]], output: [usize; 3]) -> Vec<(&'static str, Work)>;

    /// The parameters that the layer has for inputs of these shapes.
    fn parameters(&self, _inputs: &[[usize; 3]]) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// Whether the layer's product runs on the MAC array.
    fn on_array(&self) -> bool {
        false
    }

    /// Geometry of the layer's product on the array, if it is one of an input and a weight.
    fn geometry(&self) -> Option<Convolution2d> {
        None
    }

    /// Channels for which the layer keeps running statistics.
    fn running_channels(&self, _inputs: &[[usize; 3]]) -> Option<usize> {
        None
    }

    /// Whether the outputs are inputs, selected or moved, so that a number format holds them as well.
    fn moves_values(&self) -> bool {
        false
    }

    /// Whether the input is token numbers.
    fn takes_tokens(&self) -> bool {
        false
    }

    /// How it is computed in integers only; `None` if it needs the float32 vector unit.
    fn integer_form(&self) -> Option<IntegerForm> {
        None
    }
}

/// The arithmetic of a layer.
pub trait Compute: Layer {
    /// Data that the forward pass saves for the backward pass.
    type Saved: Send + Sync;

    /// Computes the output.
    ///
    /// # Errors
    /// If shapes or formats do not fit or a value is not a number.
    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError>;

    /// Computes gradients; quantisers pass them straight through.
    ///
    /// # Errors
    /// If shapes do not fit.
    fn backward(
        &self,
        saved: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError>;

    /// The input of the layer's product on the array as the product read it, if it was kept.
    fn product_input(_saved: &Self::Saved) -> Option<&Activation> {
        None
    }
}

/// A layer of any kind.
pub(super) trait AnyLayer: Layer {
    /// [`Compute::forward`], with the backward pass that is then left to do.
    fn run(
        self: Arc<Self>,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Box<dyn BackwardPass>), NetworkError>;
}

/// The backward pass of a layer after its forward pass.
pub(super) trait BackwardPass: Send + Sync {
    /// [`Compute::backward`].
    fn run(self: Box<Self>, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError>;

    /// [`Compute::product_input`].
    fn product_input(&self) -> Option<&Activation>;
}

impl<L: Compute + 'static> AnyLayer for L
where
    L::Saved: 'static,
{
    fn run(
        self: Arc<Self>,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Box<dyn BackwardPass>), NetworkError> {
        let (output, saved) = self.forward(call)?;
        Ok((output, Box::new(AfterForward { layer: self, saved })))
    }
}

/// A layer and what its forward pass kept.
struct AfterForward<L: Compute> {
    layer: Arc<L>,
    saved: L::Saved,
}

impl<L: Compute> BackwardPass for AfterForward<L> {
    fn run(self: Box<Self>, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        self.layer.backward(self.saved, call)
    }

    fn product_input(&self) -> Option<&Activation> {
        L::product_input(&self.saved)
    }
}
