//! Linear layer: a 1×1 convolution of an image of one pixel.

use super::mac_layer;
use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use crate::network::parameter::{Initialiser, ParameterSpec};
use hwmodel::array::Convolution2d;

/// y = W·x + b with weights `[o, 1, 1, k]`; the input is one pixel of k channels.
pub(in crate::network) struct Linear {
    pub(in crate::network) outputs: usize,
    pub(in crate::network) bias: bool,
}

fn geometry() -> Convolution2d {
    Convolution2d::square(1, 1, 0)
}

impl Layer for Linear {
    fn kind(&self) -> &'static str {
        "linear"
    }

    fn operation(&self) -> Operation {
        Operation::Convolution(geometry())
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs[0] {
            [1, 1, _] => Ok([1, 1, self.outputs]),
            _ => Err("a linear layer takes one pixel: flatten or pool first".to_owned()),
        }
    }

    fn parameters(&self, inputs: &[[usize; 3]]) -> Vec<ParameterSpec> {
        let channels = inputs[0][2];
        let mut specs = vec![ParameterSpec {
            name: "weight",
            shape: vec![self.outputs, 1, 1, channels],
            initialiser: Initialiser::VarianceScaling { fan_in: channels },
        }];
        if self.bias {
            specs.push(ParameterSpec {
                name: "bias",
                shape: vec![self.outputs],
                initialiser: Initialiser::Bias { channels },
            });
        }
        specs
    }

    fn on_array(&self) -> bool {
        true
    }

    fn geometry(&self) -> Option<Convolution2d> {
        Some(geometry())
    }

    fn macs(&self, inputs: &[[usize; 3]]) -> u64 {
        mac_layer::macs(geometry(), self.outputs, inputs[0])
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        mac_layer::forward(geometry(), call)
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        mac_layer::backward(geometry(), call)
    }
}
