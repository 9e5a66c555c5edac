//! Options of the policy.

use crate::precision::PrecisionError;
use hwmodel::number::format::MAX_WORD_LENGTH;
use serde::{Deserialize, Serialize};

/// Which reading of MuPPET is followed where paper and released code disagree (papers/muppet.md section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MuppetReading {
    /// The paper: a sliding window of r + 1 epochs, a switch after more than γ violations.
    Paper,
    /// The released code with stored copies of the gradients: windows of r epochs one after the other, a
    /// switch after γ violations.
    Code,
    /// The released code as it runs: in the sum of a window, the first epoch's gradient is replaced by
    /// that of the first minibatch of the second epoch (deviation D4).
    CodeAliased,
}

/// Treatment of a tensor whose gradients add up to zero, so that its diversity has no denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroSum {
    /// It is left out of the mean; if that leaves none, the epoch has no diversity.
    Skip,
    /// It makes the mean ∞, or NaN if every gradient is zero, as in the released code.
    Keep,
}

/// Options of [`MuppetPolicy`](super::MuppetPolicy); the defaults are those of papers/muppet.md section 4 for AlexNet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MuppetPolicyOptions {
    /// Paper or code.
    pub reading: MuppetReading,
    /// Tensors without diversity.
    pub zero_sum: ZeroSum,
    /// r: epochs of a window (the paper's has one more).
    pub resolution: u32,
    /// γ: violations that are tolerated (paper), or at which a switch comes (code).
    pub patience: u32,
    /// α of the threshold.
    pub alpha: f64,
    /// β of the threshold.
    pub beta: f64,
    /// λ of the threshold, per epoch.
    pub lambda: f64,
    /// The ladder of word lengths in bits; float32 follows.
    pub word_lengths: Vec<u32>,
    /// Learning rate until float32 is reached.
    pub learning_rate: f64,
    /// Training ends instead of lowering a learning rate that is not above this one.
    pub smallest_learning_rate: f64,
    /// Factor of the learning rate.
    pub learning_rate_factor: f64,
    /// Float32 epochs from one change of the learning rate to the next.
    pub float32_epochs: u32,
}

impl Default for MuppetPolicyOptions {
    fn default() -> Self {
        Self {
            reading: MuppetReading::Code,
            zero_sum: ZeroSum::Skip,
            resolution: 3,
            patience: 2,
            alpha: 1.0,
            beta: 1.5,
            lambda: 0.1,
            word_lengths: vec![8, 12, 14, 16],
            learning_rate: 0.01,
            smallest_learning_rate: 1e-4,
            learning_rate_factor: 0.1,
            float32_epochs: 15,
        }
    }
}

impl MuppetPolicyOptions {
    /// T(j) = α + β·e^(-λ·j) at epoch j, from 0.
    pub fn threshold(&self, epoch: u32) -> f64 {
        self.alpha + self.beta * libm::exp(-self.lambda * f64::from(epoch))
    }

    /// Requires that every option is possible.
    pub(super) fn check(&self) -> Result<(), PrecisionError> {
        let at_least_one = |option, value: u32| match value {
            0 => Err(PrecisionError::option(option, value, "at least 1")),
            _ => Ok(()),
        };
        at_least_one("resolution", self.resolution)?;
        at_least_one("float32_epochs", self.float32_epochs)?;
        for (option, value) in [("alpha", self.alpha), ("beta", self.beta), ("lambda", self.lambda)]
        {
            if !value.is_finite() {
                return Err(PrecisionError::option(option, value, "a finite number"));
            }
        }
        for (option, value, zero) in [
            ("learning_rate", self.learning_rate, false),
            ("smallest_learning_rate", self.smallest_learning_rate, true),
            ("learning_rate_factor", self.learning_rate_factor, false),
        ] {
            if !(value.is_finite() && (value > 0.0 || (zero && value == 0.0))) {
                return Err(PrecisionError::option(option, value, "a positive finite number"));
            }
        }
        let possible = |wl: &u32| (1..=MAX_WORD_LENGTH).contains(wl);
        if self.word_lengths.is_empty() || !self.word_lengths.iter().all(possible) {
            let value = format!("{:?}", self.word_lengths);
            let allowed = format!("one or more word lengths of 1 to {MAX_WORD_LENGTH} bits");
            return Err(PrecisionError::option("word_lengths", value, allowed));
        }
        Ok(())
    }
}
