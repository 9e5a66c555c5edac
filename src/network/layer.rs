//! What every layer kind implements.

use super::activation::Activation;
use super::error::NetworkError;
use super::graph::Context;
use super::operation::Operation;
use super::parameter::{Parameter, ParameterSpec};
use super::tally::LayerTally;
use super::vector::batch_norm::{BatchStatistics, RunningStatistics};
use super::vector::lstm::StepTape;
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::Convolution2d;
use hwmodel::number::block_float::{BlockFloatError, raw_format, tensor_format};
use hwmodel::number::quantise::{self, NotANumber, QuantiseCounts};
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Format};

/// What a layer keeps of the forward pass for the backward pass.
#[derive(Debug, Default)]
pub struct Saved {
    /// Activations: inputs or outputs, as the layer needs.
    pub activation: Option<Activation>,
    /// A second input, or the output, as the layer needs.
    pub second: Option<Activation>,
    /// Which element of each pooling window was the maximum.
    pub argmax: Vec<u8>,
    /// Statistics of a batch normalisation.
    pub statistics: Option<BatchStatistics>,
    /// The time steps of a recurrent layer.
    pub steps: Vec<TimeStep>,
}

/// What a recurrent layer keeps of a time step.
#[derive(Debug)]
pub struct TimeStep {
    /// h before the step, the input of its product.
    pub before: Activation,
    /// Gates and state.
    pub tape: StepTape,
}

/// A forward call of one layer.
pub struct Forward<'a, 'c> {
    /// Settings of the pass.
    pub context: &'a Context,
    /// Number of the node, the address of its random numbers.
    pub node: u32,
    /// The part of the node that this call computes, in the same address; see [`RandomAddress::part`].
    pub part: Option<u64>,
    /// Name of the layer, for messages.
    pub name: &'a str,
    /// Inputs in order.
    pub inputs: Vec<Activation>,
    /// The layer's parameters.
    pub parameters: &'a [Parameter],
    /// Formats of the MAC layer this node belongs to.
    pub owner: RoleFormats,
    /// Running statistics, for layers that have them.
    pub running: Option<&'a mut RunningStatistics>,
    /// Counts of the MAC layer this node belongs to.
    pub tally: &'c mut LayerTally,
}

/// A backward call of one layer.
pub struct Backward<'a, 'c> {
    /// Settings of the pass.
    pub context: &'a Context,
    /// Number of the node, the address of its random numbers.
    pub node: u32,
    /// The part of the node that this call computes, in the same address; see [`RandomAddress::part`].
    pub part: Option<u64>,
    /// Name of the layer, for messages.
    pub name: &'a str,
    /// Gradient of the loss with respect to the output, `[n, h, w, c]`.
    pub gradient: Vec<f32>,
    /// Shape of the first input, `[n, h, w, c]`.
    pub input_shape: [usize; 4],
    /// What the forward pass kept.
    pub saved: Saved,
    /// The layer's parameters.
    pub parameters: &'a [Parameter],
    /// Whether anyone wants the gradient of the input (not so for the images).
    pub wants_input: bool,
    /// Counts of the MAC layer this node belongs to.
    pub tally: &'c mut LayerTally,
}

/// What a layer's backward call returns.
#[derive(Debug, Default)]
pub struct BackwardResult {
    /// One gradient an input; `None` where not wanted.
    pub inputs: Vec<Option<Vec<f32>>>,
    /// One gradient a parameter.
    pub parameters: Vec<Vec<f32>>,
}

/// A layer kind. Shapes without the batch are `[h, w, c]`.
pub trait Layer: Send + Sync {
    /// The kind's name.
    fn kind(&self) -> &'static str;

    /// What it computes.
    fn operation(&self) -> Operation;

    /// Shape of the output for inputs of these shapes.
    ///
    /// # Errors
    /// What is wrong with the inputs.
    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String>;

    /// The parameters that the layer has for inputs of these shapes.
    fn parameters(&self, _inputs: &[[usize; 3]]) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// Whether the layer's product runs on the MAC array.
    fn on_array(&self) -> bool {
        false
    }

    /// Geometry of the layer's product on the array, if it has one.
    fn geometry(&self) -> Option<Convolution2d> {
        None
    }

    /// Channels for which the layer keeps running statistics.
    fn running_channels(&self, _inputs: &[[usize; 3]]) -> Option<usize> {
        None
    }

    /// Multiply-adds of one image, 0 off the array.
    fn macs(&self, _inputs: &[[usize; 3]]) -> u64 {
        0
    }

    /// Computes the output.
    ///
    /// # Errors
    /// If shapes or formats do not fit or a value is not a number.
    fn forward(&self, call: &mut Forward<'_, '_>) -> Result<(Activation, Saved), NetworkError>;

    /// Computes gradients; quantisers pass them straight through.
    ///
    /// # Errors
    /// If shapes do not fit.
    fn backward(&self, call: Backward<'_, '_>) -> Result<BackwardResult, NetworkError>;
}

impl Forward<'_, '_> {
    /// Takes input `index`.
    pub fn take(&mut self, index: usize) -> Activation {
        self.inputs[index].clone()
    }

    /// Takes the only input, so that it can be changed in place if no one else needs it.
    pub fn take_only(&mut self) -> Activation {
        self.inputs.swap_remove(0)
    }

