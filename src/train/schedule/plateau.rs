//! Learning rate schedule: reduce on plateau.

use crate::train::paper_cost::exact_float;
use serde::{Deserialize, Serialize};

/// Options of [`ReduceOnPlateau`]; the defaults are AdaPT's (papers/adapt.md section 6, item 7).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlateauOptions {
    /// The learning rate is multiplied by this.
    pub factor: f64,
    /// Epochs without improvement that are tolerated.
    pub patience: u32,
    /// An improvement is a value below best·(1 - threshold).
    pub threshold: f64,
    /// The learning rate never falls below this.
    pub minimum: f64,
}

impl Default for PlateauOptions {
    fn default() -> Self {
        Self { factor: 0.1, patience: 10, threshold: 1e-6, minimum: 0.0 }
    }
}

/// Multiplies the learning rate by a factor when a value has stopped falling: PyTorch's
/// `ReduceLROnPlateau` with mode `min`, threshold mode `rel` and no cooldown.
///
/// ```
/// use hwsim::train::schedule::plateau::{PlateauOptions, ReduceOnPlateau};
/// let options = PlateauOptions { patience: 1, ..PlateauOptions::default() };
/// let mut schedule = ReduceOnPlateau::new(options, 0.1);
/// let rates: Vec<f64> = [2.0, 1.0, 1.0, 1.0].map(|loss| schedule.step(loss)).into();
/// assert_eq!(rates, [0.1, 0.1, 0.1, 0.1 * 0.1]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceOnPlateau {
    options: PlateauOptions,
    #[serde(with = "exact_float")]
    learning_rate: f64,
    #[serde(with = "exact_float")]
    best: f64,
    bad_epochs: u32,
}

/// A smaller change of the learning rate is not made (PyTorch's `eps`).
const SMALLEST_CHANGE: f64 = 1e-8;

impl ReduceOnPlateau {
    /// Starts with `learning_rate`.
    pub fn new(options: PlateauOptions, learning_rate: f64) -> Self {
        Self { options, learning_rate, best: f64::INFINITY, bad_epochs: 0 }
    }

    /// The learning rate in force.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// Takes the value of an epoch (AdaPT: the validation loss) and returns the learning rate of the
    /// next. NaN counts as no improvement.
    pub fn step(&mut self, value: f64) -> f64 {
        if value < self.best * (1.0 - self.options.threshold) {
            self.best = value;
            self.bad_epochs = 0;
        } else {
            self.bad_epochs = self.bad_epochs.saturating_add(1);
        }
        if self.bad_epochs > self.options.patience {
            let reduced = (self.learning_rate * self.options.factor).max(self.options.minimum);
            if self.learning_rate - reduced > SMALLEST_CHANGE {
                self.learning_rate = reduced;
            }
            self.bad_epochs = 0;
        }
        self.learning_rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_bad_epochs_reduce() {
        let mut schedule = ReduceOnPlateau::new(PlateauOptions::default(), 0.1);
        schedule.step(1.0);
        for _ in 0..10 {
            assert_eq!(schedule.step(1.0), 0.1);
        }
        assert_eq!(schedule.step(1.0), 0.1 * 0.1);
        for _ in 0..10 {
            assert_eq!(schedule.step(f64::NAN), 0.1 * 0.1);
        }
        assert_eq!(schedule.step(2.0), 0.1 * 0.1 * 0.1);
    }

    #[test]
    fn an_improvement_below_the_threshold_does_not_count() {
        let options = PlateauOptions { patience: 0, threshold: 0.1, ..PlateauOptions::default() };
        let mut schedule = ReduceOnPlateau::new(options, 1.0);
        assert_eq!(schedule.step(1.0), 1.0);
        assert_eq!(schedule.step(0.89), 1.0);
        assert_eq!(schedule.step(0.85), 0.1);
    }

    #[test]
    fn the_minimum_and_tiny_changes_hold() {
        let options = PlateauOptions { patience: 0, minimum: 0.05, ..PlateauOptions::default() };
        let mut schedule = ReduceOnPlateau::new(options, 0.1);
        schedule.step(1.0);
        assert_eq!([schedule.step(1.0), schedule.step(1.0)], [0.05, 0.05]);
        let options = PlateauOptions { patience: 0, ..PlateauOptions::default() };
        let mut schedule = ReduceOnPlateau::new(options, 1e-8);
        schedule.step(1.0);
        assert_eq!(schedule.step(1.0), 1e-8);
    }

    #[test]
    fn a_saved_schedule_continues() {
        let mut schedule = ReduceOnPlateau::new(PlateauOptions::default(), 0.1);
        let fresh = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<ReduceOnPlateau>(&fresh).unwrap(), schedule);
        schedule.step(1.0 / 3.0);
        let text = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<ReduceOnPlateau>(&text).unwrap(), schedule);
    }
}
