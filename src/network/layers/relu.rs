//! ReLU and ReLU6, on integers where the activation is fixed point.

use crate::network::activation::{Activation, owned};
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use crate::network::vector::relu;
use hwmodel::elementwise::{largest_raw_at_most, rectify, rectify_raw};
use hwmodel::{FixedTensor, Format};

/// max(x, 0), or min(max(x, 0), 6).
pub(in crate::network) struct Relu {
    pub(in crate::network) six: bool,
}

/// The bound of ReLU6, the activation of MobileNetV2 (Sandler et al. 2018).
const BOUND: u16 = 6;

impl Relu {
    fn bound(&self) -> Option<f32> {
        self.six.then_some(BOUND.into())
    }

    fn raw_bound(&self, format: Format) -> Option<i32> {
        self.six.then_some(BOUND).and_then(|bound| largest_raw_at_most(bound, format))
    }
}

impl Layer for Relu {
    fn kind(&self) -> &'static str {
        if self.six { "relu6" } else { "relu" }
    }

    fn operation(&self) -> Operation {
        if self.six { Operation::Relu6 } else { Operation::Relu }
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        let simd = call.context.array.simd;
        let y = match call.take_only() {
            Activation::Float(values, shape) => {
                let mut values = owned(values);
                rectify(simd, &mut values, self.bound());
                Activation::float(values, shape)
            }
            Activation::Fixed(tensor) => {
                let tensor = owned(tensor);
                let (shape, format) = (tensor.shape().to_vec(), tensor.format());
                let mut data = tensor.into_data();
                rectify_raw(simd, &mut data, self.raw_bound(format));
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
                relu::relu_backward(simd, &y, self.bound(), &mut gradient)?;
            }
            Activation::Fixed(y) => {
                let bound = self.raw_bound(y.format());
                relu::relu_backward_raw(simd, y.data(), bound, &mut gradient)?;
            }
        }
        Ok(BackwardResult { inputs: vec![Some(gradient)], parameters: Vec::new() })
    }
}
