//! What holds where nothing is said: presets, and the defaults below them.

use super::arguments::TrainArguments;
use super::bit_range::BitRange;
use super::choices::{BackwardKind, ControllerKind, OptimiserKind, ScheduleKind};
use super::gradient_scale::GradientScale;
use super::random_source::{DEFAULT_LFSR_WIDTH, RandomSourceKind};
use crate::data::{DatasetKind, TextOptions};
use crate::precision::muppet_policy::MuppetPolicyOptions;
use crate::precision::presets::{self, Preset};
use crate::precision::{AdaptOptions, ShenOptions};
use crate::train::RoundingOptions;
use crate::train::optimiser::adam::AdamOptions;
use crate::train::schedule::PlateauOptions;
use hwmodel::machine::Machine;
use hwmodel::{Format, Overflow};

/// Architecture without `--arch` and preset.
pub const DEFAULT_ARCH: &str = "lenet5";
/// Passes over the training set without `--epochs` and preset.
pub const DEFAULT_EPOCHS: u32 = 12;
/// Images of a micro-batch without `--batch-size` and preset.
pub const DEFAULT_BATCH_SIZE: u32 = 128;
/// Optimiser steps between checkpoints without `--checkpoint-every`.
pub const DEFAULT_CHECKPOINT_EVERY: u32 = 1000;

impl TrainArguments {
    /// The settings of a run of which nothing is said: the hyperparameters are those found to learn
    /// with small batches (papers/adapt.md section 9).
    ///
    /// Left open are the settings that have no default value: files, limits, threads
    /// and accumulator, the ladder `levels`, and those whose default depends on others: `gradient-wl`, `random-bits`, `lfsr-steps`, and `penalty`, whose default depends on `variant` and `arch`.
    pub fn defaults() -> Self {
        let plateau = PlateauOptions::default();
        let rounding = RoundingOptions::default();
        let adam = AdamOptions::default();
        let text = TextOptions::default();
        Self {
            arch: Some(DEFAULT_ARCH.to_owned()),
            dataset: Some(DatasetKind::FashionMnistSlice),
            text_level: Some(text.level),
            sequence_length: Some(text.sequence_length as i64),
            vocabulary: Some(text.vocabulary as i64),
            augment: Some(true),
            epochs: Some(DEFAULT_EPOCHS.into()),
            batch_size: Some(DEFAULT_BATCH_SIZE.into()),
            accumulation: Some(1),
            seed: Some(1),
            optimiser: Some(OptimiserKind::Sgd),
            learning_rate: Some(0.01),
            momentum: Some(0.9),
            beta1: Some(adam.beta1),
            beta2: Some(adam.beta2),
            adam_epsilon: Some(adam.epsilon),
            l1: Some(1e-5),
            l2: Some(1e-8),
            normalise_gradients: Some(true),
            initialisation_scale: Some(0.5),
            schedule: Some(ScheduleKind::Plateau),
            plateau_factor: Some(plateau.factor),
            plateau_patience: Some(plateau.patience.into()),
            plateau_threshold: Some(plateau.threshold),
            plateau_minimum: Some(plateau.minimum),
            schedule_factor: Some(0.1),
            warmup_epochs: Some(0),
            cosine_minimum: Some(0.0),
            controller: Some(ControllerKind::Adapt),
            rounding_weights: Some(rounding.weights),
            rounding_activations: Some(rounding.activations),
            rounding_gradients: Some(rounding.gradients),
            rounding_evaluation: Some(rounding.evaluation),
            random_source: Some(RandomSourceKind::Pcg),
            lfsr_width: Some(DEFAULT_LFSR_WIDTH.into()),
            overflow: Some(Overflow::Saturate),
            accumulator_overflow: Some(Overflow::Saturate),
            machine: Some(Machine::DEFAULT.to_owned()),
            backward: Some(BackwardKind::Float32),
            gradient_fl: Some(GradientScale::Auto),
            trace_every: Some(1),
            checkpoint_every: Some(DEFAULT_CHECKPOINT_EVERY.into()),
            with_baseline: Some(false),
            quiet: Some(false),
            ..Self::of_adapt(&AdaptOptions::default()).over(Self::of_rivals())
        }
    }

