//! The gap of a network's layers on real images.

use super::error::GapError;
use super::product::{GapOptions, Operands, ProductGap};
use crate::network::{Activation, BackwardArithmetic, Network, PassSettings};
use hwmodel::array::MacArray;
use hwmodel::random::RandomSource;
use hwmodel::{Accumulator, Overflow, Rounding};

/// The gap of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerGap {
    /// Name of the layer.
    pub layer: String,
    /// Its product.
    pub gap: ProductGap,
}

/// A comparison that images are added to.
///
/// The operands of a layer are real: the master weights, and the input that the layer has in a float32
/// forward pass of the whole network with the master weights and biases, batch norm in inference. So a
/// layer's gap shows that layer alone, not the errors of those before it.
pub struct NetworkGap {
    network: Network,
    options: GapOptions,
    layers: Vec<usize>,
    gaps: Vec<Option<ProductGap>>,
}

impl NetworkGap {
    /// Compares the MAC layers `layers` (their numbers) of `network`.
    ///
    /// # Errors
    /// If a layer is no single product, or a parameter or running statistic is not finite.
    ///
    /// # Panics
    /// If a number is not below the number of MAC layers.
    pub fn new(
        mut network: Network,
        layers: Vec<usize>,
        options: GapOptions,
    ) -> Result<Self, GapError> {
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
        let gaps = vec![None; layers.len()];
        Ok(Self { network, options, layers, gaps })
    }

    /// Runs `images` `[n, h, w, c]` through the network in float32 and compares every layer on them.
    ///
    /// # Errors
    /// If the images do not fit, or an activation is not a number.
    pub fn add(&mut self, images: Activation) -> Result<(), GapError> {
        let array = MacArray { simd: self.options.simd, accumulator: Accumulator::default() };
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
        for (&layer, slot) in self.layers.iter().zip(&mut self.gaps) {
            let operands = self.network.mac_operands(layer).expect("checked when made");
            let input = pass.mac_input(operands.node).expect("MAC layers keep their input");
            let gap = ProductGap::measure(
                &Operands {
                    x: &input.to_f32(self.options.simd),
                    input: input.shape(),
                    weights: &operands.weight.master,
                    weight_shape: &operands.weight.shape,
                    bias: operands.bias.map(|bias| &bias.master[..]),
                    geometry: operands.geometry,
                },
                &self.options,
            )
            .map_err(|error| match error {
                GapError::NotANumber { tensor, source } => GapError::NotANumber {
                    tensor: format!("{tensor} of `{}`", operands.name),
                    source,
                },
                other => other,
            })?;
            match slot {
                Some(sum) => sum.merge(&gap),
                slot => *slot = Some(gap),
            }
        }
        Ok(())
    }

    /// The gap of each layer over all images; none if there were no images.
    pub fn finish(self) -> Vec<LayerGap> {
        let names = self.layers.iter().map(|&layer| self.network.mac_layers[layer].name.clone());
        let gaps = names.zip(self.gaps);
        gaps.filter_map(|(layer, gap)| gap.map(|gap| LayerGap { layer, gap })).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Initialisation, arch};
    use hwmodel::random::{generator, uniform_f32};
    use hwmodel::{AccumulatorWidth, Format, SimdLevel};

    fn network(name: &str) -> Network {
        let initialisation = Initialisation { seed: 1, scale: 0.5 };
        let task = arch::Task { input: [32, 32, 1], classes: 10, initialisation };
        arch::build(name, &task).unwrap()
    }

    fn images(from: usize, count: usize) -> Activation {
        let mut generator = generator(5, &[]);
        let values: Vec<f32> = (0..(from + count) * 1024)
            .map(|_| 2.0 * uniform_f32(&mut generator) - 1.0)
            .skip(from * 1024)
            .collect();
        Activation::float(values, [count, 32, 32, 1])
    }

    fn options() -> GapOptions {
        let accumulator =
            |bits, overflow| Accumulator { width: AccumulatorWidth::bits(bits).unwrap(), overflow };
        GapOptions {
            simd: SimdLevel::best(),
            formats: vec![Format::new(8, 5).unwrap(), Format::new(20, 15).unwrap()],
            accumulators: vec![
                accumulator(12, Overflow::Wrap),
                accumulator(24, Overflow::Saturate),
                Accumulator::default(),
            ],
        }
    }

    #[test]
    fn batches_do_not_matter() {
        for name in ["lenet5", "resnet20"] {
            let layers: Vec<usize> = (0..network(name).mac_layers.len()).step_by(3).collect();
            let run = |batches: &[(usize, usize)]| {
                let mut gap = NetworkGap::new(network(name), layers.clone(), options()).unwrap();
                for &(from, count) in batches {
                    gap.add(images(from, count)).unwrap();
                }
                gap.finish()
            };
            let whole = run(&[(0, 5)]);
            assert_eq!(whole, run(&[(0, 2), (2, 3)]));
            assert_eq!(whole.len(), layers.len());
            let narrow = whole[0].gap.formats[1].accumulators[0];
            assert!(narrow.events > 0 && narrow.difference.from_accumulator > 0);
            let exact = whole[0].gap.formats[0].accumulators[2];
            assert_eq!((exact.difference.outputs, exact.events), (0, 0));
        }
    }

    #[test]
    fn the_first_layer_sees_the_images() {
        let mut gap = NetworkGap::new(network("mlp"), vec![0], options()).unwrap();
        gap.add(images(0, 3)).unwrap();
        let found = gap.finish().remove(0);
        let mlp = network("mlp");
        let images = images(0, 3);
        let direct = ProductGap::measure(
            &Operands {
                x: &images.to_f32(SimdLevel::best()),
                input: [3, 1, 1, 1024],
                weights: &mlp.parameters[0].master,
                weight_shape: &mlp.parameters[0].shape,
                bias: Some(&mlp.parameters[1].master),
                geometry: hwmodel::array::Convolution2d::square(1, 1, 0),
            },
            &options(),
        );
        assert_eq!(found, LayerGap { layer: "fc1".to_owned(), gap: direct.unwrap() });
    }

    #[test]
    fn hidden_nan_is_found() {
        let mut broken = network("lenet5");
        broken.parameters[3].master[7] = f32::NAN;
        let error = NetworkGap::new(broken, vec![4], options()).err().unwrap().to_string();
        assert_eq!(error, "`conv2.bias` holds NaN at element 7: the model's training has diverged");
    }
}
