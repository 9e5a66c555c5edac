//! Flattening: all elements of an image become the channels of one pixel.

use super::four_axes;
use crate::network::activation::owned;
use crate::network::integer::{IntegerForm, IntegerSettings, IntegerStep};
use crate::network::layer::Kind;
use crate::network::work::Work;
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::{FixedTensor, TensorError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `[h, w, c]` → `[1, 1, h·w·c]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Flatten;

fn flattened(x: Arc<FixedTensor>) -> Result<FixedTensor, TensorError> {
    let [n, h, w, c] = four_axes(&x);
    owned(x).reshaped(&[n, 1, 1, h * w * c])
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Flatten>();

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok([1, 1, inputs[0].iter().product()])
    }

    fn work(&self, _: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        Vec::new()
    }

    fn moves_values(&self) -> bool {
        true
    }

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::Step(Arc::new(*self)))
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::Flatten)
    }
}

impl Compute for Flatten {
    const TAG: &str = "flatten";

    type Saved = ();

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let x = call.take_only();
        let [n, h, w, c] = x.shape();
        let shape = [n, 1, 1, h * w * c];
        let y = match x {
            Activation::Float(values, _) => Activation::Float(values, shape),
            Activation::Fixed(tensor) => Activation::fixed(flattened(tensor)?),
        };
        Ok((y, ()))
    }

    fn backward(
        &self,
        _: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        Ok(BackwardResult::of_input(call.gradient))
    }
}

impl IntegerStep for Flatten {
    fn run(
        &self,
        mut inputs: Vec<Arc<FixedTensor>>,
        _: &IntegerSettings,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        Ok((flattened(inputs.swap_remove(0))?, QuantiseCounts::default()))
    }
}

impl Builder {
    /// All elements as channels of one pixel.
    ///
    /// # Errors
    /// Never for a valid input.
    pub fn flatten(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("flatten", Flatten, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 5, 4], add: |net, x| net.flatten(x) };
