//! Attention context: values weighted by the attention probabilities.

use super::head::{Block, geometry, right_operand, transposed, transposed_activation};
use crate::network::layer::{Kind, ResultFormat};
use crate::network::layers::kept;
use crate::network::layers::mac_layer::{self, dense};
use crate::network::tally::{GemmTally, LayerTally};
use crate::network::work::Work;
use crate::network::{Activation, Backward, BackwardResult, Compute, Forward, Layer, NetworkError};
use crate::precision::NumberFormat;
use hwmodel::array;
use hwmodel::array::product_format;
use hwmodel::float32::{self, Shapes};
use hwmodel::product::ByOperand;
use hwmodel::product::MatrixProduct;
use hwmodel::random::Role;
use hwmodel::{FixedTensor, Format};
use serde::{Deserialize, Serialize};

/// Probabilities `[T, 1, heads·T]` and the layer with the values `[T, 1, 3·channels]` → P·V `[T, 1, channels]`, on
/// the array. The accumulators are requantised to the format of the layer with the values; where scales follow
/// the data, to one scale for all heads and samples that holds them all.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttentionContext {
    pub(super) heads: usize,
}

/// The operands, as a training pass keeps them.
pub(super) struct Saved {
    probabilities: Activation,
    values: Activation,
}

impl AttentionContext {
    /// Blocks of head `index` of all heads: probabilities, values and results.
    fn blocks(&self, length: usize, width: usize, index: usize) -> [Block; 3] {
        let (sample, head) = (index / self.heads, index % self.heads);
        let (channels, columns) = (width / 3, width / 3 / self.heads);
        let value = Block { length, width, sample, first: 2 * channels + head * columns, columns };
        let own = Block { width: channels, first: head * columns, ..value };
        let width = self.heads * length;
        [Block { width, first: head * length, columns: length, ..value }, value, own]
    }

    /// The format of the results; `None` for float32.
    fn format(
        &self,
        call: &Forward<'_, '_>,
        products: &[array::Product],
    ) -> Result<Option<Format>, NetworkError> {
        match call.owner.output() {
            NumberFormat::Fixed(format) => Ok(Some(format)),
            NumberFormat::Float32 => Ok(None),
            NumberFormat::DynamicFixed { wl } => {
                let formats = products.iter().map(|product| product_format(product, wl));
                let formats = formats.collect::<Result<Vec<_>, _>>();
                let formats = formats.map_err(|error| call.no_scale("output", error.into()))?;
                Ok(formats.into_iter().min_by_key(|format| format.fl()))
            }
        }
    }
}

/// This kind.
pub(in crate::network::layers) const KIND: Kind = Kind::of::<AttentionContext>();

impl Layer for AttentionContext {
    fn kind(&self) -> &'static str {
        "attention context"
    }

    fn result_format(&self) -> ResultFormat {
        ResultFormat::Inner
    }

    fn inputs(&self) -> usize {
        2
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs {
            [[length, 1, columns], [same, 1, width]]
                if same == length
                    && self.heads > 0
                    && *columns == self.heads * length
                    && width.is_multiple_of(3 * self.heads) =>
            {
                Ok([*length, 1, width / 3])
            }
            _ => Err("it takes probabilities [T, 1, heads·T] and [T, 1, 3·channels]".to_owned()),
        }
    }

    fn work(&self, _: &[[usize; 3]], output: [usize; 3]) -> Vec<(&'static str, Work)> {
        let [length, _, channels] = output.map(|size| size as u64);
        let heads = self.heads as u64;
        let product = MatrixProduct::attention(length, channels / heads, length, heads);
        vec![("", Work::MatrixProduct(product))]
    }

    fn on_array(&self) -> bool {
        true
    }
}

impl Compute for AttentionContext {
    const TAG: &str = "attention_context";

