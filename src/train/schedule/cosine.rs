//! Learning rate schedule: half a cosine, after an optional linear warm-up.

use super::ScheduleError;
use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_PI_2;

/// Options of [`Cosine`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CosineOptions {
    /// Epochs in which the rate rises to the initial learning rate.
    pub warmup_epochs: u32,
    /// The rate at the end.
    pub minimum: f64,
}

/// Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (ICLR 2017), equation 5,
/// without restarts, by optimiser steps.
///
/// With t steps done of T and a warm-up of U: lr·(t+1)/U if t < U, else
/// minimum + (lr - minimum)·(1 + cos(π·(t-U)/(T-U)))/2. The rate depends on t alone, so a resumed run needs no state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cosine {
    rate: f64,
    minimum: f64,
    warmup_steps: u64,
    steps: u64,
}

impl Cosine {
    /// The schedule of a run of `epochs` of `steps_per_epoch` that begins with `rate`.
    ///
    /// # Errors
    /// If the warm-up takes the whole run, or the minimum is above `rate` or no number.
    pub fn new(
        options: CosineOptions,
        rate: f64,
        epochs: u32,
        steps_per_epoch: u64,
    ) -> Result<Self, ScheduleError> {
        let CosineOptions { warmup_epochs, minimum } = options;
        if warmup_epochs >= epochs {
            return Err(ScheduleError::Warmup { warmup_epochs, epochs });
        }
        if !(0.0..=rate).contains(&minimum) {
            return Err(ScheduleError::Minimum { minimum, rate });
        }
        let steps = |epochs: u32| u64::from(epochs).saturating_mul(steps_per_epoch);
        Ok(Self { rate, minimum, warmup_steps: steps(warmup_epochs), steps: steps(epochs) })
    }

    /// The learning rate of the next step after `done` steps.
    pub fn at(&self, done: u64) -> f64 {
        if done < self.warmup_steps {
            return self.rate * ((done + 1) as f64 / self.warmup_steps as f64);
        }
        let falling = (self.steps - self.warmup_steps).max(1);
        let share = (done - self.warmup_steps).min(falling) as f64 / falling as f64;
        // Exact at both ends.
        let cosine = raised_cosine(share);
        self.rate * cosine + self.minimum * (1.0 - cosine)
    }
}

/// (1 + cos(πx))/2 for x in [0, 1], as 1 - sin²(πx/2) and sin²(π(1-x)/2), which do not cancel.
fn raised_cosine(x: f64) -> f64 {
    if x <= 0.5 {
        let sine = libm::sin(FRAC_PI_2 * x);
        1.0 - sine * sine
    } else {
        let sine = libm::sin(FRAC_PI_2 * (1.0 - x));
        sine * sine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(warmup_epochs: u32, minimum: f64) -> Cosine {
        Cosine::new(CosineOptions { warmup_epochs, minimum }, 0.1, 4, 5).unwrap()
    }

    #[test]
    fn the_polynomial_is_the_cosine() {
        for i in 0..=10_000 {
            let x = f64::from(i) / 10_000.0;
            let expected = (1.0 + (std::f64::consts::PI * x).cos()) / 2.0;
            assert!((raised_cosine(x) - expected).abs() < 5e-16, "{x}");
        }
        assert_eq!([raised_cosine(0.0), raised_cosine(1.0)], [1.0, 0.0]);
    }

    /// The bits are part of what equal settings promise.
    #[test]
    fn the_bits_are_fixed() {
        let bits = [0.125, 0.25, 0.3, 0.5, 0.7, 0.9].map(|x| raised_cosine(x).to_bits());
        assert_eq!(bits, BITS);
    }

    const BITS: [u64; 6] = [
        0x3fee_c835_e799_46a3,
        0x3feb_504f_333f_9de6,
        0x3fe9_6791_823a_ad2f,
        0x3fe0_0000_0000_0001,
        0x3fca_61b9_f715_4b45,
        0x3f99_0f1e_cbba_b008,
    ];

    #[test]
    fn the_rate_rises_in_the_warm_up_and_falls_to_the_minimum() {
        let schedule = cosine(1, 0.02);
        let warmup: Vec<f64> = (0..5).map(|t| schedule.at(t)).collect();
        let expected = [0.02, 0.04, 0.06, 0.08, 0.1];
        assert!(warmup.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{warmup:?}");
        assert_eq!(schedule.at(5), 0.1);
        let rates: Vec<f64> = (5..=20).map(|t| schedule.at(t)).collect();
        assert!(rates.is_sorted_by(|a, b| a > b), "{rates:?}");
        assert_eq!((schedule.at(20), schedule.at(1000)), (0.02, 0.02));
        // Half way, the mean of both ends.
        assert!((cosine(0, 0.02).at(10) - 0.06).abs() < 1e-16);
    }

    #[test]
    fn impossible_schedules_are_refused() {
        let new = |warmup_epochs, minimum| {
            let options = CosineOptions { warmup_epochs, minimum };
            Cosine::new(options, 0.1, 4, 5).unwrap_err().to_string()
        };
        assert_eq!(
            new(4, 0.0),
            "a warm-up of 4 epochs leaves none of the run's 4: use more epochs or a smaller \
             --warmup-epochs"
        );
        assert_eq!(
            new(0, 0.2),
            "the smallest learning rate is 0.2, the first 0.1: use a --cosine-minimum from 0 to \
             that"
        );
        assert!(new(0, f64::NAN).contains("NaN"));
    }
}
