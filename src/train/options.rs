//! Everything that determines a training run.

use super::optimiser::OptimiserOptions;
use super::schedule::Schedule;
use crate::data::{DatasetKind, Normalisation, TextOptions};
use crate::network::{BackwardArithmetic, NetworkDescription};
use crate::precision::ControllerOptions;
use hwmodel::random::RandomSource;
use hwmodel::{Accumulator, Overflow, Rounding};
use serde::{Deserialize, Serialize};

/// A training run: two runs with equal options on the same data give the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunOptions {
    /// Architecture, one of [`crate::network::arch::names`], or name of the [network](Self::network).
    pub arch: String,
    /// Layers of the network; `None` for those of the architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkDescription>,
    /// Data set.
    pub dataset: DatasetKind,
    /// How a text is cut into tokens and sequences; no other data set has use for it.
    #[serde(default, skip_serializing_if = "TextOptions::is_default")]
    pub text: TextOptions,
    /// Training images or sequences used; `None` for all.
    pub limit_train: Option<usize>,
    /// Test images or sequences used; `None` for all.
    pub limit_test: Option<usize>,
    /// Mean and standard deviation of the channels; `None` for those of the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
    /// Whether training images are augmented as the data set's papers do.
    pub augment: bool,
    /// Passes over the training set.
    pub epochs: u32,
    /// Optimiser steps after which the run ends early.
    pub max_steps: Option<u64>,
    /// Images or sequences of a micro-batch.
    pub batch_size: usize,
    /// Seed of every random number.
    pub seed: u64,
    /// Initial learning rate.
    pub learning_rate: f64,
    /// The learning rate schedule.
    pub schedule: Schedule,
    /// Rule of the update, L1, L2, gradient accumulation and normalisation.
    pub optimiser: OptimiserOptions,
    /// Whether the word-length penalty P is part of the loss that the strategy is given.
    pub penalty: bool,
    /// Scale s of the initial weights.
    pub initialisation_scale: f64,
    /// Which controller decides on formats, with its options.
    pub controller: ControllerOptions,
    /// Rounding by role.
    pub rounding: RoundingOptions,
    /// Random numbers of stochastic rounding, in training and evaluation.
    #[serde(default, skip_serializing_if = "RandomSource::is_default")]
    pub random: RandomSource,
    /// Overflow mode of values outside their format.
    pub overflow: Overflow,
    /// Accumulator of the MAC array; `None` for the machine's own.
    pub accumulator: Option<Accumulator>,
    /// Machine that is simulated: the name of a shipped one, or a TOML file.
    pub machine: String,
    /// Arithmetic of the two backward products.
    pub backward: BackwardArithmetic,
    /// Model whose weights the run starts from; `None` for random ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_from: Option<StartingModel>,
}

/// A saved model whose weights a run starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartingModel {
    /// Its file.
    pub file: String,
    /// CRC-32 of the file, which decides what run it is.
    pub checksum: u32,
    /// Whether its layers are taken without its values.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reinitialise: bool,
}

impl RunOptions {
    /// The same run without quantisers: same data, optimiser, schedule and seed.
    pub fn float32_twin(&self) -> Self {
        Self {
            controller: ControllerOptions::Float32,
            penalty: false,
            backward: BackwardArithmetic::Float32,
            ..self.clone()
        }
    }
}

/// Rounding modes by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoundingOptions {
    /// Weights and biases.
    pub weights: Rounding,
    /// Activations and accumulators in training.
    pub activations: Rounding,
    /// Weight gradients.
    pub gradients: Rounding,
    /// Activations and accumulators in evaluation.
    pub evaluation: Rounding,
}

impl Default for RoundingOptions {
    /// AdaPT's: stochastic in training, and nearest even in evaluation, which repeats.
    fn default() -> Self {
        Self {
            weights: Rounding::Stochastic,
            activations: Rounding::Stochastic,
            gradients: Rounding::Stochastic,
            evaluation: Rounding::NearestEven,
        }
    }
}
