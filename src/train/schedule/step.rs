//! Learning rate schedule: multiplied by a factor before given epochs.

use serde::{Deserialize, Serialize};

/// The learning rate is multiplied by `factor` before each epoch (from 0) in `milestones`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepOptions {
    /// Epochs, ascending.
    pub milestones: Vec<u32>,
    /// Multiplier.
    pub factor: f64,
}

impl StepOptions {
    /// The learning rate of epoch `epoch` if that of the epoch before it is `rate`.
    pub fn next(&self, epoch: u32, rate: f64) -> f64 {
        if self.milestones.contains(&epoch) { rate * self.factor } else { rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_at_milestones_only() {
        let step = StepOptions { milestones: vec![2, 3], factor: 0.5 };
        let mut rate = 1.0;
        let rates: Vec<f64> = (1..6)
            .map(|epoch| {
                rate = step.next(epoch, rate);
                rate
            })
            .collect();
        assert_eq!(rates, [1.0, 0.5, 0.25, 0.25, 0.25]);
    }
}
