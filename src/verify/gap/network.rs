//! The gap of a network's layers on real images.

use super::error::GapError;
use super::layers::FloatLayers;
use super::product::{GapOptions, ProductGap};
use crate::network::{Activation, Network};

/// The gap of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerGap {
    /// Name of the layer.
    pub layer: String,
    /// Its product.
    pub gap: ProductGap,
}

/// A comparison that images are added to, layer by layer on the operands of [`FloatLayers`].
pub struct NetworkGap {
    layers: FloatLayers,
    options: GapOptions,
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
        network: Network,
        layers: Vec<usize>,
        options: GapOptions,
    ) -> Result<Self, GapError> {
        let gaps = vec![None; layers.len()];
        Ok(Self { layers: FloatLayers::new(network, layers)?, options, gaps })
    }

    /// Runs `images` `[n, h, w, c]` through the network in float32 and compares every layer on them.
    ///
    /// # Errors
    /// If the images do not fit, or an activation is not a number.
    pub fn add(&mut self, images: Activation) -> Result<(), GapError> {
        let Self { layers, options, gaps } = self;
        layers.each(images, options.simd, |index, operands| {
            let gap = ProductGap::measure(operands, options)?;
            match &mut gaps[index] {
                Some(sum) => sum.merge(&gap),
                slot => *slot = Some(gap),
            }
            Ok(())
        })
    }

    /// The gap of each layer over all images; none if there were no images.
    pub fn finish(self) -> Vec<LayerGap> {
        let gaps = self.layers.names().map(str::to_owned).zip(self.gaps);
        gaps.filter_map(|(layer, gap)| gap.map(|gap| LayerGap { layer, gap })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Initialisation, arch};
    use crate::verify::gap::Operands;
    use hwmodel::random::{generator, uniform_f32};
    use hwmodel::{Accumulator, AccumulatorWidth, Format, Overflow, SimdLevel};

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
            |bits, overflow| Accumulator::new(AccumulatorWidth::bits(bits).unwrap(), overflow);
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
