//! From accumulated gradients to those that controller and optimiser see.

use super::accounting::StepAccounts;
use super::error::TrainError;
use super::loss::{LossComposition, PenaltyTerm, word_length_penalty};
use super::optimiser::Optimiser;
use super::terms::penalty_terms;
use super::trainer::Trainer;
use crate::network::{Network, Parameter};
use crate::precision::{ControllerOptions, NumberFormat, TensorView};
use hwmodel::number::block_float;
use hwmodel::number::quantise::{self, QuantiseCounts};
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Rounding, SimdLevel};

impl Trainer {
    /// Adds regularisers, quantises and normalises gradients; returns the loss that the strategy
    /// sees, the penalty and the norm of all gradients.
    pub(super) fn prepare_gradients(
        &mut self,
        cross_entropy: f64,
        accounts: &mut StepAccounts,
    ) -> Result<(f64, Option<f64>, f64), TrainError> {
        let simd = self.simd;
        let parameters = &self.network.parameters;
        let quantising = !matches!(self.options.controller, ControllerOptions::Float32);
        let penalty = (self.options.penalty && quantising).then(|| {
            let terms: Vec<PenaltyTerm> = penalty_terms(&self.network, &self.options);
            word_length_penalty(&terms)
        });
        let composition = LossComposition {
            cross_entropy,
            l1: self.options.optimiser.l1.into(),
            l2: self.options.optimiser.weight_decay.into(),
            penalty,
            accumulation: self.options.optimiser.accumulation,
        };
        let loss = composition.value(simd, parameters.iter().map(Parameter::values));
        let mut square = 0.0;
        for (tensor, optimiser) in self.optimisers.iter_mut().enumerate() {
            let parameter = &parameters[tensor];
            let format = parameter.formats.gradient;
            let address = RandomAddress {
                seed: self.options.seed,
                step: self.position.step,
                layer: tensor as u32,
                part: None,
                role: Role::Gradient,
                source: self.options.random,
            };
            let mut counts = QuantiseCounts::default();
            let rounding = self.options.rounding.gradients;
            let norm = optimiser
                .prepare(simd, parameter.values(), |gradient| {
                    counts = quantise_in_place(simd, gradient, format, rounding, address)?;
                    Ok(())
                })
                .map_err(|source| TrainError::Optimiser {
                    parameter: parameter.name.clone(),
                    source,
                })?;
            accounts.add_gradient(self.owners[tensor], counts);
            square += norm * norm;
        }
        Ok((loss, penalty, square.sqrt()))
    }
}

/// What the controller sees of every tensor.
pub(super) fn views<'a>(network: &'a Network, optimisers: &'a [Optimiser]) -> Vec<TensorView<'a>> {
    let pairs = network.parameters.iter().zip(optimisers);
    pairs
        .map(|(parameter, optimiser)| TensorView {
            master: &parameter.master,
            gradient: optimiser.gradient(),
        })
        .collect()
}

/// Rounds a gradient to its format, in float32 values.
fn quantise_in_place(
    simd: SimdLevel,
    values: &mut [f32],
    format: NumberFormat,
    rounding: Rounding,
    address: RandomAddress,
) -> Result<QuantiseCounts, String> {
    let format = match format {
        NumberFormat::Float32 => return Ok(QuantiseCounts::default()),
        NumberFormat::Fixed(format) => format,
        NumberFormat::DynamicFixed { wl } => {
            block_float::tensor_format(values, wl).map_err(|error| error.to_string())?
        }
    };
    let (data, counts) = quantise::quantise(simd, values, format, rounding, address)
        .map_err(|error| error.to_string())?;
    let tensor =
        FixedTensor::new(&[values.len()], format, data).map_err(|error| error.to_string())?;
    tensor.dequantise_into(simd, values);
    Ok(counts)
}
