//! Hyperparameter sets as published (papers/adapt.md section 7), and one measured to learn with
//! small batches (section 9).

use super::{AdaptOptions, Bounds, Variant};

/// One set of hyperparameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Name for command line and configuration files.
    pub name: &'static str,
    /// Source of the values.
    pub source: &'static str,
    /// Network the values are for.
    pub network: &'static str,
    /// Data set the values are for.
    pub data: &'static str,
    /// Epochs of training.
    pub epochs: u32,
    /// Images of a (micro-)batch.
    pub batch: u32,
    /// Batches accumulated to one update.
    pub accumulation: u32,
    /// Folds of the stratified split, one of which is for validation; 0 for no validation split.
    pub folds: u32,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// μ of the momentum update.
    pub momentum: f64,
    /// α, weight of Σ‖Ŵ‖₁ in the loss.
    pub l1: f64,
    /// β, weight decay.
    pub l2: f64,
    /// s, scale of the fan-in truncated normal initialisation.
    pub initialisation_scale: f64,
    /// Whether the released code adds the word-length penalty P to this network's loss.
    pub penalty_in_loss: bool,
    /// The controller's options.
    pub adapt: AdaptOptions,
}

const PUBLISHED: &str = "published: papers/adapt.md section 7, released configurations";

fn published(name: &'static str, network: &'static str, data: &'static str) -> Preset {
    Preset {
        name,
        source: PUBLISHED,
        network,
        data,
        epochs: 100,
        batch: 512,
        accumulation: 4,
        folds: 10,
        learning_rate: 0.1,
        momentum: 0.9,
        l1: 1e-4,
        l2: 1e-4,
        initialisation_scale: 0.5,
        penalty_in_loss: true,
        adapt: AdaptOptions {
            variant: Variant::Released,
            buffer_bits: 8,
            ..AdaptOptions::default()
        },
    }
}

/// Every preset.
pub fn all() -> Vec<Preset> {
    let alexnet_cifar10 = published("alexnet-cifar10", "alexnet", "cifar10");
    let alexnet_cifar100 = published("alexnet-cifar100", "alexnet", "cifar100");
    let resnet20_cifar10 = published("resnet20-cifar10", "resnet20", "cifar10");
    let resnet20_cifar100 = published("resnet20-cifar100", "resnet20", "cifar100");
    let lenet5_mnist = published("lenet5-mnist", "lenet5", "mnist");
    let small_batch = published("small-batch", "alexnet", "cifar10");
    vec![
        Preset {
            l2: 1e-8,
            adapt: AdaptOptions { buffer_bits: 4, ..alexnet_cifar10.adapt },
            ..alexnet_cifar10
        },
        Preset {
            adapt: AdaptOptions {
                lookback: Bounds::new(25, 150),
                lookback_momentum: 0.9,
                ..alexnet_cifar100.adapt
            },
            ..alexnet_cifar100
        },
        Preset {
            adapt: AdaptOptions { lookback_momentum: 1.0, ..resnet20_cifar10.adapt },
            ..resnet20_cifar10
        },
        Preset {
            accumulation: 2,
            adapt: AdaptOptions { lookback_momentum: 0.9, ..resnet20_cifar100.adapt },
            ..resnet20_cifar100
        },
        Preset {
            source: "papers/adapt.md section 7: released optimiser settings, controller at the \
                     released code's defaults (no LeNet-5 values are given)",
            penalty_in_loss: false,
            adapt: AdaptOptions {
                resolution: Bounds::new(1, 100),
                lookback: Bounds::new(10, 100),
                ..lenet5_mnist.adapt
            },
            ..lenet5_mnist
        },
        Preset {
            source: "measured, not published: papers/adapt.md section 9, starting values found to \
                     learn",
            batch: 128,
            accumulation: 1,
            folds: 0,
            learning_rate: 0.01,
            l1: 1e-5,
            l2: 1e-8,
            adapt: AdaptOptions { buffer_bits: 4, ..AdaptOptions::default() },
            ..small_batch
        },
    ]
}

/// The preset called `name`.
pub fn find(name: &str) -> Option<Preset> {
    all().into_iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_options_valid() {
        let presets = all();
        for preset in &presets {
            preset.adapt.check().unwrap();
            assert_eq!(find(preset.name).as_ref(), Some(preset));
        }
        assert_eq!(presets.len(), 6);
        assert!(find("alexnet").is_none());
    }

    #[test]
    fn published_values() {
        let row = |name| {
            let preset = find(name).unwrap();
            let adapt = preset.adapt;
            (
                adapt.buffer_bits,
                adapt.lookback_momentum,
                adapt.lookback.upper,
                preset.l2,
                preset.accumulation,
            )
        };
        assert_eq!(row("alexnet-cifar10"), (4, 0.33, 100, 1e-8, 4));
        assert_eq!(row("alexnet-cifar100"), (8, 0.9, 150, 1e-4, 4));
        assert_eq!(row("resnet20-cifar10"), (8, 1.0, 100, 1e-4, 4));
        assert_eq!(row("resnet20-cifar100"), (8, 0.9, 100, 1e-4, 2));
        assert_eq!(row("lenet5-mnist"), (8, 0.33, 100, 1e-4, 4));
        assert_eq!(row("small-batch"), (4, 0.33, 100, 1e-8, 1));
    }
}
