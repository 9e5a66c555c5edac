//! One layer of a network with the input that real images give it.

use super::error::ExportError;
use crate::network::{Activation, Network, PassSettings};
use hwmodel::array::Convolution2d;
use hwmodel::array::width;
use hwmodel::cast::exact;
use hwmodel::float32::Shapes;
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::random::{RandomAddress, RandomSource, Role};
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, Rounding};

/// Everything that determines the outputs of a MAC layer, in integers.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerOperands {
    /// Name of the layer.
    pub layer: String,
    /// Its number among the MAC layers of the network.
    pub index: usize,
    /// `convolution` or `linear`.
    pub kind: String,
    /// Input `[n, h, w, c]`.
    pub input: FixedTensor,
    /// Weights `[o, kh, kw, c / groups]`.
    pub weights: FixedTensor,
    /// Bias `[o]`.
    pub bias: Option<FixedTensor>,
    /// Geometry; a linear layer has a 1×1 kernel on one pixel.
    pub geometry: Convolution2d,
    /// The accumulator.
    pub accumulator: Accumulator,
    /// Format of the output.
    pub output: Format,
    /// Rounding of the output.
    pub rounding: Rounding,
    /// Random numbers of the output, for stochastic rounding by a shift register.
    pub address: RandomAddress,
    /// Overflow mode of outputs.
    pub overflow: Overflow,
}

impl LayerOperands {
    /// Runs `images` through `network` up to MAC layer `layer` and keeps that layer's operands.
    ///
    /// # Errors
    /// If the layer is no single product or has no fixed ⟨WL, FL⟩, rounding is stochastic by a generator that is not a shift
    /// register, or the network cannot run.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn capture(
        mut network: Network,
        layer: usize,
        images: Activation,
        context: &PassSettings,
    ) -> Result<Self, ExportError> {
        let operands = network.single_product(layer)?;
        let modes = operands.weight.formats.modes;
        let rounding = modes.rounding.unwrap_or(context.rounding);
        let is_register = matches!(context.random, RandomSource::Lfsr(_));
        if rounding == Rounding::Stochastic && !is_register {
            return Err(ExportError::Stochastic);
        }
        let node = operands.node;
        let address = context.address(exact(node), None, Role::Output);
        let format = operands.weight.formats.output();
        let not_fixed = || ExportError::NotFixed { layer: operands.name.to_owned(), format };
        let output = format.fixed().ok_or_else(not_fixed)?;
        let weights = operands.weight.quantised.clone().ok_or_else(not_fixed)?;
        let bias = match operands.bias {
            Some(bias) => Some(bias.quantised.clone().ok_or_else(not_fixed)?),
            None => None,
        };
        let (name, kind) = (operands.name.to_owned(), operands.kind.to_owned());
        let geometry = operands.geometry;
        network.nodes.truncate(node + 1);
        let pass = network.forward(images, context)?;
        let Some(Activation::Fixed(input)) = pass.mac_input(node) else {
            return Err(ExportError::NotFixed { layer: name, format });
        };
        Ok(Self {
            layer: name,
            index: layer,
            kind,
            input: FixedTensor::clone(input),
            weights,
            bias,
            geometry,
            accumulator: context.array.accumulator,
            output,
            rounding,
            address,
            overflow: modes.overflow.unwrap_or(context.overflow),
        })
    }

    /// The shapes, which fit together.
    ///
    /// # Errors
    /// If they do not.
    pub fn shapes(&self) -> Result<Shapes, ExportError> {
        Ok(Shapes::new(self.input.shape(), self.weights.shape(), self.geometry)?)
    }

    /// Fractional length of the accumulator, FLa + FLw.
    pub fn sum_fl(&self) -> i32 {
        self.input.format().fl() + self.weights.format().fl()
    }

    /// Bits of the accumulator; for `exact` the fewest that hold any words of the formats.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn accumulator_bits(&self) -> Result<u32, ExportError> {
        match self.accumulator.width {
            AccumulatorWidth::Bits(bits) => Ok(bits.into()),
            AccumulatorWidth::Exact => {
                let bias = self.bias.as_ref().map(FixedTensor::format);
                let terms = self.shapes()?.terms() as u64;
                Ok(width::any_words(self.input.format(), self.weights.format(), bias, terms))
            }
        }
    }

    /// The K input words and K weight words of output `output` (row-major `[n, oh, ow, o]`), k ascending
    /// over kernel row, kernel column and channel, channel fastest; padding is 0.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn terms_of(&self, output: usize) -> Result<(Vec<i64>, Vec<i64>), ExportError> {
        let shapes = self.shapes()?;
        let [_, oh, ow, filters] = shapes.output();
        let [_, height, width, channels] = shapes.input();
        let Convolution2d { kernel, groups, .. } = self.geometry;
        let (pixel, filter) = (output / filters, output % filters);
        let (image, y, x) = (pixel / (oh * ow), pixel / ow % oh, pixel % ow);
        let size = channels / groups;
        let first = filter / (filters / groups) * size;
        let k = shapes.terms();
        let (mut inputs, mut weights) = (Vec::with_capacity(k), Vec::with_capacity(k));
        for kernel_row in 0..kernel[0] {
            for kernel_column in 0..kernel[1] {
                let row = self.geometry.source(0, y, kernel_row, height);
                let place = row.zip(self.geometry.source(1, x, kernel_column, width));
                for channel in 0..size {
                    inputs.push(place.map_or(0, |(row, column)| {
                        let at = ((image * height + row) * width + column) * channels;
                        self.input.data().get(at + first + channel)
                    }));
                    let at = (filter * kernel[0] + kernel_row) * kernel[1] + kernel_column;
                    weights.push(self.weights.data().get(at * size + channel));
                }
            }
        }
        Ok((inputs, weights))
    }
}
