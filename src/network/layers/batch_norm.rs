//! Batch normalisation on the vector unit.

use super::kept;
use crate::network::integer::IntegerForm;
use crate::network::layer::{Kind, ResultFormat};
use crate::network::parameter::{Initialiser, ParameterSpec};
use crate::network::vector::batch_norm::{
    self, BatchNormParameters, BatchStatistics, EPSILON, MOMENTUM, Normaliser, batch_norm_backward,
    batch_statistics,
};
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, CommonForm, Compute, Forward, Layer,
    NetworkError, NodeId,
};
use crate::precision::NumberFormat;
use serde::{Deserialize, Serialize};

/// y = γ·(x - μ)/sqrt(σ² + ε) + β per channel; the result is quantised to the layer's format.
#[derive(Serialize, Deserialize)]
struct BatchNorm;

/// Data saved for the backward pass.
struct Saved {
    input: Activation,
    statistics: BatchStatistics,
}

impl VectorKind {
    /// Batch normalisation.
    pub const BATCH_NORM: Self = Self::of("batch-norm", batch_norm::OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<BatchNorm>();

impl Layer for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch norm"
    }

    fn result_format(&self) -> ResultFormat {
        ResultFormat::Own
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::BATCH_NORM, inputs[0]))]
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

    fn integer_form(&self) -> Option<IntegerForm> {
        Some(IntegerForm::ChannelScale)
    }

    fn common_form(&self) -> Option<CommonForm> {
        Some(CommonForm::BatchNorm)
    }
}

impl Compute for BatchNorm {
    const TAG: &str = "batch_norm";

    type Saved = Option<Saved>;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
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
            NumberFormat::Fixed(format) => {
                let channels = normaliser.channels();
                call.vector_pieces(input.shape(), channels, format, |start, y| {
                    normaliser.write(simd, input.values(), start, y);
                })?
            }
            other => {
                let y = normaliser.all(simd, input.values())?;
                call.vector_result(y, input.shape(), other)?
            }
        };
        Ok((output, statistics.map(|statistics| Saved { input, statistics })))
    }

    fn backward(
        &self,
        saved: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let simd = call.context.array.simd;
        let Saved { input, statistics } = kept(saved, call.name)?;
        let gamma = call.parameters[0].hardware_values(simd);
        let mut gradient = call.gradient;
        let gradients =
            batch_norm_backward(simd, input.values(), &gamma, &statistics, &mut gradient)?;
        call.tally.vector_operations += batch_norm::OPERATIONS.backward_on(gradient.len());
        let parameters = vec![gradients.gamma, gradients.beta];
        Ok(BackwardResult { inputs: vec![Some(gradient)], parameters })
    }
}

impl Builder {
    /// Batch normalisation over n, h and w.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn batch_norm(&mut self, name: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add(name, BatchNorm, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 5, 4], add: |net, x| net.batch_norm("layer", x) };
