//! The network of a run and the formats of its parameters.

use super::accounting::PendingWeights;
use super::error::TrainError;
use super::optimiser::Optimiser;
use super::options::RunOptions;
use super::outcome::Position;
use crate::network::{Network, NetworkError};
use crate::precision::{
    Decision, EpochEnd, NumberFormat, PrecisionController, RoleFormats, Step, TensorView,
};
use hwmodel::cast::exact;
use hwmodel::number::block_float;
use hwmodel::number::quantise::Quantiser;
use hwmodel::random::{RandomAddress, RandomSource, Role};
use hwmodel::{FixedTensor, Rounding, SimdLevel};

/// The network of a run and the formats of its parameters.
pub(super) struct Model {
    /// Layers, float32 master values, and the words that the array holds of these.
    pub(super) network: Network,
    /// Decides on the formats.
    pub(super) controller: Box<dyn PrecisionController>,
    /// For each parameter the layer on the array that it belongs to.
    pub(super) owners: Vec<usize>,
    /// For each layer on the array what happened to its weights since the last forward pass.
    pub(super) pending: Vec<PendingWeights>,
    /// Quantisers of the master values.
    quantiser: WeightQuantiser,
}

/// Quantisers of the master values.
struct WeightQuantiser {
    simd: SimdLevel,
    seed: u64,
    source: RandomSource,
    rounding: Rounding,
}

/// Formats and counts of a layer on the array in a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct InForce {
    /// Format of its weight.
    pub(super) format: NumberFormat,
    /// Weights that are not zero.
    pub(super) nonzero: u64,
    /// Whether the end of the epoch before the step changed the format.
    pub(super) switched_before: bool,
}

impl Model {
    /// `network` with the controller of `options`; every parameter has its first format.
    ///
    /// # Errors
    /// If the controller does not fit the network, or a master value is not a number.
    pub(super) fn new(
        network: Network,
        options: &RunOptions,
        simd: SimdLevel,
    ) -> Result<Self, TrainError> {
        let controller = options.controller.build(&network.tensor_infos())?;
        let mut model = Self {
            controller,
            owners: network.parameter_owners(),
            pending: vec![PendingWeights::default(); network.mac_layers.len()],
            network,
            quantiser: WeightQuantiser {
                simd,
                seed: options.seed,
                source: options.random,
                rounding: options.rounding.weights,
            },
        };
        model.requantise_all(Position::default())?;
        Ok(model)
    }

    /// Gives every parameter the controller's format and quantises its master values anew.
    pub(super) fn requantise_all(&mut self, position: Position) -> Result<(), TrainError> {
        (0..self.network.parameters.len()).try_for_each(|tensor| self.requantise(tensor, position))
    }

    /// Gives parameter `tensor` the controller's format and quantises its master values anew.
    pub(super) fn requantise(
        &mut self,
        tensor: usize,
        position: Position,
    ) -> Result<(), TrainError> {
        let formats = self.controller.formats()[tensor];
        let owner = self.owners[tensor];
        let is_weight = self.network.mac_layers[owner].weight == tensor;
        let parameter = &mut self.network.parameters[tensor];
        // The array is configured for the formats of products: weights and activations.
        let of_products = |formats: RoleFormats| (formats.weight, formats.activation);
        let changed = of_products(parameter.formats) != of_products(formats);
        let started = position.pass > 0;
        let pending = &mut self.pending[owner];
        pending.reconfigured |= is_weight && changed && started;
        parameter.formats = formats;
        let format = match formats.weight {
            NumberFormat::Float32 => None,
            NumberFormat::Fixed(format) => Some(format),
            NumberFormat::DynamicFixed { wl } => {
                let format = block_float::tensor_format(&parameter.master, wl);
                Some(format.map_err(|source| NetworkError::Scale {
                    what: "weights",
                    layer: parameter.name.clone(),
                    source,
                })?)
            }
        };
        let Some(format) = format else {
            parameter.quantised = None;
            return Ok(());
        };
        let WeightQuantiser { simd, seed, source, rounding } = self.quantiser;
        let address = RandomAddress {
            seed,
            step: position.step,
            layer: exact::<u32>(tensor),
            part: None,
            role: Role::Weight,
            source,
        };
        let to = Quantiser {
            simd,
            format,
            rounding: formats.modes.rounding.unwrap_or(rounding),
            overflow: formats.modes.overflow.unwrap_or_default(),
            address,
        };
        let (data, counts) = to.slice(&parameter.master).map_err(|source| {
            NetworkError::Diverged { what: "weights", layer: parameter.name.clone(), source }
        })?;
        pending.counts += counts;
        let words = FixedTensor::new(&parameter.shape, format, data).map_err(NetworkError::from)?;
        parameter.quantised = Some(words);
        Ok(())
    }

    /// Formats and counts of the layers on the array in this step; the counts of weights restart at 0.
    pub(super) fn in_force(&mut self) -> Vec<InForce> {
        let layers = self.network.mac_layers.iter().zip(&mut self.pending);
        let of_layer = |(layer, pending): (&crate::network::MacLayer, &mut PendingWeights)| {
            let weight = &self.network.parameters[layer.weight];
            let quantised = weight.quantised.as_ref();
            let format = quantised
                .map_or(NumberFormat::Float32, |tensor| NumberFormat::Fixed(tensor.format()));
            let nonzero = if layer.has_weight() { weight.nonzero() } else { 0 };
            let switched_before = std::mem::take(pending).switched_at_epoch_end;
            InForce { format, nonzero, switched_before }
        };
        layers.map(of_layer).collect()
    }

    /// Lets the controller react to a step of loss `loss` with the gradients of `optimisers`.
    pub(super) fn after_step(
        &mut self,
        loss: f64,
        optimisers: &[Optimiser],
    ) -> Result<Decision, TrainError> {
        let tensors = &views(&self.network, optimisers);
        Ok(self.controller.update(&Step { loss, tensors })?)
    }

    /// Lets the controller react to the end of epoch `epoch`.
    pub(super) fn after_epoch(
        &mut self,
        epoch: u32,
        optimisers: &[Optimiser],
    ) -> Result<Decision, TrainError> {
        let tensors = &views(&self.network, optimisers);
        Ok(self.controller.end_of_epoch(&EpochEnd { epoch, tensors })?)
    }

    /// Remembers the changes of format at the end of an epoch for the trace of the next step.
    pub(super) fn mark_switches(&mut self, decision: &Decision) {
        for switch in &decision.switches {
            let layers = self.network.mac_layers.iter().zip(&mut self.pending);
            for (_, pending) in layers.filter(|(layer, _)| layer.weight == switch.tensor) {
                pending.switched_at_epoch_end = true;
            }
        }
    }

    /// Mean word length in bits over the layers on the array, as in force now.
    pub(super) fn mean_word_length(&self) -> f64 {
        let layers = &self.network.mac_layers;
        let sum: u32 = layers
            .iter()
            .map(|layer| self.network.parameters[layer.weight].formats.weight.word_length())
            .sum();
        f64::from(sum) / layers.len() as f64
    }
}

/// The controller's view of every tensor.
fn views<'a>(network: &'a Network, optimisers: &'a [Optimiser]) -> Vec<TensorView<'a>> {
    let pairs = network.parameters.iter().zip(optimisers);
    pairs
        .map(|(parameter, optimiser)| TensorView {
            master: &parameter.master,
            gradient: optimiser.gradient(),
        })
        .collect()
}
