//! Max pooling, on integers where the activation is fixed point.

use super::four_axes;
use crate::network::integer::{IntegerForm, IntegerSettings, IntegerStep};
use crate::network::layer::Kind;
use crate::network::vector::operations::VectorOperations;
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use hwmodel::FixedTensor;
use hwmodel::elementwise::{self, PoolShape, PoolWindow};
use hwmodel::number::quantise::QuantiseCounts;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The maximum of every window; padding is never chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MaxPool {
    window: PoolWindow,
}

impl MaxPool {
    /// The maxima of integers and their positions.
    fn integers(&self, x: &FixedTensor) -> Result<(FixedTensor, Vec<u8>), NetworkError> {
        let shape = PoolShape::new(four_axes(x), self.window)?;
        let (data, argmax) = elementwise::max_pool_raw(&shape, x.data())?;
        Ok((FixedTensor::new(&shape.output_shape(), x.format(), data)?, argmax))
    }
}

impl VectorKind {
    /// Max pooling: comparisons on the array's results, at no charge.
    pub const MAX_POOL: Self = Self::of("max-pool", VectorOperations::NONE);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<MaxPool>();

impl Layer for MaxPool {
    fn kind(&self) -> &'static str {
        "max pool"
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [h, w, c] = inputs[0];
        let shape = PoolShape::new([1, h, w, c], self.window).map_err(|error| error.to_string())?;
        let [_, oh, ow, channels] = shape.output_shape();
        Ok([oh, ow, channels])
    }

    fn work(&self, _: &[[usize; 3]], output: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::MAX_POOL, output))]
    }

    fn moves_values(&self) -> bool {
        true
    }

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::Step(Arc::new(*self)))
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::MaxPool(self.window))
    }
}

impl Compute for MaxPool {
    const TAG: &str = "max_pool";

    type Saved = Vec<u8>;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let x = call.take_only();
        let shape = PoolShape::new(x.shape(), self.window)?;
        let (y, argmax) = match x {
            Activation::Float(x, _) => {
                let mut y = vec![0.0; shape.output_len()];
                let mut argmax = vec![0; shape.output_len()];
                elementwise::max_pool(&shape, &x, &mut y, &mut argmax)?;
                (Activation::float(y, shape.output_shape()), argmax)
            }
            Activation::Fixed(x) => {
                let (y, argmax) = self.integers(&x)?;
                (Activation::fixed(y), argmax)
            }
        };
        Ok((y, argmax))
    }

    fn backward(
        &self,
        argmax: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let shape = PoolShape::new(call.input_shape, self.window)?;
        let mut gradient = vec![0f32; shape.input_len()];
        elementwise::max_pool_backward(&shape, &argmax, &call.gradient, &mut gradient)?;
        Ok(BackwardResult::of_input(gradient))
    }
}

impl IntegerStep for MaxPool {
    fn run(
        &self,
        inputs: Vec<Arc<FixedTensor>>,
        _: &IntegerSettings,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        Ok((self.integers(&inputs[0])?.0, QuantiseCounts::default()))
    }
}

impl Builder {
    /// Max pooling with a square window and no padding.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn max_pool(
        &mut self,
        input: NodeId,
        kernel: usize,
        stride: usize,
    ) -> Result<NodeId, NetworkError> {
        self.max_pool_of(input, PoolWindow::square(kernel, stride, 0))
    }

    /// Max pooling with any window.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn max_pool_of(
        &mut self,
        input: NodeId,
        window: PoolWindow,
    ) -> Result<NodeId, NetworkError> {
        self.add_numbered("max_pool", MaxPool { window }, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 5, 4], add: |net, x| net.max_pool(x, 2, 2) };
