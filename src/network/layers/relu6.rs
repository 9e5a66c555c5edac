//! ReLU6, on integers where the activation is fixed point.

use crate::network::activation::{Activation, owned};
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use crate::network::vector::relu6;
use hwmodel::FixedTensor;

/// min(max(x, 0), 6).
pub(in crate::network) struct Relu6;

impl Layer for Relu6 {
    fn kind(&self) -> &'static str {
        "relu6"
    }

    fn operation(&self) -> Operation {
        Operation::Relu6
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        let simd = call.context.array.simd;
        let y = match call.take_only() {
            Activation::Float(values, shape) => {
                let mut values = owned(values);
                relu6::relu6_in_place(simd, &mut values, relu6::BOUND);
                Activation::float(values, shape)
            }
            Activation::Fixed(tensor) => {
                let tensor = owned(tensor);
                let (shape, format) = (tensor.shape().to_vec(), tensor.format());
                let mut data = tensor.into_data();
                relu6::relu6_raw(simd, format, &mut data);
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
            Activation::Float(y, _) => {
                relu6::relu6_backward(simd, &y, Some(relu6::BOUND), &mut gradient)?;
            }
            Activation::Fixed(y) => {
                relu6::relu6_backward_raw(simd, y.format(), y.data(), &mut gradient)?;
            }
        }
        Ok(BackwardResult { inputs: vec![Some(gradient)], parameters: Vec::new() })
    }
}
