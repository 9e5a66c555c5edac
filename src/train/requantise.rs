//! Giving weights the controller's formats.

use super::error::TrainError;
use super::trainer::Trainer;
use crate::precision::NumberFormat;
use hwmodel::FixedTensor;
use hwmodel::number::block_float;
use hwmodel::number::quantise;
use hwmodel::random::{RandomAddress, Role};

impl Trainer {
    /// Gives parameter `tensor` the controller's format and quantises its master values anew.
    pub(super) fn requantise_weights(&mut self, tensor: usize) -> Result<(), TrainError> {
        let formats = self.controller.formats()[tensor];
        let owner = self.owners[tensor];
        let parameter = &mut self.network.parameters[tensor];
        let is_weight = self.network.mac_layers[owner].weight == tensor;
        // The array is configured for the formats of products: weights and activations.
        let changed = (parameter.formats.weight, parameter.formats.activation)
            != (formats.weight, formats.activation);
        let started = self.position.pass > 0;
        self.pending[owner].reconfigured |= is_weight && changed && started;
        parameter.formats = formats;
        let format = match formats.weight {
            NumberFormat::Float32 => None,
            NumberFormat::Fixed(format) => Some(format),
            NumberFormat::DynamicFixed { wl } => {
                let name = &parameter.name;
                let format = block_float::tensor_format(&parameter.master, wl);
                Some(format.map_err(|source| crate::network::NetworkError::Scale {
                    what: "weights",
                    layer: name.clone(),
                    source,
                })?)
            }
        };
        match format {
            None => parameter.quantised = None,
            Some(format) => {
                let address = RandomAddress {
                    seed: self.options.seed,
                    step: self.position.step,
                    layer: tensor as u32,
                    part: None,
                    role: Role::Weight,
                    source: self.options.random,
                };
                let rounding = self.options.rounding.weights;
                let master = &parameter.master;
                let (data, counts) = quantise::quantise(
                    self.simd, master, format, rounding, address,
                )
                .map_err(|source| crate::network::NetworkError::Diverged {
                    what: "weights",
                    layer: parameter.name.clone(),
                    source,
                })?;
                self.pending[owner].counts += counts;
                let tensor = FixedTensor::new(&parameter.shape, format, data)
                    .map_err(crate::network::NetworkError::from)?;
                parameter.quantised = Some(tensor);
            }
        }
        Ok(())
    }
}
