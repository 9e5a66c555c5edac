//! Attention scores: softmax of the scaled products of queries and keys.

use super::head::{Block, geometry, right_operand, sums};
use crate::network::layer::{Kind, ResultFormat};
use crate::network::layers::kept;
use crate::network::layers::mac_layer::{self, dense};
use crate::network::tally::{GemmTally, LayerTally};
use crate::network::vector::causal_softmax::{OPERATIONS, causal_softmax, causal_softmax_backward};
use crate::network::work::{VectorKind, Work};
use crate::network::{Activation, Backward, BackwardResult, Compute, Forward, Layer, NetworkError};
use crate::precision::NumberFormat;
use hwmodel::Format;
use hwmodel::float32::{self, Shapes};
use hwmodel::product::ByOperand;
use hwmodel::product::MatrixProduct;
use serde::{Deserialize, Serialize};

/// `[T, 1, 3·channels]` queries, keys and values → `[T, 1, heads·T]` probabilities
/// softmax(Q·Kᵀ/√(channels / heads)), of which a token has 0 for those after it.
///
/// The whole product Q·Kᵀ runs on the array; its accumulators go to the vector unit as float32, so that scores
/// never saturate. Probabilities are quantised to ⟨WL, WL - 1⟩, the format of WL bits for 0 to 1, where WL is the
/// word length of queries and keys.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttentionScores {
    pub(super) heads: usize,
}

/// Data saved for the backward pass.
pub(super) struct Saved {
    /// Queries, keys and values.
    input: Activation,
    /// The probabilities.
    output: Activation,
}

impl AttentionScores {
    /// Blocks of head `index` of all heads: queries, keys and probabilities.
    fn blocks(&self, length: usize, width: usize, index: usize) -> [Block; 3] {
        let (sample, head) = (index / self.heads, index % self.heads);
        let (channels, columns) = (width / 3, width / 3 / self.heads);
        let query = Block { length, width, sample, first: head * columns, columns };
        let key = Block { first: channels + query.first, ..query };
        let width = self.heads * length;
        [query, key, Block { width, first: head * length, columns: length, ..query }]
    }

    fn scale(&self, width: usize) -> f32 {
        1.0 / ((width / 3 / self.heads) as f32).sqrt()
    }
}

impl VectorKind {
    /// Softmax of the scaled scores of an attention.
    pub const ATTENTION_SOFTMAX: Self = Self::of("attention-softmax", OPERATIONS);
}

/// This kind.
pub(in crate::network::layers) const KIND: Kind = Kind::of::<AttentionScores>();

impl Layer for AttentionScores {
    fn kind(&self) -> &'static str {
        "attention scores"
    }

    fn result_format(&self) -> ResultFormat {
        ResultFormat::Inner
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs[0] {
            [length, 1, width]
                if self.heads > 0 && width > 0 && width.is_multiple_of(3 * self.heads) =>
            {
                Ok([length, 1, self.heads * length])
            }
            _ => Err(format!("{} heads take [T, 1, 3·channels] with equal parts", self.heads)),
        }
    }

    fn work(&self, inputs: &[[usize; 3]], output: [usize; 3]) -> Vec<(&'static str, Work)> {
        let [length, _, width] = inputs[0].map(|size| size as u64);
        let heads = self.heads as u64;
        let product = MatrixProduct::scores(length, width / 3 / heads, heads);
        let softmax = Work::vector(VectorKind::ATTENTION_SOFTMAX, output);
        vec![("", Work::MatrixProduct(product)), ("softmax", softmax)]
    }

    fn on_array(&self) -> bool {
        true
    }
}

impl Compute for AttentionScores {
    const TAG: &str = "attention_scores";

    type Saved = Option<Saved>;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let input = call.take_only();
        let input = match call.owner.activation {
            NumberFormat::Float32 => input,
            NumberFormat::Fixed(format) => call.to_fixed(input, format)?,
            NumberFormat::DynamicFixed { wl } => call.to_dynamic(input, wl)?,
        };
        let [n, length, _, width] = input.shape();
        let array = call.context.array;
        let shape = [n, length, 1, self.heads * length];
        let mut values = vec![0.0; n * self.heads * length * length];
        for index in 0..n * self.heads {
            let [query, key, own] = self.blocks(length, width, index);
            let (query, key) = (query.activation(&input)?, key.activation(&input)?);
            let shapes = Shapes::new(&query.shape(), &key.shape(), geometry())?;
            let (mut scores, forward) = match (&query, &key) {
                (Activation::Fixed(query), Activation::Fixed(key)) => {
                    let product = array.convolve(query, key, geometry())?;
                    // The vector unit reads words of float32.
                    let output = Format::new(32, product.fl().clamp(-64, 64));
                    let output = output.map_err(|error| call.no_scale("scores", error.into()))?;
                    let formats = ByOperand { input: query.format(), weight: key.format(), output };
                    let gemm = shapes.products().forward.in_formats(formats);
                    (sums(&product), GemmTally::new(gemm, product.report()))
                }
                _ => (
                    float32::forward(array.simd, &shapes, query.values(), key.values())?,
                    GemmTally::new(shapes.products().forward, dense(&shapes)),
                ),
            };
            call.tally.add_step(LayerTally { forward: Some(forward), ..LayerTally::default() });
            causal_softmax(&mut scores, length, self.scale(width));
            own.put(&scores, &mut values);
        }
        call.tally.vector_operations += OPERATIONS.forward_on(values.len());
        let format = match &input {
            Activation::Float(..) => NumberFormat::Float32,
            Activation::Fixed(tensor) => {
                let wl = tensor.format().wl();
                let format = Format::new(wl, wl as i32 - 1);
                NumberFormat::Fixed(format.map_err(|error| call.no_scale("output", error.into()))?)
            }
        };
        let output = call.vector_result(values, shape, format)?;
        let saved = call.context.training.then(|| Saved { input, output: output.clone() });
        Ok((output, saved))
    }

    fn product_input(saved: &Self::Saved) -> Option<&Activation> {
        saved.as_ref().map(|saved| &saved.input)
    }

    fn backward(
        &self,
        saved: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let [n, length, _, width] = call.input_shape;
        let Saved { input, output } = kept(saved, call.name)?;
        let probabilities = output.to_f32(call.context.array.simd);
        let mut dx = vec![0.0; n * length * width];
        for index in 0..n * self.heads {
            let [query, key, own] = self.blocks(length, width, index);
            let mut gradient = own.of(&call.gradient);
            let p = own.of(&probabilities);
            causal_softmax_backward(&p, &mut gradient, length, self.scale(width));
            let mut tally = LayerTally::default();
            let result = mac_layer::backward(
                geometry(),
                query.activation(&input)?,
                Backward {
                    context: call.context,
                    node: call.node,
                    part: Some(index as u64),
                    name: call.name,
                    gradient,
                    input_shape: [length, 1, 1, query.columns],
                    parameters: &[right_operand(key.activation(&input)?)],
                    wants_input: true,
                    tally: &mut tally,
                },
            )?;
            call.tally.add_step(tally);
            if let [Some(dq)] = &result.inputs[..] {
                query.put(dq, &mut dx);
            }
            key.put(&result.parameters[0], &mut dx);
        }
        call.tally.vector_operations += OPERATIONS.backward_on(probabilities.len());
        Ok(BackwardResult { inputs: vec![Some(dx)], parameters: Vec::new() })
    }
}
