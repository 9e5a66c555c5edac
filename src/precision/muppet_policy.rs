//! The policy of MuPPET: when a network switches to the next word length, and how long it then trains in
//! float32 (papers/muppet.md sections 2.4, 2.5 and 3.2).
//!
//! The policy takes the last gradients of every epoch and returns an [`EpochReport`]. It quantises
//! nothing and knows no layers; a controller around it applies the word lengths.

use super::{PrecisionError, TensorInfo};
use serde::{Deserialize, Serialize};

mod diversity;
mod options;
mod state;

use diversity::EpochGradients;
pub use options::{MuppetPolicyOptions, MuppetReading, ZeroSum};

/// Report of the policy on an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Number of the epoch, from 0.
    pub epoch: u32,
    /// D: mean inter-epoch gradient diversity of the tensors; `None` where it is not evaluated.
    pub diversity: Option<f64>,
    /// p = max S / D; `None` where it is not evaluated.
    pub ratio: Option<f64>,
    /// T = α + β·e^(-λ·epoch).
    pub threshold: f64,
    /// Violations of p ≤ T since the last switch, this epoch's included.
    pub violations: u32,
    /// Whether the word length changes after this epoch.
    pub switched: bool,
    /// Word length in bits from the next epoch on; `None` is float32.
    pub word_length: Option<u32>,
    /// Learning rate from the next epoch on.
    pub learning_rate: f64,
    /// Training is to end.
    pub stop: bool,
}

/// The state of the policy between two epochs.
///
/// | | [`Code`](MuppetReading::Code) | [`Paper`](MuppetReading::Paper) |
/// |---|---|---|
/// | window | r epochs, emptied when evaluated | the last r + 1 epochs, kept at a switch |
/// | evaluated | after epochs r-1, 2r-1, .. | after every epoch from r on |
/// | S | D since the switch, this one included | D since the switch before this one; no p while empty |
/// | switch | violations ≥ γ | violations > γ |
///
/// D = mean over tensors of Σ‖g‖² / ‖Σ g‖², p = max S / D, a violation is p > T. In float32, counted from
/// the switching epoch on, every 15th epoch multiplies the learning rate by 0.1, or stops if it is not above its
/// smallest value.
///
/// ```
/// use hwsim::precision::TensorInfo;
/// use hwsim::precision::muppet_policy::{MuppetPolicy, MuppetPolicyOptions};
/// let tensors = [TensorInfo::from_shape("w", &[2])];
/// let mut policy = MuppetPolicy::new(MuppetPolicyOptions::default(), &tensors)?;
/// for gradient in [[1.0, 2.0]; 3] {
///     policy.end_of_epoch(&[&gradient])?;
/// }
/// assert_eq!(policy.last().and_then(|epoch| epoch.diversity), Some(1.0 / 3.0));
/// assert_eq!(policy.word_length(), Some(8));
/// # Ok::<(), hwsim::precision::PrecisionError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MuppetPolicy {
    options: MuppetPolicyOptions,
    tensors: Vec<TensorInfo>,
    gradients: EpochGradients,
    /// Epochs seen.
    epoch: u32,
    /// Index into the ladder; its length is float32.
    level: usize,
    violations: u32,
    /// max S.
    largest: Option<f64>,
    /// Epochs in float32, the switching one included.
    float32_epochs: u32,
    learning_rate: f64,
    last: Option<EpochReport>,
}

impl MuppetPolicy {
    /// A policy at the first word length for tensors with these numbers of elements.
    ///
    /// # Errors
    /// If an option is impossible or there is no tensor.
    pub fn new(
        options: MuppetPolicyOptions,
        tensors: &[TensorInfo],
    ) -> Result<Self, PrecisionError> {
        options.check()?;
        if tensors.is_empty() {
            return Err(PrecisionError::NoTensors);
        }
        Ok(Self {
            learning_rate: options.learning_rate,
            options,
            tensors: tensors.to_vec(),
            gradients: EpochGradients::default(),
            epoch: 0,
            level: 0,
            violations: 0,
            largest: None,
            float32_epochs: 0,
            last: None,
        })
    }

    /// The options.
    pub fn options(&self) -> &MuppetPolicyOptions {
        &self.options
    }

    /// Word length in bits that is in force; `None` is float32.
    pub fn word_length(&self) -> Option<u32> {
        self.options.word_lengths.get(self.level).copied()
    }

    /// The learning rate in force.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// The report of the last epoch.
    pub fn last(&self) -> Option<&EpochReport> {
        self.last.as_ref()
    }

