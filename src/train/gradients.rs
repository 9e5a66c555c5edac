//! Prepares accumulated gradients for controller and optimiser: regularisation, quantisation, normalisation.

use super::accounting::StepAccounts;
use super::error::TrainError;
use super::loss::{LossComposition, PenaltyTerm, word_length_penalty};
use super::model::Model;
use super::options::RunOptions;
use super::terms::penalty_terms;
use super::update::{Update, named};
use crate::network::Parameter;
use crate::precision::{ControllerOptions, NumberFormat};
use hwmodel::cast::exact;
use hwmodel::number::block_float;
use hwmodel::number::quantise::{QuantiseCounts, Quantiser};
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Overflow, Rounding, SimdLevel};

/// Statistics of the prepared gradients of a step.
pub(super) struct Gradients {
    /// The loss that the controller sees.
    pub(super) loss: f64,
    /// The word-length penalty in it.
    pub(super) penalty: Option<f64>,
    /// Euclidean norm of all gradients before they are divided by their norms.
    pub(super) norm: f64,
}

impl Update {
    /// Adds regularisers to the gradients of step `step`, quantises and normalises them. `cross_entropy` is that of the
    /// last micro-batch.
    pub(super) fn prepare(
        &mut self,
        model: &Model,
        options: &RunOptions,
        (simd, step): (SimdLevel, u64),
        cross_entropy: f64,
        accounts: &mut StepAccounts,
    ) -> Result<Gradients, TrainError> {
        let parameters = &model.network.parameters;
        let quantising = !matches!(options.controller, ControllerOptions::Float32);
        let penalty = (options.penalty && quantising).then(|| {
            let terms: Vec<PenaltyTerm> = penalty_terms(&model.network, options);
            word_length_penalty(&terms)
        });
        let composition = LossComposition {
            cross_entropy,
            l1: options.optimiser.l1.into(),
            l2: options.optimiser.weight_decay.into(),
            penalty,
            accumulation: options.optimiser.accumulation,
        };
        let loss = composition.value(simd, parameters.iter().map(Parameter::values));
        let mut square = 0.0;
        for (tensor, optimiser) in self.optimisers.iter_mut().enumerate() {
            let parameter = &parameters[tensor];
            let (format, modes) = (parameter.formats.gradient, parameter.formats.modes);
            let address = RandomAddress {
                seed: options.seed,
                step,
                layer: exact::<u32>(tensor),
                part: None,
                role: Role::Gradient,
                source: options.random,
            };
            let mut counts = QuantiseCounts::default();
            let rounding = modes.rounding.unwrap_or(options.rounding.gradients);
            let modes = (rounding, modes.overflow.unwrap_or_default());
            let norm = optimiser
                .prepare(simd, parameter.values(), |gradient| {
                    counts = quantise_in_place(simd, gradient, format, modes, address)?;
                    Ok(())
                })
                .map_err(|source| named(&parameter.name, source))?;
            accounts.add_gradient(model.owners[tensor], counts);
            square += norm * norm;
        }
        Ok(Gradients { loss, penalty, norm: square.sqrt() })
    }
}

/// Rounds a gradient to its format, in float32 values.
fn quantise_in_place(
    simd: SimdLevel,
    values: &mut [f32],
    format: NumberFormat,
    (rounding, overflow): (Rounding, Overflow),
    address: RandomAddress,
) -> Result<QuantiseCounts, String> {
    let format = match format {
        NumberFormat::Float32 => return Ok(QuantiseCounts::default()),
        NumberFormat::Fixed(format) => format,
        NumberFormat::DynamicFixed { wl } => {
            block_float::tensor_format(values, wl).map_err(|error| error.to_string())?
        }
    };
    let to = Quantiser { simd, format, rounding, overflow, address };
    let (data, counts) = to.slice(values).map_err(|error| error.to_string())?;
    let tensor =
        FixedTensor::new(&[values.len()], format, data).map_err(|error| error.to_string())?;
    tensor.dequantise_into(simd, values);
    Ok(counts)
}
