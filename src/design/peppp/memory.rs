//! Memory of a training run in low precision.

use super::Configuration;
use crate::network::Network;
use serde::{Deserialize, Serialize};

const BITS_PER_MEBIBYTE: f64 = 8.0 * 1024.0 * 1024.0;

/// Contributions to the memory of a training run, apart from the formats (papers/peppp.md section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footprint {
    /// Parameters of the network.
    pub parameters: u64,
    /// Elements of one image and of the outputs of all layers for it that are kept for the backward pass.
    pub activations: u64,
    /// Images of a batch.
    pub batch: u64,
    /// Tensors of the optimiser besides gradient and accumulator: 1 for momentum, 2 for Adam.
    pub moments: u64,
}

impl Footprint {
    /// The footprint of `network`: the image and the output of every layer are kept, but that of a flattening, which is
    /// its input seen in another shape.
    pub fn of(network: &Network, batch: usize, moments: u64) -> Self {
        let kept = network.nodes.iter().filter(|node| !node.work().is_empty());
        let outputs: usize = kept.map(|node| node.shape.iter().product::<usize>()).sum();
        let parameters: usize = network.parameters.iter().map(|p| p.master.len()).sum();
        Self {
            parameters: parameters as u64,
            activations: (network.input.iter().product::<usize>() + outputs) as u64,
            batch: batch as u64,
            moments,
        }
    }

    /// Bits of a run under `configuration`: weights and activations in the format of operands, one gradient, one
    /// accumulator (the copy that is updated) and the moments a parameter in the formats of the optimiser.
    pub fn bits(self, configuration: Configuration) -> u64 {
        let Self { parameters, activations, batch, moments } = self;
        let (operand, gradient, state) = (
            u64::from(configuration.operand_bits()),
            u64::from(configuration.gradient_bits()),
            u64::from(configuration.state_bits()),
        );
        let optimiser = gradient + state * (1 + moments);
        operand * (parameters + batch * activations) + optimiser * parameters
    }

    /// [`bits`](Self::bits) in MB of 2^20 bytes.
    pub fn megabytes(self, configuration: Configuration) -> f64 {
        self.bits(configuration) as f64 / BITS_PER_MEBIBYTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Initialisation, arch};

    #[test]
    fn bits_are_those_of_the_formula() {
        let footprint = Footprint { parameters: 100, activations: 50, batch: 4, moments: 1 };
        let bits = |text: &str| footprint.bits(text.parse().unwrap());
        // A has 6 bits, B 14: 6·100 + 6·4·50 + 14·3·100.
        assert_eq!(bits("1-4-1/1-6-7"), 600 + 1200 + 4200);
        // Fixed point: gradients of 16 bits, accumulator and momentum of 32.
        assert_eq!(bits("wl8-fl4/wl16-fl12"), 800 + 1600 + (16 + 64) * 100);
        let without = Footprint { moments: 0, ..footprint };
        assert_eq!(without.bits("1-4-1/1-6-7".parse().unwrap()), 600 + 1200 + 2800);
        let megabytes = footprint.megabytes("1-4-1/1-6-7".parse().unwrap());
        assert!((megabytes - 6000.0 / 8.0 / 1_048_576.0).abs() < 1e-15);
    }

    #[test]
    fn lenet_keeps_its_image_and_every_output() {
        let initialisation = Initialisation { seed: 1, scale: 0.5 };
        let task = arch::Task { input: [32, 32, 1], classes: 10, initialisation };
        let footprint = Footprint::of(&arch::build("lenet5", &task).unwrap(), 32, 1);
        let convolutions = 2 * 28 * 28 * 6 + 14 * 14 * 6 + 2 * 10 * 10 * 16 + 5 * 5 * 16;
        assert_eq!(footprint.activations, 1024 + convolutions + 2 * 120 + 2 * 84 + 10);
        assert_eq!((footprint.parameters, footprint.batch), (61_706, 32));
    }
}
