//! Progress of a run, and results of a step or an evaluation.

use super::accounting::StepAccounts;
use crate::precision::{ControllerReport, NumberFormat};
use serde::{Deserialize, Serialize};

/// Progress of a run. Everything counts from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Epochs completed.
    pub epoch: u32,
    /// Optimiser steps done in the epoch under way.
    pub step_in_epoch: u64,
    /// Optimiser steps done.
    pub step: u64,
    /// Micro-batches done: the step part of the address of random numbers.
    pub pass: u64,
}

/// An evaluation on the test set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Optimiser steps done before it.
    pub step: u64,
    /// Epochs done before it.
    pub epoch: u32,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Share of predictions whose largest logit is their target's.
    pub top1: f64,
    /// Learning rate in force after it.
    pub learning_rate: f64,
}

/// A layer on the array in a step.
#[derive(Debug, Clone)]
pub struct LayerOutcome {
    /// Format of its weight.
    pub format: NumberFormat,
    /// Weights that are not zero.
    pub nonzero: u64,
    /// The controller's state of the weight after the step.
    pub report: ControllerReport,
}

/// Result of one optimiser step.
#[derive(Debug, Clone)]
pub struct StepOutcome {
    /// Number of the step.
    pub step: u64,
    /// Epoch it belongs to.
    pub epoch: u32,
    /// The loss that the strategy saw.
    pub loss: f64,
    /// Mean cross-entropy of its predictions in nats.
    pub cross_entropy: f64,
    /// The word-length penalty P.
    pub penalty: Option<f64>,
    /// Share of its predictions that were right.
    pub accuracy: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Norm of the quantised gradient of all parameters, before normalisation.
    pub gradient_norm: f64,
    /// Counts and costs.
    pub accounts: StepAccounts,
    /// One for each layer on the array.
    pub layers: Vec<LayerOutcome>,
    /// Images or sequences seen.
    pub images: usize,
}