    /// The format of this layer's input activations, from its first parameter; float32 without parameters.
    pub fn input_format(&self) -> NumberFormat {
        let first = self.parameters.first();
        first.map_or(NumberFormat::Float32, |parameter| parameter.formats.activation)
    }

    /// The format of this layer's results, from its first parameter; float32 without parameters.
    pub fn output_format(&self) -> NumberFormat {
        let first = self.parameters.first();
        first.map_or(NumberFormat::Float32, |parameter| parameter.formats.output())
    }

    /// Random numbers of this node in this step.
    pub fn address(&self, role: Role) -> RandomAddress {
        RandomAddress {
            seed: self.context.seed,
            step: self.context.step,
            layer: self.node,
            part: self.part,
            role,
            source: self.context.random,
        }
    }

    /// A requantiser to `format`.
    pub fn requantiser(&self, format: Format, role: Role) -> Requantiser {
        Requantiser {
            simd: self.context.array.simd,
            format,
            rounding: self.context.rounding,
            overflow: self.context.overflow,
            address: self.address(role),
        }
    }

    /// Brings an activation to `format`; a tensor that already has it is shared, not copied.
    ///
    /// # Errors
    /// If a float is not a number.
    pub fn to_fixed(
        &mut self,
        activation: Activation,
        format: Format,
    ) -> Result<Activation, NetworkError> {
        let tensor = match activation {
            Activation::Fixed(tensor) if tensor.format() == format => {
                return Ok(Activation::Fixed(tensor));
            }
            Activation::Fixed(tensor) => {
                let (tensor, counts) = self.requantiser(format, Role::Input).tensor(&tensor);
                self.tally.input += counts;
                tensor
            }
            Activation::Float(values, shape) => {
                let (tensor, counts) = self.quantise(&values, shape, format, "input")?;
                self.tally.input += counts;
                tensor
            }
        };
        Ok(Activation::fixed(tensor))
    }

    /// Brings an activation to `wl` bits with an FL that just holds it; a tensor that has so many bits
    /// already keeps its scale and is shared, not copied.
    ///
    /// # Errors
    /// If a float is not finite.
    pub fn to_dynamic(
        &mut self,
        activation: Activation,
        wl: u32,
    ) -> Result<Activation, NetworkError> {
        let format = match &activation {
            Activation::Fixed(tensor) if tensor.format().wl() == wl => return Ok(activation),
            Activation::Fixed(tensor) => raw_format(tensor, wl).map_err(BlockFloatError::from),
            Activation::Float(values, _) => tensor_format(values, wl),
        };
        let format = format.map_err(|source| self.no_scale("input", source))?;
        self.to_fixed(activation, format)
    }

    /// A vector unit result in `wl` bits with an FL that just holds it, counted as output.
    ///
    /// # Errors
    /// If a float is not finite.
    pub fn dynamic_result(
        &mut self,
        values: Vec<f32>,
        shape: [usize; 4],
        wl: u32,
    ) -> Result<Activation, NetworkError> {
        let format =
            tensor_format(&values, wl).map_err(|source| self.no_scale("output", source))?;
        self.vector_result(values, shape, Some(format))
    }

    /// The error of a tensor that no scale fits.
    pub fn no_scale(&self, what: &'static str, source: BlockFloatError) -> NetworkError {
        NetworkError::Scale { what, layer: self.name.to_owned(), source }
    }

    /// A vector unit result: quantised to `format` and counted as output, or kept in float.
    ///
    /// # Errors
    /// If a float is not a number.
    pub fn vector_result(
        &mut self,
        values: Vec<f32>,
        shape: [usize; 4],
        format: Option<Format>,
    ) -> Result<Activation, NetworkError> {
        let Some(format) = format else { return Ok(Activation::float(values, shape)) };
        let (tensor, counts) = self.quantise(&values, shape, format, "output")?;
        self.tally.output += counts;
        Ok(Activation::fixed(tensor))
    }

    /// A vector unit result in `format`, computed piece by piece: `produce(start, values)` sets the
    /// elements from `start` on, in whole multiples of `unit`.
    ///
    /// # Errors
    /// If a float is not a number.
    pub fn vector_pieces(
        &mut self,
        shape: [usize; 4],
        unit: usize,
        format: Format,
        produce: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Result<Activation, NetworkError> {
        let context = self.context;
        let size = (shape.iter().product(), unit);
        let address = self.address(Role::Activation);
        let simd = context.array.simd;
        let (data, counts) =
            quantise::quantise_produced(simd, size, format, context.rounding, address, produce)
                .map_err(|source| self.diverged("output", source))?;
        self.tally.output += counts;
        Ok(Activation::fixed(FixedTensor::new(&shape, format, data)?))
    }

    fn diverged(&self, what: &'static str, source: NotANumber) -> NetworkError {
        NetworkError::Diverged { what, layer: self.name.to_owned(), source }
    }

    fn quantise(
        &self,
        values: &[f32],
        shape: [usize; 4],
        format: Format,
        what: &'static str,
    ) -> Result<(FixedTensor, QuantiseCounts), NetworkError> {
        let context = self.context;
        let address = self.address(Role::Activation);
        let simd = context.array.simd;
        let (data, counts) = quantise::quantise(simd, values, format, context.rounding, address)
            .map_err(|source| self.diverged(what, source))?;
        Ok((FixedTensor::new(&shape, format, data)?, counts))
    }
}