    type Saved = Option<Saved>;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let (probabilities, input) = (call.take(0), call.take(1));
        let input = match call.owner.activation {
            NumberFormat::Float32 => input,
            NumberFormat::Fixed(format) => call.to_fixed(input, format)?,
            NumberFormat::DynamicFixed { wl } => call.to_dynamic(input, wl)?,
        };
        let [n, length, _, width] = input.shape();
        let array = call.context.array;
        let shape = [n, length, 1, width / 3];
        let (mut products, mut floats) = (Vec::new(), Vec::new());
        for index in 0..n * self.heads {
            let [own, value, _] = self.blocks(length, width, index);
            let own = own.activation(&probabilities)?;
            let values = transposed_activation(value.activation(&input)?)?;
            let shapes = Shapes::new(&own.shape(), &values.shape(), geometry())?;
            match (&own, &values) {
                (Activation::Fixed(own), Activation::Fixed(values)) => {
                    let product = array.convolve(own, values, geometry())?;
                    // The format of the output is put in when it is known.
                    let formats = ByOperand {
                        input: own.format(),
                        weight: values.format(),
                        output: values.format(),
                    };
                    let gemm = shapes.products().forward.in_formats(formats);
                    add_forward(call.tally, GemmTally::new(gemm, product.report()));
                    products.push(product);
                }
                _ => {
                    let (own, values) = (own.values(), values.values());
                    floats.push(float32::forward(array.simd, &shapes, own, values)?);
                    let gemm = shapes.products().forward;
                    add_forward(call.tally, GemmTally::new(gemm, dense(&shapes)));
                }
            }
        }
        let blocks = |index: usize| self.blocks(length, width, index)[2];
        let output = match self.format(call, &products)? {
            Some(format) if !products.is_empty() => {
                let mut raw = vec![0i32; n * length * (width / 3)];
                let part = call.part;
                for (index, product) in products.iter().enumerate() {
                    call.part = Some(index as u64);
                    let requantiser = call.requantiser(format, Role::Output);
                    let (data, report) = requantiser.product(product, None)?;
                    call.tally.output += report.counts;
                    blocks(index).put(&data.to_i32(), &mut raw);
                }
                call.part = part;
                if let Some(formats) =
                    call.tally.forward.as_mut().and_then(|forward| forward.gemm.formats.as_mut())
                {
                    formats.output = format;
                }
                Activation::fixed(FixedTensor::from_raw(&shape, format, &raw)?)
            }
            _ => {
                let mut values = vec![0.0; n * length * (width / 3)];
                for (index, block) in floats.iter().enumerate() {
                    blocks(index).put(block, &mut values);
                }
                Activation::float(values, shape)
            }
        };
        let saved = call.context.training.then_some(Saved { probabilities, values: input });
        Ok((output, saved))
    }

    fn product_input(saved: &Self::Saved) -> Option<&Activation> {
        saved.as_ref().map(|saved| &saved.probabilities)
    }

    fn backward(
        &self,
        saved: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let Saved { probabilities, values: input } = kept(saved, call.name)?;
        let [n, length, _, width] = input.shape();
        let mut dp = vec![0.0; probabilities.len()];
        let mut dx = vec![0.0; input.len()];
        for index in 0..n * self.heads {
            let [own, value, result] = self.blocks(length, width, index);
            let values = transposed_activation(value.activation(&input)?)?;
            let mut tally = LayerTally::default();
            let gradients = mac_layer::backward(
                geometry(),
                own.activation(&probabilities)?,
                Backward {
                    context: call.context,
                    node: call.node,
                    part: Some(index as u64),
                    name: call.name,
                    gradient: result.of(&call.gradient),
                    input_shape: [length, 1, 1, length],
                    parameters: &[right_operand(values)],
                    wants_input: true,
                    tally: &mut tally,
                },
            )?;
            call.tally.add_step(tally);
            if let [Some(gradient)] = &gradients.inputs[..] {
                own.put(gradient, &mut dp);
            }
            value.put(&transposed(&gradients.parameters[0], length), &mut dx);
        }
        Ok(BackwardResult { inputs: vec![Some(dp), Some(dx)], parameters: Vec::new() })
    }
}

fn add_forward(tally: &mut LayerTally, forward: GemmTally) {
    tally.add_step(LayerTally { forward: Some(forward), ..LayerTally::default() });
}
