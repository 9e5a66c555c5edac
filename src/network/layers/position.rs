//! Positional embedding: adds a learned row for each position of a sequence.

use crate::network::graph::add_to;
use crate::network::layer::{Kind, ResultFormat};
use crate::network::parameter::{Initialiser, ParameterSpec};
use crate::network::vector::position;
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, Compute, Forward, Layer, NetworkError, NodeId,
};
use serde::{Deserialize, Serialize};

/// y[t] = x[t] + p[t] with the table p `[T, channels]`. The sum is the vector unit's and is quantised to the
/// layer's format.
#[derive(Serialize, Deserialize)]
struct Position;

impl VectorKind {
    /// Addition of a table of positions.
    pub const POSITION: Self = Self::of("position", position::OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Position>();

impl Layer for Position {
    fn kind(&self) -> &'static str {
        "position"
    }

    fn result_format(&self) -> ResultFormat {
        ResultFormat::Own
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs[0] {
            [_, 1, _] => Ok(inputs[0]),
            _ => Err("positions are those of a sequence, [T, 1, channels]".to_owned()),
        }
    }

    fn work(&self, _: &[[usize; 3]], output: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::POSITION, output))]
    }

    fn parameters(&self, inputs: &[[usize; 3]]) -> Vec<ParameterSpec> {
        let [length, _, channels] = inputs[0];
        vec![ParameterSpec {
            name: "weight",
            shape: vec![length, channels],
            initialiser: Initialiser::VarianceScaling { fan_in: 1 },
        }]
    }
}

impl Compute for Position {
    const TAG: &str = "position";

    type Saved = ();

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let input = call.take_only();
        let simd = call.context.array.simd;
        let table = call.parameters[0].hardware_values(simd);
        let mut sum = input.to_f32(simd).into_owned();
        sum.chunks_exact_mut(table.len().max(1)).for_each(|sample| add_to(simd, sample, &table));
        drop(table);
        call.tally.vector_operations += position::OPERATIONS.forward_on(sum.len());
        Ok((call.vector_result(sum, input.shape(), call.output_format())?, ()))
    }

    fn backward(
        &self,
        _: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let mut gradient = vec![0.0; call.parameters[0].master.len()];
        for sample in call.gradient.chunks_exact(gradient.len().max(1)) {
            add_to(call.context.array.simd, &mut gradient, sample);
        }
        Ok(BackwardResult { inputs: vec![Some(call.gradient)], parameters: vec![gradient] })
    }
}

impl Builder {
    /// A row of a table added to each token.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn position(&mut self, name: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add(name, Position, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 1, 4], add: |net, x| net.position("layer", x) };
