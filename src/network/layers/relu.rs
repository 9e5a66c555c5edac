//! ReLU and ReLU6, on integers where the activation is fixed point.

use crate::network::activation::owned;
use crate::network::integer::{IntegerForm, IntegerSettings, IntegerStep};
use crate::network::layer::Kind;
use crate::network::vector::operations::VectorOperations;
use crate::network::vector::relu;
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use hwmodel::elementwise::{largest_raw_at_most, rectify, rectify_raw};
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::{FixedTensor, Format, SimdLevel, TensorError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// max(x, 0), or min(max(x, 0), 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Relu {
    six: bool,
}

/// The bound of ReLU6, the activation of MobileNetV2 (Sandler et al. 2018).
const BOUND: u16 = 6;

impl Relu {
    fn bound(&self) -> Option<f32> {
        self.six.then_some(BOUND.into())
    }

    fn raw_bound(&self, format: Format) -> Option<i64> {
        self.six.then_some(BOUND).and_then(|bound| largest_raw_at_most(bound, format))
    }

    fn integers(&self, simd: SimdLevel, x: Arc<FixedTensor>) -> Result<FixedTensor, TensorError> {
        let x = owned(x);
        let (shape, format) = (x.shape().to_vec(), x.format());
        let mut data = x.into_data();
        rectify_raw(simd, &mut data, self.raw_bound(format));
        FixedTensor::new(&shape, format, data)
    }
}

impl VectorKind {
    /// max(x, 0), also cut at a bound: comparisons on the array's results, at no charge.
    pub const RELU: Self = Self::of("relu", VectorOperations::NONE);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Relu>();

impl Layer for Relu {
    fn kind(&self) -> &'static str {
        if self.six { "relu6" } else { "relu" }
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::RELU, inputs[0]))]
    }

    fn moves_values(&self) -> bool {
        !self.six
    }

    fn integer_form(&self) -> Option<IntegerForm> {
        let step = Arc::new(*self);
        Some(if self.six { IntegerForm::Step(step) } else { IntegerForm::Rectifier(step) })
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(if self.six { CommonForm::Relu6 } else { CommonForm::Relu })
    }
}

impl Compute for Relu {
    const TAG: &str = "relu";

    type Saved = Activation;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let simd = call.context.array.simd;
        let y = match call.take_only() {
            Activation::Float(values, shape) => {
                let mut values = owned(values);
                rectify(simd, &mut values, self.bound());
                Activation::float(values, shape)
            }
            Activation::Fixed(tensor) => Activation::fixed(self.integers(simd, tensor)?),
        };
        Ok((y.clone(), y))
    }

    fn backward(
        &self,
        output: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let simd = call.context.array.simd;
        let mut gradient = call.gradient;
        match output {
            Activation::Float(y, _) => {
                relu::relu_backward(simd, &y, self.bound(), &mut gradient)?;
            }
            Activation::Fixed(y) => {
                let bound = self.raw_bound(y.format());
                relu::relu_backward_raw(simd, y.data(), bound, &mut gradient)?;
            }
        }
        Ok(BackwardResult::of_input(gradient))
    }
}

impl IntegerStep for Relu {
    fn run(
        &self,
        mut inputs: Vec<Arc<FixedTensor>>,
        settings: &IntegerSettings,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        let y = self.integers(settings.simd, inputs.swap_remove(0))?;
        Ok((y, QuantiseCounts::default()))
    }
}

impl Builder {
    /// max(x, 0).
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn relu(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("relu", Relu { six: false }, &[input])
    }

    /// min(max(x, 0), 6).
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn relu6(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("relu6_", Relu { six: true }, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example = super::Example {
    input: [6, 5, 4],
    add: |net, x| {
        let x = net.relu6(x)?;
        net.relu(x)
    },
};
