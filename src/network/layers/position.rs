//! Positional embedding: a row of a table for each place of a sequence.

use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::graph::add_to;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use crate::network::parameter::{Initialiser, ParameterSpec};
use crate::network::vector::position;
use crate::precision::NumberFormat;

/// y[t] = x[t] + p[t] with the table p `[T, channels]`. The sum is the vector unit's and is quantised to the
/// layer's format.
pub(in crate::network) struct Position;

impl Layer for Position {
    fn kind(&self) -> &'static str {
        "position"
    }

    fn operation(&self) -> Operation {
        Operation::Position
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs[0] {
            [_, 1, _] => Ok(inputs[0]),
            _ => Err("positions are those of a sequence, [T, 1, channels]".to_owned()),
        }
    }

    fn parameters(&self, inputs: &[[usize; 3]]) -> Vec<ParameterSpec> {
        let [length, _, channels] = inputs[0];
        vec![ParameterSpec {
            name: "weight",
            shape: vec![length, channels],
            initialiser: Initialiser::VarianceScaling { fan_in: 1 },
        }]
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        let input = call.take_only();
        let simd = call.context.array.simd;
        let table = call.parameters[0].hardware_values(simd);
        let mut sum = input.to_f32(simd).into_owned();
        sum.chunks_exact_mut(table.len().max(1)).for_each(|sample| add_to(simd, sample, &table));
        drop(table);
        call.tally.vector_operations += position::OPERATIONS.forward_on(sum.len());
        let output = match call.output_format() {
            NumberFormat::DynamicFixed { wl } => call.dynamic_result(sum, input.shape(), wl)?,
            other => call.vector_result(sum, input.shape(), other.fixed())?,
        };
        Ok((output, Saved::default()))
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        let mut gradient = vec![0.0; call.parameters[0].master.len()];
        for sample in call.gradient.chunks_exact(gradient.len().max(1)) {
            add_to(call.context.array.simd, &mut gradient, sample);
        }
        Ok(BackwardResult { inputs: vec![Some(call.gradient)], parameters: vec![gradient] })
    }
}
