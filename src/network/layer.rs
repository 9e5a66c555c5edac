//! The traits of a layer. Every kind is one file in `layers`.
//!
//! [`Layer`] describes the layer: shapes, parameters, work and export. [`Compute`] is its
//! arithmetic; what the forward pass keeps for the backward pass is an associated type. The graph holds layers of any kind
//! as [`AnyLayer`].

use super::activation::Activation;
use super::backward::{Backward, BackwardResult};
use super::common_form::CommonForm;
use super::error::NetworkError;
use super::forward::Forward;
use super::integer::IntegerForm;
use super::parameter::ParameterSpec;
use super::work::Work;
use hwmodel::array::Convolution2d;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Which format the results of a layer have in fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// That of the first input.
    OfInput,
    /// One for the layer's results.
    Own,
    /// That of the layer's weight, whose rows they are.
    Table,
    /// One that follows from the layer's other formats, which also hold for values inside it.
    Inner,
}

/// Description of a layer. Shapes without the batch are `[h, w, c]`.
pub trait Layer: Send + Sync {
    /// The kind's name.
    fn kind(&self) -> &'static str;

    /// Number of inputs.
    fn inputs(&self) -> usize {
        1
    }

    /// Shape of the output for [as many](Self::inputs) inputs of these shapes.
    ///
    /// # Errors
    /// What is wrong with the inputs, or with the layer's settings.
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

    /// Which format the results have in fixed point.
    fn result_format(&self) -> ResultFormat {
        ResultFormat::OfInput
    }

    /// Whether the input is token numbers.
    fn takes_tokens(&self) -> bool {
        false
    }

    /// How it is computed in integers only; `None` if it needs the float32 vector unit.
    fn integer_form(&self) -> Option<IntegerForm> {
        None
    }

    /// What it is in the terms of other programs; `None` if it cannot be exported.
    fn common_form(&self) -> Option<CommonForm> {
        None
    }
}

/// The arithmetic of a layer. Its fields are its settings, as a saved model holds them.
pub trait Compute: Layer + Serialize + DeserializeOwned {
    /// The name of the kind in saved models.
    const TAG: &str;

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
    /// Name of the kind and settings of this layer, as a saved model holds them.
    ///
    /// # Errors
    /// If a setting cannot be written, such as a number that is not finite.
    fn described(&self) -> serde_json::Result<(&'static str, serde_json::Value)>;

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
    fn described(&self) -> serde_json::Result<(&'static str, serde_json::Value)> {
        Ok((L::TAG, serde_json::to_value(self)?))
    }

    fn run(
        self: Arc<Self>,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Box<dyn BackwardPass>), NetworkError> {
        let (output, saved) = self.forward(call)?;
        Ok((output, Box::new(AfterForward { layer: self, saved })))
    }
}

/// A kind of layer: its name in saved models, and how a layer is made of its settings.
pub(super) struct Kind {
    pub(super) tag: &'static str,
    pub(super) restore: fn(serde_json::Value) -> serde_json::Result<Arc<dyn AnyLayer>>,
}

impl Kind {
    /// The kind of layers of type `L`.
    pub(super) const fn of<L: Compute + 'static>() -> Self
    where
        L::Saved: 'static,
    {
        Self {
            tag: L::TAG,
            restore: |settings| Ok(Arc::new(serde_json::from_value::<L>(settings)?)),
        }
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
