//! All elements of an image as the channels of one pixel.

use crate::network::activation::{Activation, owned};
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;

/// `[h, w, c]` → `[1, 1, h·w·c]`.
pub(in crate::network) struct Flatten;

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn operation(&self) -> Operation {
        Operation::Flatten
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok([1, 1, inputs[0].iter().product()])
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        let x = call.take_only();
        let [n, h, w, c] = x.shape();
        let shape = [n, 1, 1, h * w * c];
        let y = match x {
            Activation::Float(values, _) => Activation::Float(values, shape),
            Activation::Fixed(tensor) => Activation::fixed(owned(tensor).reshaped(&shape)?),
        };
        Ok((y, Saved::default()))
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        Ok(BackwardResult { inputs: vec![Some(call.gradient)], parameters: Vec::new() })
    }
}
