//! Architectures: one file of data each.

mod alexnet;
mod lenet5;
mod mlp;
mod resnet20;

use super::builder::Initialisation;
use super::error::NetworkError;
use super::graph::Network;

/// Shape of the images and number of classes that an architecture is built for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Task {
    /// `[h, w, c]` of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// How weights start.
    pub initialisation: Initialisation,
}

type Build = fn(&Task) -> Result<Network, NetworkError>;

const ARCHITECTURES: [(&str, Build); 4] = [
    ("lenet5", lenet5::build),
    ("alexnet", alexnet::build),
    ("resnet20", resnet20::build),
    ("mlp", mlp::build),
];

/// The names of all architectures.
pub fn names() -> impl Iterator<Item = &'static str> {
    ARCHITECTURES.iter().map(|(name, _)| *name)
}

/// Builds architecture `name`.
///
/// # Errors
/// If no architecture has this name or it does not fit the images.
pub fn build(name: &str, task: &Task) -> Result<Network, NetworkError> {
    match ARCHITECTURES.iter().find(|(known, _)| *known == name) {
        Some((_, build)) => build(task),
        None => Err(NetworkError::UnknownArchitecture {
            name: name.to_owned(),
            known: names().collect::<Vec<_>>().join(", "),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(name: &str, channels: usize) -> Network {
        let initialisation = Initialisation { seed: 1, scale: 0.5 };
        build(name, &Task { input: [32, 32, channels], classes: 10, initialisation }).unwrap()
    }

    fn parameters(network: &Network) -> usize {
        network.parameters.iter().map(|parameter| parameter.master.len()).sum()
    }

    #[test]
    fn parameter_counts_are_those_of_the_shapes() {
        // 64·363 + 192·1600 + 384·1728 + 256·3456 + 256·2304 weights, 1152 biases, 2570 of the classifier.
        assert_eq!(parameters(&built("alexnet", 3)), 2_472_266);
        // He et al. (2016) give 0.27 M for ResNet-20; here with two 1×1 shortcuts and their norms.
        assert_eq!(parameters(&built("resnet20", 3)), 272_474);
        // LeCun et al. (1998) with full connections in C3 and a plain classifier.
        assert_eq!(parameters(&built("lenet5", 1)), 61_706);
    }

    #[test]
    fn multiply_adds_are_those_of_the_shapes() {
        let macs =
            |name, channels| built(name, channels).mac_layers.iter().map(|l| l.macs).sum::<u64>();
        let alexnet =
            64 * 64 * 363 + 16 * 192 * 1600 + 4 * (384 * 1728 + 256 * 3456 + 256 * 2304) + 2560;
        assert_eq!(macs("alexnet", 3), alexnet);
        assert_eq!(macs("resnet20", 3), 40_813_184);
    }

    #[test]
    fn unknown_names_list_the_known() {
        let initialisation = Initialisation { seed: 1, scale: 0.5 };
        let task = Task { input: [32, 32, 3], classes: 10, initialisation };
        let error = build("alexnot", &task).err().unwrap().to_string();
        assert_eq!(
            error,
            "unknown architecture `alexnot`: use one of lenet5, alexnet, resnet20, mlp"
        );
    }

    #[test]
    fn images_that_are_too_small_are_refused() {
        let initialisation = Initialisation { seed: 1, scale: 0.5 };
        let task = Task { input: [4, 4, 3], classes: 10, initialisation };
        assert!(build("lenet5", &task).is_err());
    }
}