    /// The data set where a folder is named but no data set: the slice is in no folder.
    pub(super) fn of_folder() -> Self {
        Self { dataset: Some(DatasetKind::FashionMnist), ..Self::default() }
    }

    /// What language models on text have in place of other defaults: an architecture for text, and batches
    /// and learning rates at which it learns (docs/language-models.md).
    pub(super) fn of_text(optimiser: OptimiserKind) -> Self {
        let sgd = optimiser == OptimiserKind::Sgd;
        Self {
            arch: Some("lstm".to_owned()),
            batch_size: Some(16),
            learning_rate: sgd.then_some(0.1),
            ..Self::default()
        }
    }

    /// The defaults of MuPPET and Shen et al. 2024.
    fn of_rivals() -> Self {
        let (muppet, shen) = (MuppetPolicyOptions::default(), ShenOptions::default());
        Self {
            window_epochs: Some(muppet.resolution.into()),
            violations: Some(muppet.patience.into()),
            threshold_alpha: Some(muppet.alpha),
            threshold_beta: Some(muppet.beta),
            threshold_lambda: Some(muppet.lambda),
            float32_epochs: Some(muppet.float32_epochs.into()),
            smallest_learning_rate: Some(muppet.smallest_learning_rate),
            factor: Some(shen.factor),
            strategy: Some(shen.strategy),
            bits: Some(BitRange { lower: shen.lowest, upper: shen.highest }),
            depth: Some(shen.depth),
            output_wl: Some(shen.output_wl.into()),
            ..Self::default()
        }
    }

    /// The settings that a preset makes.
    pub(super) fn of_preset(preset: &Preset) -> Self {
        Self {
            arch: Some(preset.network.to_owned()),
            dataset: preset.data.parse().ok(),
            epochs: Some(preset.epochs.into()),
            batch_size: Some(preset.batch.into()),
            accumulation: Some(preset.accumulation.into()),
            learning_rate: Some(preset.learning_rate),
            momentum: Some(preset.momentum),
            l1: Some(preset.l1),
            l2: Some(preset.l2),
            initialisation_scale: Some(preset.initialisation_scale),
            penalty: Some(preset.penalty_in_loss),
            ..Self::of_adapt(&preset.adapt)
        }
    }

    /// The settings that become `options`.
    fn of_adapt(options: &AdaptOptions) -> Self {
        let start: Format = options.start;
        Self {
            wl: Some(start.wl().into()),
            fl: Some(start.fl().into()),
            variant: Some(options.variant),
            granularity: Some(options.granularity),
            epsilon_kl: Some(options.epsilon_kl),
            pushdown_range: Some(options.push_down_range),
            buffer_bits: Some(options.buffer_bits.into()),
            resolution_lower: Some(options.resolution.lower.into()),
            resolution_upper: Some(options.resolution.upper.into()),
            lookback_lower: Some(options.lookback.lower.into()),
            lookback_upper: Some(options.lookback.upper.into()),
            lookback_momentum: Some(options.lookback_momentum),
            ..Self::default()
        }
    }
}

/// The names of all presets.
pub(super) fn preset_names() -> impl Iterator<Item = &'static str> {
    presets::all().into_iter().map(|preset| preset.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_small_batch_preset_for_any_network() {
        let preset = presets::find("small-batch").unwrap();
        let defaults = TrainArguments::defaults();
        let of_preset = TrainArguments {
            arch: None,
            dataset: None,
            epochs: None,
            penalty: None,
            // AlexNet on CIFAR-10 has 4; elsewhere the released code has 8.
            buffer_bits: None,
            ..TrainArguments::of_preset(&preset)
        };
        assert_eq!(of_preset.over(defaults.clone()), defaults);
    }

    #[test]
    fn presets_name_data_sets_that_exist() {
        for preset in presets::all() {
            let arguments = TrainArguments::of_preset(&preset);
            assert_eq!(
                arguments.dataset.map(|kind| kind.to_string()).as_deref(),
                Some(preset.data)
            );
        }
    }
}
