//! Required accumulator width of every layer, and the energy and area of its bits.

use crate::network::{Activation, Network, NoSingleProduct, Pass};
use crate::precision::NumberFormat;
use hwmodel::array::width::{self, NormBound, l1_norm};
use hwmodel::array::{Convolution2d, ShapeError};
use hwmodel::machine::{MacCost, Machine};
use hwmodel::number::accumulator::{AccumulatorBits, InnerBits};
use hwmodel::{AccumulatorWidth, FixedTensor, Format, SimdLevel};
use serde::Serialize;
use std::num::NonZeroU32;

/// Follows the MAC layers of a network over batches of images.
#[derive(Debug, Clone)]
pub struct AccumulatorStudy {
    layers: Vec<Layer>,
    /// Products of a block of an inner accumulator.
    inner_terms: Option<NonZeroU32>,
}

#[derive(Debug, Clone)]
struct Layer {
    name: String,
    node: usize,
    weight: FixedTensor,
    bias: Option<FixedTensor>,
    geometry: Convolution2d,
    input: Format,
    /// Bits on the data so far; `None` beyond 64.
    data: Option<u32>,
    any_input: u32,
    any_words: u32,
    /// Bits of inner and outer accumulator on the data so far.
    blocks: [Option<u32>; 2],
}

/// Required accumulator width of a layer; energies are per MAC, areas per processing element.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerAccumulator {
    /// Name of the layer.
    pub layer: String,
    /// Word length of inputs and weights in bits.
    pub word_lengths: [u32; 2],
    /// Terms of a sum.
    pub terms: u64,
    /// Bits of the smallest accumulator that never overflowed on the images seen; `None` beyond 64.
    pub on_data_bits: Option<u32>,
    /// Bits that suffice for any input with these weights and biases.
    pub any_input_bits: u32,
    /// Bits that suffice for any words of the formats.
    pub any_words_bits: u32,
    /// The largest ℓ1 norm of an output's integer weights.
    pub weight_norm: u64,
    /// Bits that suffice for that norm by A2Q's formula ([`NormBound::A2q`]), biases aside.
    pub a2q_bits: u32,
    /// The largest norm that A2Q's formula admits for the accumulator in force; `None` where that is exact.
    pub a2q_norm: Option<String>,
    /// The widths of an inner accumulator, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub two_levels: Option<TwoLevels>,
    /// A MAC with an accumulator as wide as one product.
    pub product_wide: MacCost,
    /// A MAC with the accumulator that sufficed on the images.
    pub on_data: Option<MacCost>,
    /// A MAC with the accumulator that suffices for any input.
    pub any_input: MacCost,
    /// A MAC with the accumulator that suffices for any words.
    pub any_words: MacCost,
}

/// Required widths of an inner accumulator that sums blocks of products, and of the outer one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TwoLevels {
    /// Products of a block.
    pub inner_terms: u32,
    /// Bits of the smallest inner accumulator that never overflowed on the images seen; `None` beyond 64.
    pub inner_on_data_bits: Option<u32>,
    /// Bits of an inner accumulator that suffice for any input with these weights.
    pub inner_any_input_bits: u32,
    /// Bits of an inner accumulator that suffice for any words of the formats.
    pub inner_any_words_bits: u32,
    /// Bits of the smallest outer accumulator that never overflowed on the images seen, where it adds the sums of blocks.
    pub outer_on_data_bits: Option<u32>,
    /// A MAC with both of the widths that sufficed on the images.
    pub on_data: Option<MacCost>,
}

