//! Layer normalisation on the vector unit.

use super::kept;
use crate::network::layer::{Kind, ResultFormat};
use crate::network::parameter::{Initialiser, ParameterSpec};
use crate::network::vector::layer_norm::{self, layer_norm, layer_norm_backward};
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, Compute, Forward, Layer, NetworkError, NodeId,
};
use serde::{Deserialize, Serialize};

/// y = γ·(x - μ)/√(σ² + ε) + β over the channels of each token; the result is quantised to the layer's format.
#[derive(Serialize, Deserialize)]
struct LayerNorm;

impl VectorKind {
    /// Normalisation over the elements of one sample: layer, group, instance.
    pub const NORMALISATION: Self = Self::of("normalisation", layer_norm::OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<LayerNorm>();

impl Layer for LayerNorm {
    fn kind(&self) -> &'static str {
        "layer norm"
    }

    fn result_format(&self) -> ResultFormat {
        ResultFormat::Own
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        if inputs[0][2] == 0 { Err("there are no channels".to_owned()) } else { Ok(inputs[0]) }
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::NORMALISATION, inputs[0]))]
    }

    fn parameters(&self, inputs: &[[usize; 3]]) -> Vec<ParameterSpec> {
        let spec = |name, value| ParameterSpec {
            name,
            shape: vec![inputs[0][2]],
            initialiser: Initialiser::Constant(value),
        };
        vec![spec("weight", 1.0), spec("bias", 0.0)]
    }
}

impl Compute for LayerNorm {
    const TAG: &str = "layer_norm";

    type Saved = Option<Activation>;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let input = call.take_only();
        let simd = call.context.array.simd;
        let gamma = call.parameters[0].hardware_values(simd);
        let beta = call.parameters[1].hardware_values(simd);
        let y = layer_norm(&input.to_f32(simd), &gamma, &beta);
        drop((gamma, beta));
        call.tally.vector_operations += layer_norm::OPERATIONS.forward_on(input.len());
        let output = call.vector_result(y, input.shape(), call.output_format())?;
        Ok((output, call.context.training.then_some(input)))
    }

    fn backward(
        &self,
        saved: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let simd = call.context.array.simd;
        let input = kept(saved, call.name)?;
        let gamma = call.parameters[0].hardware_values(simd);
        let gradients = layer_norm_backward(&input.to_f32(simd), &gamma, &call.gradient);
        call.tally.vector_operations += layer_norm::OPERATIONS.backward_on(call.gradient.len());
        let parameters = vec![gradients.gamma, gradients.beta];
        Ok(BackwardResult { inputs: vec![Some(gradients.input)], parameters })
    }
}

impl Builder {
    /// Normalisation of each token over its channels.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn layer_norm(&mut self, name: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add(name, LayerNorm, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 1, 4], add: |net, x| net.layer_norm("layer", x) };
