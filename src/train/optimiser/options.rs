//! Options of the optimiser, the same for every tensor.

use super::OptimiserError;
use super::RuleWork;
use super::adam::AdamOptions;
use super::sgd::SgdOptions;
use serde::{Deserialize, Serialize};

/// Options of an [`Optimiser`](super::Optimiser).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimiserOptions {
    /// The update rule.
    pub rule: RuleOptions,
    /// β in d = g + β·W: the gradient of the L2 part of the loss, for every rule.
    pub weight_decay: f32,
    /// α: α·sign(Ŵ) is added to the gradient.
    pub l1: f32,
    /// Micro-batches of one update; each gradient is divided by this.
    pub accumulation: u32,
    /// Whether gradients are divided by their norm.
    pub normalise: bool,
}

impl Default for OptimiserOptions {
    /// AdaPT-SGD without regularisers.
    fn default() -> Self {
        Self {
            rule: RuleOptions::default(),
            weight_decay: 0.0,
            l1: 0.0,
            accumulation: 1,
            normalise: true,
        }
    }
}

/// The rule of the update with its own options.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RuleOptions {
    /// Stochastic gradient descent with momentum.
    Sgd(SgdOptions),
    /// Adam.
    Adam(AdamOptions),
}

impl Default for RuleOptions {
    fn default() -> Self {
        Self::Sgd(SgdOptions::default())
    }
}

impl RuleOptions {
    /// The name used in flags and files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sgd(_) => "sgd",
            Self::Adam(_) => "adam",
        }
    }

    /// Work of an update for each element.
    pub const fn work(&self) -> RuleWork {
        match self {
            Self::Sgd(sgd) => sgd.work(),
            Self::Adam(adam) => adam.work(),
        }
    }
}

impl OptimiserOptions {
    /// Checks what no tensor needs to be known for.
    ///
    /// # Errors
    /// If an option is not finite or out of range, or `accumulation` is 0.
    pub(super) fn check(&self) -> Result<(), OptimiserError> {
        let Self { weight_decay, l1, accumulation, .. } = *self;
        for (option, value) in [("weight_decay", weight_decay), ("l1", l1)] {
            not_negative(option, value.into())?;
        }
        if accumulation == 0 {
            let (option, allowed) = ("accumulation", "at least 1");
            return Err(OptimiserError::Option { option, value: 0.0, allowed });
        }
        match self.rule {
            RuleOptions::Sgd(sgd) => sgd.check(),
            RuleOptions::Adam(adam) => adam.check(),
        }
    }
}

/// Refuses negative numbers, NaN and infinity.
pub(super) fn not_negative(option: &'static str, value: f64) -> Result<(), OptimiserError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(OptimiserError::Option { option, value, allowed: "a finite number of at least 0" })
}
