//! Smooth activation functions on the vector unit.

use super::kept;
use crate::network::layer::Kind;
use crate::network::vector::function::{Function, GELU_OPERATIONS};
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, Compute, Forward, Layer, NetworkError, NodeId,
};
use serde::{Deserialize, Serialize};

/// A function of every element in float32; the result is quantised to the format of the input.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionLayer {
    function: Function,
}

impl VectorKind {
    /// Gaussian error linear unit x·Φ(x).
    pub const GELU: Self = Self::of("gelu", GELU_OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<FunctionLayer>();

impl Layer for FunctionLayer {
    fn kind(&self) -> &'static str {
        "function"
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn work(&self, inputs: &[[usize; 3]], _: [usize; 3]) -> Vec<(&'static str, Work)> {
        let kind = match self.function {
            Function::Gelu | Function::GeluTanh => VectorKind::GELU,
            _ => VectorKind::ELEMENT_WISE,
        };
        vec![("", Work::vector(kind, inputs[0]))]
    }
}

impl Compute for FunctionLayer {
    const TAG: &str = "function";

    type Saved = Option<Activation>;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let input = call.take_only();
        let mut y = input.to_f32(call.context.array.simd).into_owned();
        self.function.apply(&mut y);
        call.tally.vector_operations += self.function.operations().forward_on(y.len());
        let format = call.format_like(&input);
        let output = call.vector_result(y, input.shape(), format)?;
        Ok((output, call.context.training.then_some(input)))
    }

    fn backward(
        &self,
        saved: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let input = kept(saved, call.name)?;
        let mut gradient = call.gradient;
        self.function.apply_derivative(&input.to_f32(call.context.array.simd), &mut gradient);
        call.tally.vector_operations += self.function.operations().backward_on(gradient.len());
        Ok(BackwardResult::of_input(gradient))
    }
}

impl Builder {
    /// `function` of every element.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn function(&mut self, input: NodeId, function: Function) -> Result<NodeId, NetworkError> {
        self.add_numbered("function", FunctionLayer { function }, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 5, 4], add: |net, x| net.function(x, Function::Silu) };
