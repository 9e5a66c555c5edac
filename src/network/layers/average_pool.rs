//! Average pooling on the vector unit.

use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use crate::network::vector::average_pool;
use crate::precision::NumberFormat;
use hwmodel::elementwise::{PoolError, PoolShape, PoolWindow};

/// The mean of every window, or of the whole image without a window. The result of a fixed-point
/// input is quantised to the input's format, or with a per-tensor scale where activations have one.
pub(in crate::network) struct AveragePool {
    pub(in crate::network) window: Option<PoolWindow>,
}

impl AveragePool {
    fn shape(&self, input: [usize; 4]) -> Result<PoolShape, PoolError> {
        match self.window {
            Some(window) => PoolShape::new(input, window),
            None => PoolShape::global(input),
        }
    }
}

impl Layer for AveragePool {
    fn kind(&self) -> &'static str {
        "average pool"
    }

    fn operation(&self) -> Operation {
        Operation::AveragePool(self.window)
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [h, w, c] = inputs[0];
        let shape = self.shape([1, h, w, c]).map_err(|error| error.to_string())?;
        let [_, oh, ow, channels] = shape.output_shape();
        Ok([oh, ow, channels])
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        let x = call.take_only();
        let shape = self.shape(x.shape())?;
        let mut y = vec![0.0; shape.output_len()];
        average_pool::average_pool(&shape, &x.to_f32(call.context.array.simd), &mut y)?;
        call.tally.vector_operations += average_pool::OPERATIONS.forward_on(shape.input_len());
        if let (Activation::Fixed(_), NumberFormat::DynamicFixed { wl }) = (&x, call.owner.output())
        {
            return Ok((call.dynamic_result(y, shape.output_shape(), wl)?, Saved::default()));
        }
        let format = match &x {
            Activation::Fixed(tensor) => Some(tensor.format()),
            Activation::Float(..) => None,
        };
        Ok((call.vector_result(y, shape.output_shape(), format)?, Saved::default()))
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        let shape = self.shape(call.input_shape)?;
        let mut gradient = vec![0.0; shape.input_len()];
        average_pool::average_pool_backward(&shape, &call.gradient, &mut gradient)?;
        call.tally.vector_operations += average_pool::OPERATIONS.backward_on(shape.input_len());
        Ok(BackwardResult { inputs: vec![Some(gradient)], parameters: Vec::new() })
    }
}
