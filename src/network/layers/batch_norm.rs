//! Batch normalisation on the vector unit.

use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::layer::{Backward, BackwardResult, Forward, Layer, Saved};
use crate::network::parameter::{Initialiser, ParameterSpec};
use crate::network::vector::batch_norm::{
    BatchNormParameters, EPSILON, MOMENTUM, batch_norm_backward, batch_norm_eval, batch_norm_train,
};

/// y = γ·(x - μ)/sqrt(σ² + ε) + β per channel; the result is quantised to the layer's format.
pub(in crate::network) struct BatchNorm;

/// Float32 operations per element of the vector unit: mean, variance, scale and offset forward,
/// the two reductions and the combination backward.
const FORWARD_OPERATIONS: u64 = 5;
const BACKWARD_OPERATIONS: u64 = 8;

impl Layer for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch norm"
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
        let x = input.to_f32(simd);
        let gamma = call.parameters[0].hardware_values(simd);
        let beta = call.parameters[1].hardware_values(simd);
        let parameters = BatchNormParameters { gamma: &gamma, beta: &beta, epsilon: EPSILON };
        let mut y = vec![0.0; x.len()];
        let running = call.running.as_mut().expect("batch norm keeps running statistics");
        let statistics = if call.context.training {
            let statistics = batch_norm_train(&x, &parameters, &mut y)?;
            running.update(&statistics, MOMENTUM)?;
            Some(statistics)
        } else {
            batch_norm_eval(&x, &parameters, running, &mut y)?;
            None
        };
        call.tally.vector_operations += FORWARD_OPERATIONS * x.len() as u64;
        drop((x, gamma, beta));
        let format = call.format()?;
        let output = call.vector_result(y, input.shape(), format)?;
        let activation = call.context.training.then_some(input);
        Ok((output, Saved { activation, statistics, ..Saved::default() }))
    }

    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError> {
        let simd = call.context.array.simd;
        let input = call.saved.activation.expect("a training pass keeps its input");
        let statistics = call.saved.statistics.expect("a training pass keeps its statistics");
        let x = input.to_f32(simd);
        let gamma = call.parameters[0].hardware_values(simd);
        let mut grad_x = vec![0.0; x.len()];
        let gradients = batch_norm_backward(&x, &call.gradient, &gamma, &statistics, &mut grad_x)?;
        call.tally.vector_operations += BACKWARD_OPERATIONS * x.len() as u64;
        let parameters = vec![gradients.gamma, gradients.beta];
        Ok(BackwardResult { inputs: vec![Some(grad_x)], parameters })
    }
}