    /// Shows the gradients of the first minibatch of an epoch, before [`end_of_epoch`](Self::end_of_epoch).
    /// Only [`MuppetReading::CodeAliased`] looks at them, without which it behaves as `Code`.
    ///
    /// # Errors
    /// If the gradients do not fit the tensors or are not finite.
    pub fn first_minibatch(&mut self, gradients: &[&[f32]]) -> Result<(), PrecisionError> {
        self.check_gradients(gradients)?;
        let second_of_window = self.gradients.len() == 1;
        let aliased = self.options.reading == MuppetReading::CodeAliased;
        if aliased && second_of_window && self.word_length().is_some() {
            self.gradients.replace_first_in_sum(gradients);
        }
        Ok(())
    }

    /// Ends an epoch with the gradients of its last minibatch, one slice a tensor.
    ///
    /// # Errors
    /// If the gradients do not fit the tensors or are not finite; the policy has not changed then.
    pub fn end_of_epoch(&mut self, gradients: &[&[f32]]) -> Result<EpochReport, PrecisionError> {
        self.check_gradients(gradients)?;
        let epoch = self.epoch;
        let threshold = self.options.threshold(epoch);
        let (mut diversity, mut ratio, mut switched) = (None, None, false);
        if self.word_length().is_some() {
            let complete = self.take(gradients);
            if complete {
                diversity = self.gradients.diversity(self.options.zero_sum);
                if !self.is_paper() {
                    self.gradients.clear();
                }
            }
            if let Some(diversity) = diversity {
                ratio = self.ratio(diversity);
                self.violations += u32::from(ratio.is_some_and(|ratio| ratio > threshold));
                let patience = self.options.patience;
                switched = match self.options.reading {
                    MuppetReading::Paper => self.violations > patience,
                    _ => self.violations >= patience,
                };
            }
        }
        let violations = self.violations;
        if switched {
            self.level += 1;
            self.violations = 0;
            self.largest = None;
        }
        let stop = self.word_length().is_none() && self.float32_epoch();
        self.epoch += 1;
        let report = EpochReport {
            epoch,
            diversity,
            ratio,
            threshold,
            violations,
            switched,
            word_length: self.word_length(),
            learning_rate: self.learning_rate,
            stop,
        };
        self.last = Some(report);
        Ok(report)
    }

    fn is_paper(&self) -> bool {
        self.options.reading == MuppetReading::Paper
    }

    /// Takes an epoch's gradients into the window; whether the diversity is to be evaluated.
    fn take(&mut self, gradients: &[&[f32]]) -> bool {
        let wanted = self.window_epochs();
        self.gradients.push(gradients, wanted);
        self.gradients.len() as u64 == wanted
    }

    /// Epochs of a whole window.
    fn window_epochs(&self) -> u64 {
        u64::from(self.options.resolution) + u64::from(self.is_paper())
    }

    /// p, after or before D joins S.
    fn ratio(&mut self, diversity: f64) -> Option<f64> {
        let earlier = self.largest;
        // No diversity is below 0, and a NaN never joins.
        if diversity >= earlier.unwrap_or(0.0) {
            self.largest = Some(diversity);
        }
        if self.is_paper() {
            earlier.map(|earlier| earlier / diversity)
        } else {
            Some(self.largest.unwrap_or(0.0) / diversity)
        }
    }

    /// Counts an epoch in float32; whether training is to end.
    fn float32_epoch(&mut self) -> bool {
        let due = (self.float32_epochs + 1).is_multiple_of(self.options.float32_epochs);
        if due && self.learning_rate <= self.options.smallest_learning_rate {
            return true;
        }
        if due {
            self.learning_rate *= self.options.learning_rate_factor;
        }
        self.float32_epochs += 1;
        false
    }

    fn check_gradients(&self, gradients: &[&[f32]]) -> Result<(), PrecisionError> {
        if gradients.len() != self.tensors.len() {
            let (expected, given) = (self.tensors.len(), gradients.len());
            return Err(PrecisionError::TensorCount { expected, given });
        }
        for (info, gradient) in self.tensors.iter().zip(gradients) {
            let (tensor, what) = (info.name.clone(), "gradient");
            let (expected, given) = (info.elements, gradient.len());
            if given != expected {
                return Err(PrecisionError::Length { tensor, what, expected, given });
            }
            if !gradient.iter().all(|g| g.is_finite()) {
                return Err(PrecisionError::NotFinite { tensor, what });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
