//! Batch normalisation on the vector unit.

use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::operation::Operation;
use crate::network::parameter::{Initialiser, ParameterSpec};
use crate::network::vector::batch_norm::{
    self, BatchNormParameters, EPSILON, MOMENTUM, Normaliser, batch_norm_backward, batch_statistics,
};
use crate::precision::NumberFormat;

/// y = γ·(x - μ)/sqrt(σ² + ε) + β per channel; the result is quantised to the layer's format.
pub(in crate::network) struct BatchNorm;

impl Layer for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch norm"
    }

    fn operation(&self) -> Operation {
        Operation::BatchNorm
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn parameters(&self, inputs: &[[usize; 3]]) -> Vec<ParameterSpec> {
        let spec = |name, value| ParameterSpec {
            name,
            shape: vec![inputs[0][2]],
            initialiser: Initialiser::Constant(value),
        };
        vec![spec("weight", 1.0), spec("bias", 0.0)]
    }

    fn running_channels(&self, inputs: &[[usize; 3]]) -> Option<usize> {
        Some(inputs[0][2])
    }

    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError> {
        let input = call.take_only();
        let simd = call.context.array.simd;
        let gamma = call.parameters[0].hardware_values(simd);
        let beta = call.parameters[1].hardware_values(simd);
        let parameters = BatchNormParameters { gamma: &gamma, beta: &beta, epsilon: EPSILON };
        let running = call.running.as_mut().expect("batch norm keeps running statistics");
        let (statistics, normaliser) = if call.context.training {
            let statistics = batch_statistics(simd, input.values(), &parameters)?;
            running.update(&statistics, MOMENTUM)?;
            let normaliser = Normaliser::of_batch(&statistics, &parameters)?;
            (Some(statistics), normaliser)
        } else {
            (None, Normaliser::of_running(running, &parameters)?)
        };
        drop((gamma, beta));
        call.tally.vector_operations += batch_norm::OPERATIONS.forward_on(input.len());
        let output = match call.output_format() {
            NumberFormat::Float32 => {
                Activation::float(normaliser.all(simd, input.values())?, input.shape())
            }
            NumberFormat::DynamicFixed { wl } => {
                let y = normaliser.all(simd, input.values())?;
                call.dynamic_result(y, input.shape(), wl)?
            }
            NumberFormat::Fixed(format) => {
                let channels = normaliser.channels();
                call.vector_pieces(input.shape(), channels, format, |start, y| {
                    normaliser.write(simd, input.values(), start, y);
                })?
            }
        };
        let activation = call.context.training.then_some(input);
        Ok((output, Saved { activation, statistics, ..Saved::default() }))
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        let simd = call.context.array.simd;
        let input = call.saved.activation.expect("a training pass keeps its input");
        let statistics = call.saved.statistics.expect("a training pass keeps its statistics");
        let gamma = call.parameters[0].hardware_values(simd);
        let mut gradient = call.gradient;
        let gradients =
            batch_norm_backward(simd, input.values(), &gamma, &statistics, &mut gradient)?;
        call.tally.vector_operations += batch_norm::OPERATIONS.backward_on(gradient.len());
        let parameters = vec![gradients.gamma, gradients.beta];
        Ok(BackwardResult { inputs: vec![Some(gradient)], parameters })
    }
}
