//! Linear layer: a 1×1 convolution of an image of one pixel.

use super::mac_layer;
use crate::network::integer::IntegerForm;
use crate::network::layer::{Kind, ResultFormat};
use crate::network::parameter::{Initialiser, ParameterSpec};
use crate::network::work::Work;
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use hwmodel::array::Convolution2d;
use serde::{Deserialize, Serialize};

/// y = W·x + b with weights `[o, 1, 1, k]`; the input is one pixel of k channels.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Linear {
    outputs: usize,
    bias: bool,
}

fn geometry() -> Convolution2d {
    Convolution2d::square(1, 1, 0)
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Linear>();

impl Layer for Linear {
    fn kind(&self) -> &'static str {
        "linear"
    }

    fn result_format(&self) -> ResultFormat {
        ResultFormat::Own
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs[0] {
            [1, 1, _] => Ok([1, 1, self.outputs]),
            _ => Err("a linear layer takes one pixel: flatten or pool first".to_owned()),
        }
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::Convolution(geometry().sizes(inputs[0], self.outputs)))]
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

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::Product(geometry()))
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::Linear)
    }
}

impl Compute for Linear {
    const TAG: &str = "linear";

    type Saved = Activation;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        mac_layer::forward(geometry(), call)
    }

    fn backward(
        &self,
        input: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        mac_layer::backward(geometry(), input, call)
    }
    fn product_input(input: &Activation) -> Option<&Activation> {
        Some(input)
    }
}

impl Builder {
    /// A linear layer of one pixel.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn linear(
        &mut self,
        name: &str,
        input: NodeId,
        outputs: usize,
    ) -> Result<NodeId, NetworkError> {
        self.linear_of(name, input, outputs, true)
    }

    /// A linear layer of one pixel, with or without bias.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn linear_of(
        &mut self,
        name: &str,
        input: NodeId,
        outputs: usize,
        bias: bool,
    ) -> Result<NodeId, NetworkError> {
        self.add(name, Linear { outputs, bias }, &[input])
    }

    /// A linear layer with bias of every pixel or token: a 1×1 convolution.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn linear_each(
        &mut self,
        name: &str,
        input: NodeId,
        outputs: usize,
    ) -> Result<NodeId, NetworkError> {
        self.convolution(name, input, outputs, Convolution2d::square(1, 1, 0), true)
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example = super::Example {
    input: [6, 5, 4],
    add: |net, x| {
        let x = net.flatten(x)?;
        net.linear("layer", x, 7)
    },
};
