//! Max pooling, on integers where the activation is fixed point.

use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use hwmodel::FixedTensor;
use hwmodel::elementwise::{self, PoolShape, PoolWindow};

/// The maximum of every window; padding is never chosen.
pub(in crate::network) struct MaxPool {
    pub(in crate::network) window: PoolWindow,
}

impl Layer for MaxPool {
    fn kind(&self) -> &'static str {
        "max pool"
    }

    fn operation(&self) -> Operation {
        Operation::MaxPool(self.window)
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [h, w, c] = inputs[0];
        let shape = PoolShape::new([1, h, w, c], self.window).map_err(|error| error.to_string())?;
        let [_, oh, ow, channels] = shape.output_shape();
        Ok([oh, ow, channels])
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
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
                let (data, argmax) = elementwise::max_pool_raw(&shape, x.data())?;
                (
                    Activation::fixed(FixedTensor::new(&shape.output_shape(), x.format(), data)?),
                    argmax,
                )
            }
        };
        Ok((y, Saved { argmax, ..Saved::default() }))
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        let shape = PoolShape::new(call.input_shape, self.window)?;
        let mut gradient = vec![0f32; shape.input_len()];
        elementwise::max_pool_backward(&shape, &call.saved.argmax, &call.gradient, &mut gradient)?;
        Ok(BackwardResult { inputs: vec![Some(gradient)], parameters: Vec::new() })
    }
}
