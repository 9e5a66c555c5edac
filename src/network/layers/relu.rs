//! ReLU, on integers where the activation is fixed point.

use crate::network::activation::{Activation, owned};
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use crate::network::vector::relu;
use hwmodel::FixedTensor;

/// max(x, 0).
pub(in crate::network) struct Relu;

impl Layer for Relu {
    fn kind(&self) -> &'static str {
        "relu"
    }

    fn operation(&self) -> Operation {
        Operation::Relu
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        let simd = call.context.array.simd;
        let y = match call.take_only() {
            Activation::Float(values, shape) => {
                let mut values = owned(values);
                relu::relu_in_place(simd, &mut values);
                Activation::float(values, shape)
            }
            Activation::Fixed(tensor) => {
                let tensor = owned(tensor);
                let (shape, format) = (tensor.shape().to_vec(), tensor.format());
                let mut data = tensor.into_data();
                relu::relu_raw(simd, &mut data);
                Activation::fixed(FixedTensor::new(&shape, format, data)?)
            }
        };
        let saved = Saved { activation: Some(y.clone()), ..Saved::default() };
        Ok((y, saved))
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        let simd = call.context.array.simd;
        let mut gradient = call.gradient;
        match call.saved.activation.expect("the forward pass keeps its output") {
            Activation::Float(y, _) => relu::relu_backward(simd, &y, &mut gradient)?,
            Activation::Fixed(y) => relu::relu_backward_raw(simd, y.data(), &mut gradient)?,
        }
        Ok(BackwardResult { inputs: vec![Some(gradient)], parameters: Vec::new() })
    }
}
