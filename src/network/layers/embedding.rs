//! Token embedding: a table look-up by token number.

use crate::network::layer::{Kind, ResultFormat};
use crate::network::parameter::{Initialiser, ParameterSpec};
use crate::network::vector::embedding;
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, Compute, Forward, Layer, NetworkError, NodeId,
};
use hwmodel::cast::toward_zero;
use hwmodel::{FixedTensor, RawData};
use serde::{Deserialize, Serialize};

/// `[T, 1, 1]` token numbers → `[T, 1, channels]` rows of the table `[vocabulary, channels]`.
///
/// A look-up computes nothing: the rows have the table's format, and the layer after it brings them
/// to its own. The gradient of the table is the sum of the gradients of its uses, added in the order of
/// the tokens.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Embedding {
    vocabulary: usize,
    channels: usize,
}

impl Embedding {
    /// The tokens of an activation.
    fn tokens(&self, layer: &str, values: &[f32]) -> Result<Vec<usize>, NetworkError> {
        let vocabulary = self.vocabulary;
        let token = |(index, &value): (usize, &f32)| {
            // Token numbers have at most 16 bits, which float32 holds exactly.
            let token = toward_zero::<usize>(f64::from(value));
            #[expect(clippy::float_cmp, reason = "whole numbers")]
            let whole = token as f32 == value;
            if token < vocabulary && whole {
                return Ok(token);
            }
            Err(NetworkError::Token { layer: layer.to_owned(), index, value, vocabulary })
        };
        values.iter().enumerate().map(token).collect()
    }
}

/// The rows `tokens` of a table of `channels` columns.
fn rows<T: Copy>(table: &[T], channels: usize, tokens: &[usize]) -> Vec<T> {
    tokens.iter().flat_map(|&token| &table[token * channels..][..channels]).copied().collect()
}

impl VectorKind {
    /// Rows of a table, picked by index.
    pub const EMBEDDING: Self = Self::of("embedding", embedding::OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Embedding>();

impl Layer for Embedding {
    fn kind(&self) -> &'static str {
        "embedding"
    }

    fn result_format(&self) -> ResultFormat {
        ResultFormat::Table
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs[0] {
            [tokens, 1, 1] => Ok([tokens, 1, self.channels]),
            _ => Err("an embedding takes sequences of token numbers, [T, 1, 1]".to_owned()),
        }
    }

    fn work(&self, _: &[[usize; 3]], output: [usize; 3]) -> Vec<(&'static str, Work)> {
        vec![("", Work::vector(VectorKind::EMBEDDING, output))]
    }

    fn parameters(&self, _: &[[usize; 3]]) -> Vec<ParameterSpec> {
        vec![ParameterSpec {
            name: "weight",
            shape: vec![self.vocabulary, self.channels],
            // A unit of the next layer reads one row: one input of each channel.
            initialiser: Initialiser::VarianceScaling { fan_in: 1 },
        }]
    }

    fn takes_tokens(&self) -> bool {
        true
    }
}

impl Compute for Embedding {
    const TAG: &str = "embedding";

    type Saved = Activation;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let input = call.take_only();
        let [n, length, ..] = input.shape();
        let shape = [n, length, 1, self.channels];
        let tokens = self.tokens(call.name, &input.to_f32(call.context.array.simd))?;
        let table = &call.parameters[0];
        let output = match &table.quantised {
            None => Activation::float(rows(&table.master, self.channels, &tokens), shape),
            Some(quantised) => {
                let channels = self.channels;
                let data = match quantised.data() {
                    RawData::I8(table) => RawData::I8(rows(table, channels, &tokens)),
                    RawData::I16(table) => RawData::I16(rows(table, channels, &tokens)),
                    RawData::I32(table) => RawData::I32(rows(table, channels, &tokens)),
                    RawData::I64(table) => RawData::I64(rows(table, channels, &tokens)),
                };
                Activation::fixed(FixedTensor::new(&shape, quantised.format(), data)?)
            }
        };
        Ok((output, input))
    }

    fn backward(
        &self,
        input: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let tokens = self.tokens(call.name, &input.to_f32(call.context.array.simd))?;
        let channels = self.channels;
        let mut gradient = vec![0.0; self.vocabulary * channels];
        for (token, row) in tokens.into_iter().zip(call.gradient.chunks_exact(channels)) {
            let sums = &mut gradient[token * channels..][..channels];
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        call.tally.vector_operations += embedding::OPERATIONS.backward_on(call.gradient.len());
        Ok(BackwardResult { inputs: vec![None], parameters: vec![gradient] })
    }
}

impl Builder {
    /// A row of `channels` channels for each of `vocabulary` tokens.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn embedding(
        &mut self,
        name: &str,
        input: NodeId,
        vocabulary: usize,
        channels: usize,
    ) -> Result<NodeId, NetworkError> {
        self.add(name, Embedding { vocabulary, channels }, &[input])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example = super::Example {
    input: [6, 1, 1],
    add: |net, _| {
        let tokens = net.tokens();
        net.embedding("layer", tokens, 9, 4)
    },
};
