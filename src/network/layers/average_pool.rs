//! Average pooling on the vector unit.

use super::four_axes;
use crate::network::integer::{IntegerForm, IntegerSettings, IntegerStep};
use crate::network::layer::Kind;
use crate::network::vector::average_pool;
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use hwmodel::FixedTensor;
use hwmodel::elementwise::{self, Division, PoolError, PoolShape, PoolWindow};
use hwmodel::number::quantise::QuantiseCounts;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The mean of every window, or of the whole image without a window. The result of a fixed-point
/// input is quantised to the input's format, or with a per-tensor scale where activations have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AveragePool {
    window: Option<PoolWindow>,
}

impl AveragePool {
    fn shape(&self, input: [usize; 4]) -> Result<PoolShape, PoolError> {
        match self.window {
            Some(window) => PoolShape::new(input, window),
            None => PoolShape::global(input),
        }
    }
}

impl VectorKind {
    /// Average pooling; its elements are those of the input.
    pub const AVERAGE_POOL: Self = Self::of("average-pool", average_pool::OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<AveragePool>();

impl Layer for AveragePool {
    fn kind(&self) -> &'static str {
        "average pool"
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [h, w, c] = inputs[0];
        let shape = self.shape([1, h, w, c]).map_err(|error| error.to_string())?;
        let [_, oh, ow, channels] = shape.output_shape();
        Ok([oh, ow, channels])
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::AVERAGE_POOL, inputs[0]))]
    }

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::Step(Arc::new(*self)))
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::AveragePool(self.window))
    }
}

impl Compute for AveragePool {
    const TAG: &str = "average_pool";

    type Saved = ();

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let x = call.take_only();
        let shape = self.shape(x.shape())?;
        let mut y = vec![0.0; shape.output_len()];
        average_pool::average_pool(&shape, &x.to_f32(call.context.array.simd), &mut y)?;
        call.tally.vector_operations += average_pool::OPERATIONS.forward_on(shape.input_len());
        let format = call.format_like(&x);
        Ok((call.vector_result(y, shape.output_shape(), format)?, ()))
    }

    fn backward(
        &self,
        _: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let shape = self.shape(call.input_shape)?;
        let mut gradient = vec![0.0; shape.input_len()];
        average_pool::average_pool_backward(&shape, &call.gradient, &mut gradient)?;
        call.tally.vector_operations += average_pool::OPERATIONS.backward_on(shape.input_len());
        Ok(BackwardResult::of_input(gradient))
    }
}

impl IntegerStep for AveragePool {
    fn run(
        &self,
        inputs: Vec<Arc<FixedTensor>>,
        settings: &IntegerSettings,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        let x = &inputs[0];
        let shape = self.shape(four_axes(x))?;
        let division = Division::of_sums(shape.window().positions(), x.format().signed_bits())?;
        let y = elementwise::average_pool(&shape, division, settings.rounding, x)?;
        Ok((y, QuantiseCounts::default()))
    }
}

impl Builder {
    /// Average pooling with a square window and no padding.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn average_pool(
        &mut self,
        input: NodeId,
        kernel: usize,
        stride: usize,
    ) -> Result<NodeId, NetworkError> {
        self.average_pool_of(input, PoolWindow::square(kernel, stride, 0))
    }

    /// Average pooling with any window; padding counts as pixels of value 0.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn average_pool_of(
        &mut self,
        input: NodeId,
        window: PoolWindow,
    ) -> Result<NodeId, NetworkError> {
        self.add_numbered("average_pool", AveragePool { window: Some(window) }, &[input])
    }

    /// The mean over height and width.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn global_average_pool(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("global_average_pool", AveragePool { window: None }, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 5, 4], add: |net, x| net.average_pool(x, 3, 2) };
