//! Dropout on the vector unit, in training only.

use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::graph::Context;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use crate::network::vector::dropout::{OPERATIONS, dropout};
use crate::precision::NumberFormat;
use hwmodel::random::{RandomAddress, Role};

/// 0 with `probability`, else x / (1 - `probability`); x in evaluation. A fixed-point result is scaled
/// in float32 and quantised to the input's format, or with a per-tensor scale where activations have one.
pub(in crate::network) struct Dropout {
    pub(in crate::network) probability: f32,
}

/// Where node `node` finds the elements that it drops in this step.
fn address(context: &Context, node: u32) -> RandomAddress {
    let Context { seed, step, random, .. } = *context;
    RandomAddress { seed, step, layer: node, part: None, role: Role::Dropout, source: random }
}

impl Layer for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }

    fn operation(&self) -> Operation {
        Operation::Dropout
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        if (0.0..1.0).contains(&self.probability) {
            Ok(inputs[0])
        } else {
            let probability = self.probability;
            Err(format!("a probability of {probability} is impossible: use at least 0, below 1"))
        }
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        let x = call.take_only();
        if !call.context.training {
            return Ok((x, Saved::default()));
        }
        let shape = x.shape();
        let mut y = x.to_f32(call.context.array.simd).into_owned();
        dropout(&mut y, self.probability, address(call.context, call.node));
        let y = match (&x, call.owner.output()) {
            (Activation::Fixed(_), NumberFormat::DynamicFixed { wl }) => {
                call.dynamic_result(y, shape, wl)?
            }
            (Activation::Fixed(tensor), _) => {
                call.vector_result(y, shape, Some(tensor.format()))?
            }
            (Activation::Float(..), _) => Activation::float(y, shape),
        };
        Ok((y, Saved::default()))
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        let mut gradient = call.gradient;
        if call.context.training {
            dropout(&mut gradient, self.probability, address(call.context, call.node));
            call.tally.vector_operations += OPERATIONS.backward_on(gradient.len());
        }
        Ok(BackwardResult { inputs: vec![Some(gradient)], parameters: Vec::new() })
    }
}