/// Error of an accumulator study.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// A layer without integers.
    #[error(
        "layer `{layer}` has format {format}: its accumulator is known with a fixed ⟨WL, FL⟩, as `hwsim train` \
         gives with --controller adapt or static"
    )]
    NotFixed {
        /// Name of the layer.
        layer: String,
        /// The format of its activations.
        format: NumberFormat,
    },
    /// A layer that is not a single product.
    #[error(transparent)]
    Product(#[from] NoSingleProduct),
    /// Operands that do not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

impl AccumulatorStudy {
    /// A study of every MAC layer, for accumulators of one level and, if `inner_terms` are given, for two levels.
    ///
    /// # Errors
    /// If a layer is not in fixed point, or no single product.
    pub fn new(network: &Network, inner_terms: Option<NonZeroU32>) -> Result<Self, StudyError> {
        let layer = |index: usize| {
            let operands = network.single_product(index)?;
            let formats = operands.weight.formats;
            let fixed = || {
                let input = formats.activation.fixed()?;
                let weight = operands.weight.quantised.clone()?;
                let bias = match operands.bias {
                    Some(bias) => Some(bias.quantised.clone()?),
                    None => None,
                };
                let shape = operands.weight.shape.iter().skip(1);
                let format = bias.as_ref().map(FixedTensor::format);
                let terms = shape.product::<usize>() as u64;
                Some(Layer {
                    name: operands.name.to_owned(),
                    node: operands.node,
                    geometry: operands.geometry,
                    input,
                    data: Some(1),
                    any_input: width::any_input(input, &weight, bias.as_ref()),
                    any_words: width::any_words(input, weight.format(), format, terms),
                    blocks: [Some(1); 2],
                    weight,
                    bias,
                })
            };
            let not_fixed = || StudyError::NotFixed {
                layer: operands.name.to_owned(),
                format: formats.activation,
            };
            fixed().ok_or_else(not_fixed)
        };
        let layers = (0..network.mac_layers.len()).map(layer).collect::<Result<_, _>>()?;
        Ok(Self { layers, inner_terms })
    }

    /// Adds the layers' inputs of one pass.
    ///
    /// # Errors
    /// If the pass is of another network.
    pub fn add(&mut self, pass: &Pass, simd: SimdLevel) -> Result<(), StudyError> {
        for layer in &mut self.layers {
            let Some(Activation::Fixed(x)) = pass.mac_input(layer.node) else { continue };
            let bias = layer.bias.as_ref();
            let bits = width::on_data(simd, x, &layer.weight, bias, layer.geometry)?;
            layer.data = layer.data.zip(bits).map(|(a, b)| a.max(b));
            if let Some(terms) = self.inner_terms {
                let found =
                    width::on_data_blocks(simd, x, &layer.weight, bias, layer.geometry, terms)?;
                for (most, bits) in layer.blocks.iter_mut().zip(found) {
                    *most = most.zip(bits).map(|(a, b)| a.max(b));
                }
            }
        }
        Ok(())
    }

    /// The widths, and what MACs with them cost on `machine`; the norm that A2Q admits is that of an accumulator of width `in_force`.
    pub fn finish(self, machine: &Machine, in_force: AccumulatorWidth) -> Vec<LayerAccumulator> {
        let finished = |layer: Layer| {
            let (input_bits, weight_bits) = (layer.input.wl(), layer.weight.format().wl());
            let cost = |bits: u32| machine.mac_cost(input_bits, weight_bits, bits);
            let weight_norm = layer.largest_norm();
            let two_levels = self.inner_terms.map(|terms| layer.two_levels(terms, machine));
            LayerAccumulator {
                two_levels,
                word_lengths: [input_bits, weight_bits],
                terms: layer.weight.shape().iter().skip(1).product::<usize>() as u64,
                on_data_bits: layer.data,
                any_input_bits: layer.any_input,
                any_words_bits: layer.any_words,
                weight_norm,
                a2q_bits: NormBound::A2q.least_bits(weight_norm, layer.input),
                a2q_norm: match in_force {
                    AccumulatorWidth::Exact => None,
                    AccumulatorWidth::Bits(bits) => {
                        Some(NormBound::A2q.largest_norm(bits, layer.input).to_string())
                    }
                },
                product_wide: cost(input_bits + weight_bits),
                on_data: layer.data.map(cost),
                any_input: cost(layer.any_input),
                any_words: cost(layer.any_words),
                layer: layer.name,
            }
        };
        self.layers.into_iter().map(finished).collect()
    }
}

impl Layer {
    /// The largest ℓ1 norm of an output's weights.
    fn largest_norm(&self) -> u64 {
        let outputs = self.weight.shape().first().copied().unwrap_or(0);
        let terms = self.weight.len() / outputs.max(1);
        let norm = |output: usize| {
            let of_output = output * terms..(output + 1) * terms;
            l1_norm(of_output.map(|index| self.weight.data().get(index)))
        };
        (0..outputs).map(norm).max().unwrap_or(0)
    }

    /// The widths of blocks of `terms` products.
    fn two_levels(&self, terms: NonZeroU32, machine: &Machine) -> TwoLevels {
        let [inner, outer] = self.blocks;
        let weight = self.weight.format();
        let length = self.weight.shape().iter().skip(1).product::<usize>() as u64;
        let block = length.min(terms.get().into());
        let cost = |(inner, outer)| {
            let inner = Some(InnerBits { bits: inner, terms: terms.get() });
            machine.mac_cost(self.input.wl(), weight.wl(), AccumulatorBits { outer, inner })
        };
        TwoLevels {
            inner_terms: terms.get(),
            inner_on_data_bits: inner,
            inner_any_input_bits: width::any_input_blocks(self.input, &self.weight, terms),
            inner_any_words_bits: width::any_words(self.input, weight, None, block),
            outer_on_data_bits: outer,
            on_data: inner.zip(outer).map(cost),
        }
    }
}
