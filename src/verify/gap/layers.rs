//! The operands of a network's layers in a float32 pass.

use super::error::GapError;
use super::operands::Operands;
use crate::network::{Activation, BackwardArithmetic, Network, PassSettings};
use hwmodel::array::MacArray;
use hwmodel::random::RandomSource;
use hwmodel::{Accumulator, Overflow, Rounding, SimdLevel};

/// MAC layers of a network whose operands are looked at one by one.
///
/// The operands of a layer are real: the master weights, and the input that the layer has in a float32
/// forward pass of the whole network with the master weights and biases, batch norm in inference. So
/// what is measured on a layer shows that layer alone, not the errors of those before it.
pub struct FloatLayers {
    network: Network,
    layers: Vec<usize>,
}

impl FloatLayers {
    /// The MAC layers `layers` (their numbers) of `network`.
    ///
    /// # Errors
    /// If a layer is not a single product, or a parameter or running statistic is not finite.
    ///
    /// # Panics
    /// If a number is not below the number of MAC layers.
    pub fn new(mut network: Network, layers: Vec<usize>) -> Result<Self, GapError> {
        assert!(layers.iter().all(|&layer| layer < network.mac_layers.len()), "MAC layers");
        for &layer in &layers {
            network.single_product(layer)?;
        }
        network.set_float32();
        // ReLU would turn NaN to 0 and hide it.
        for parameter in &network.parameters {
            check_finite(&parameter.name, &parameter.master)?;
        }
        for node in &network.nodes {
            if let Some(running) = node.running() {
                check_finite(&format!("{}.running_mean", node.name), &running.mean)?;
                check_finite(&format!("{}.running_variance", node.name), &running.variance)?;
            }
        }
        Ok(Self { network, layers })
    }

    /// The names of the layers, in the order given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().map(|&layer| self.network.mac_layers[layer].name.as_str())
    }

    /// Runs `images` `[n, h, w, c]` through the network in float32 and gives `look` the position of each layer in the list
    /// and its operands.
    ///
    /// # Errors
    /// If the images do not fit, or `look` fails; an operand that is not a number is named with its layer.
    pub fn each(
        &mut self,
        images: Activation,
        simd: SimdLevel,
        mut look: impl FnMut(usize, &Operands<'_>) -> Result<(), GapError>,
    ) -> Result<(), GapError> {
        let array = MacArray { simd, accumulator: Accumulator::default() };
        let context = PassSettings {
            array,
            rounding: Rounding::NearestEven,
            random: RandomSource::PCG,
            overflow: Overflow::Saturate,
            seed: 0,
            step: 0,
            training: false,
            backward: BackwardArithmetic::Float32,
        };
        let pass = self.network.forward(images, &context)?;
        for (index, &layer) in self.layers.iter().enumerate() {
            let layer = self.network.mac_operands(layer).expect("checked when made");
            let input = pass.mac_input(layer.node).expect("MAC layers keep their input");
            let operands = Operands {
                x: &input.to_f32(simd),
                input: input.shape(),
                weights: &layer.weight.master,
                weight_shape: &layer.weight.shape,
                bias: layer.bias.map(|bias| &bias.master[..]),
                geometry: layer.geometry,
            };
            look(index, &operands).map_err(|error| match error {
                GapError::NotANumber { tensor, source } => {
                    let tensor = format!("{tensor} of `{}`", layer.name);
                    GapError::NotANumber { tensor, source }
                }
                other => other,
            })?;
        }
        Ok(())
    }
}

fn check_finite(tensor: &str, values: &[f32]) -> Result<(), GapError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => {
            Err(GapError::NotFinite { tensor: tensor.to_owned(), value: values[index], index })
        }
    }
}
