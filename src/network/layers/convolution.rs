//! Two-dimensional convolution.

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

/// A convolution (cross-correlation) with zero padding; weights `[o, kh, kw, c / groups]`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Convolution {
    filters: usize,
    geometry: Convolution2d,
    bias: bool,
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Convolution>();

impl Layer for Convolution {
    fn kind(&self) -> &'static str {
        "convolution"
    }

    fn result_format(&self) -> ResultFormat {
        ResultFormat::Own
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [h, w, c] = inputs[0];
        let groups = self.geometry.groups;
        if groups == 0 || !c.is_multiple_of(groups) || !self.filters.is_multiple_of(groups) {
            return Err(format!("{groups} groups do not divide {c} and {} channels", self.filters));
        }
        let [oh, ow] = self.geometry.output_size([h, w]).ok_or_else(|| {
            "the kernel is larger than the padded input, or a stride is 0".to_owned()
        })?;
        Ok([oh, ow, self.filters])
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::Convolution(self.geometry.sizes(inputs[0], self.filters)))]
    }

    fn parameters(&self, inputs: &[[usize; 3]]) -> Vec<ParameterSpec> {
        let [kh, kw] = self.geometry.kernel;
        let channels = inputs[0][2] / self.geometry.groups;
        let mut specs = vec![ParameterSpec {
            name: "weight",
            shape: vec![self.filters, kh, kw, channels],
            initialiser: Initialiser::VarianceScaling { fan_in: kh * kw * channels },
        }];
        if self.bias {
            specs.push(ParameterSpec {
                name: "bias",
                shape: vec![self.filters],
                initialiser: Initialiser::Bias { channels },
            });
        }
        specs
    }

    fn on_array(&self) -> bool {
        true
    }

    fn geometry(&self) -> Option<Convolution2d> {
        Some(self.geometry)
    }

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::Product(self.geometry))
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::Convolution(self.geometry))
    }
}

impl Compute for Convolution {
    const TAG: &str = "convolution";

    type Saved = Activation;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        mac_layer::forward(self.geometry, call)
    }

    fn backward(
        &self,
        input: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        mac_layer::backward(self.geometry, input, call)
    }
    fn product_input(input: &Activation) -> Option<&Activation> {
        Some(input)
    }
}

impl Builder {
    /// A convolution of `filters` filters; a depthwise one has as many groups as channels.
    ///
    /// # Errors
    /// If it does not fit its input (so for every method below).
    pub fn convolution(
        &mut self,
        name: &str,
        input: NodeId,
        filters: usize,
        geometry: Convolution2d,
        bias: bool,
    ) -> Result<NodeId, NetworkError> {
        self.add(name, Convolution { filters, geometry, bias }, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example = super::Example {
    input: [6, 5, 4],
    add: |net, x| net.convolution("layer", x, 3, Convolution2d::square(3, 2, 1), true),
};
