//! Arguments of a layer's forward pass: inputs, parameters and the quantisers of its results.

use super::activation::Activation;
use super::error::NetworkError;
use super::graph::PassSettings;
use super::parameter::Parameter;
use super::tally::LayerTally;
use super::vector::batch_norm::RunningStatistics;
use crate::precision::{Modes, NumberFormat, RoleFormats};
use hwmodel::number::block_float::{BlockFloatError, raw_format, tensor_format};
use hwmodel::number::quantise::{NotANumber, QuantiseCounts, Quantiser};
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Format, Overflow, Rounding};

/// A forward call of one layer.
pub struct Forward<'a, 'c> {
    /// Settings of the pass.
    pub context: &'a PassSettings,
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
        self.context.address(self.node, self.part, role)
    }

    /// A requantiser to `format`.
    pub fn requantiser(&self, format: Format, role: Role) -> Requantiser {
        Requantiser {
            simd: self.context.array.simd,
            format,
            rounding: self.rounding(),
            overflow: self.overflow(),
            address: self.address(role),
        }
    }

    /// Modes that the formats of this layer, or of the one it belongs to, bring.
    fn modes(&self) -> Modes {
        let first = self.parameters.first();
        first.map_or(self.owner.modes, |parameter| parameter.formats.modes)
    }

    /// Rounding of results: that of the formats, else of the pass.
    pub fn rounding(&self) -> Rounding {
        self.modes().rounding.unwrap_or(self.context.rounding)
    }

    /// Overflow mode of requantised results: that of the formats, else of the pass.
    pub fn overflow(&self) -> Overflow {
        self.modes().overflow.unwrap_or(self.context.overflow)
    }

    /// How floats of the vector unit become words: saturated where the formats state nothing else.
    fn quantiser(&self, format: Format) -> Quantiser {
        Quantiser {
            simd: self.context.array.simd,
            format,
            rounding: self.rounding(),
            overflow: self.modes().overflow.unwrap_or_default(),
            address: self.address(Role::Activation),
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

    /// The error of a tensor that no scale fits.
    pub fn no_scale(&self, what: &'static str, source: BlockFloatError) -> NetworkError {
        NetworkError::Scale { what, layer: self.name.to_owned(), source }
    }

    /// A vector unit result: quantised to `format`, where dynamic with the FL that just holds it, and counted as output; or
    /// kept in float.
    ///
    /// # Errors
    /// If a float is not a number.
    pub fn vector_result(
        &mut self,
        values: Vec<f32>,
        shape: [usize; 4],
        format: NumberFormat,
    ) -> Result<Activation, NetworkError> {
        let format = match format {
            NumberFormat::Float32 => return Ok(Activation::float(values, shape)),
            NumberFormat::Fixed(format) => format,
            NumberFormat::DynamicFixed { wl } => {
                tensor_format(&values, wl).map_err(|source| self.no_scale("output", source))?
            }
        };
        let (tensor, counts) = self.quantise(&values, shape, format, "output")?;
        self.tally.output += counts;
        Ok(Activation::fixed(tensor))
    }

    /// The format of a vector unit result computed from `input` by a layer without parameters: that of the input, or a scale
    /// per tensor where the activations of the layer on the array have one.
    pub fn format_like(&self, input: &Activation) -> NumberFormat {
        match (input, self.owner.output()) {
            (Activation::Float(..), _) => NumberFormat::Float32,
            (Activation::Fixed(_), dynamic @ NumberFormat::DynamicFixed { .. }) => dynamic,
            (Activation::Fixed(tensor), _) => NumberFormat::Fixed(tensor.format()),
        }
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
        let size = (shape.iter().product(), unit);
        let (data, counts) = self
            .quantiser(format)
            .produced(size, produce)
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
        let quantised = self.quantiser(format).slice(values);
        let (data, counts) = quantised.map_err(|source| self.diverged(what, source))?;
        Ok((FixedTensor::new(&shape, format, data)?, counts))
    }
}
