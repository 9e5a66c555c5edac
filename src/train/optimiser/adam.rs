//! Adam: Kingma and Ba, "Adam: a method for stochastic optimization" (ICLR 2015), algorithm 1.

use super::{OptimiserError, RuleState, RuleWork, UpdateRule, decayed};
use crate::precision::StateTensor;
use crate::precision::reduce::CHUNK;
use hwmodel::cast::nearest_f32;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Options of [`Adam`]; the defaults are the authors'.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamOptions {
    /// β₁, decay of the mean of gradients.
    pub beta1: f64,
    /// β₂, decay of the mean of squared gradients.
    pub beta2: f64,
    /// ε, added to the root of the mean of squares.
    pub epsilon: f64,
}

impl Default for AdamOptions {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl AdamOptions {
    /// d 2, m 3, v 4, W 6: root, correction, ε, step·m, quotient, difference.
    pub(super) const fn work(&self) -> RuleWork {
        RuleWork { operations: 15, moments: 2 }
    }

    pub(super) fn check(&self) -> Result<(), OptimiserError> {
        for (option, value) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&value) {
                let allowed = "a number of at least 0 and below 1";
                return Err(OptimiserError::Option { option, value, allowed });
            }
        }
        // A smaller one is 0 in float32, and a zero gradient would divide 0 by 0.
        if !(f64::from(f32::MIN_POSITIVE)..=1e6).contains(&self.epsilon) {
            let (option, allowed) = ("epsilon", "a number from 1.2e-38 to 1000000");
            return Err(OptimiserError::Option { option, value: self.epsilon, allowed });
        }
        Ok(())
    }
}

const FIRST: &str = "first-moment";
const SECOND: &str = "second-moment";
const POWERS: &str = "beta-powers";

/// d = g + β·W; m ← β₁·m + (1-β₁)·d; v ← β₂·v + (1-β₂)·d²; W ← W - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε).
///
/// The moments start at zero and are float32, as is all arithmetic on elements; the corrections of their
/// bias are float64, with β₁ᵗ and β₂ᵗ as running products. Only additions, products, divisions and roots are used, which
/// IEEE 754 rounds in one way: the same bits everywhere. The L2 part β·W of the loss is in the gradient, as
/// for [`Sgd`](super::sgd::Sgd): this is not the decoupled weight decay of AdamW.
///
/// ```
/// use hwsim::train::optimiser::{UpdateRule, adam::{Adam, AdamOptions}};
/// let mut adam = Adam::new(AdamOptions::default(), 2);
/// let mut master = [1.0, 1.0];
/// // The first step is the learning rate in the direction of each sign, for any size of the gradient.
/// adam.update(&mut master, &[0.5, -4.0], 0.0, 0.25);
/// assert!((master[0] - 0.75).abs() < 1e-6 && (master[1] - 1.25).abs() < 1e-6);
/// ```
#[derive(Debug, Clone)]
pub struct Adam {
    options: AdamOptions,
    first: Vec<f32>,
    second: Vec<f32>,
    /// β₁ᵗ and β₂ᵗ.
    powers: [f64; 2],
}

impl Adam {
    /// Zero moments for a tensor of `elements` elements.
    pub fn new(options: AdamOptions, elements: usize) -> Self {
        let zeros = vec![0.0; elements];
        Self { options, first: zeros.clone(), second: zeros, powers: [1.0; 2] }
    }
}

impl UpdateRule for Adam {
    fn update(
        &mut self,
        master: &mut [f32],
        gradient: &[f32],
        weight_decay: f32,
        learning_rate: f32,
    ) {
        let AdamOptions { beta1, beta2, epsilon } = self.options;
        self.powers[0] *= beta1;
        self.powers[1] *= beta2;
        let step = nearest_f32(f64::from(learning_rate) / (1.0 - self.powers[0]));
        let correction = nearest_f32((1.0 - self.powers[1]).sqrt());
        let epsilon = nearest_f32(epsilon);
        let [(keep1, take1), (keep2, take2)] =
            [beta1, beta2].map(|beta| (nearest_f32(beta), nearest_f32(1.0 - beta)));
        let moments = self.first.par_chunks_mut(CHUNK).zip(self.second.par_chunks_mut(CHUNK));
        let tensors = master.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        moments.zip(tensors).for_each(|((first, second), (master, gradient))| {
            let moments = first.iter_mut().zip(second);
            for ((m, v), (w, g)) in moments.zip(master.iter_mut().zip(gradient)) {
                let d = decayed(weight_decay, *w, *g);
                *m = keep1 * *m + take1 * d;
                *v = keep2 * *v + take2 * d * d;
                *w -= step * *m / (v.sqrt() / correction + epsilon);
            }
        });
    }

    fn state_names(&self) -> &'static [&'static str] {
        &[FIRST, SECOND, POWERS]
    }

    fn state(&self) -> RuleState {
        RuleState::from([
            (FIRST, StateTensor::F32(self.first.clone())),
            (SECOND, StateTensor::F32(self.second.clone())),
            (POWERS, StateTensor::F64(self.powers.to_vec())),
        ])
    }

    fn restore(&mut self, mut state: RuleState, elements: usize) -> Result<(), OptimiserError> {
        let mut moment = |name| {
            let array = state.remove(name).ok_or(OptimiserError::State(name))?;
            super::float32(name, array, elements)
        };
        let (first, second) = (moment(FIRST)?, moment(SECOND)?);
        let powers = match state.remove(POWERS) {
            Some(StateTensor::F64(powers)) => <[f64; 2]>::try_from(powers).ok(),
            _ => None,
        };
        let powers = powers.filter(|powers| powers.iter().all(|p| (0.0..=1.0).contains(p)));
        self.powers = powers.ok_or(OptimiserError::State(POWERS))?;
        (self.first, self.second) = (first, second);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Algorithm 1 as printed, in float64, with β₁ᵗ and β₂ᵗ as powers.
    fn published(options: AdamOptions, rate: f64, start: f64, gradients: &[f64]) -> Vec<f64> {
        let AdamOptions { beta1, beta2, epsilon } = options;
        let (mut m, mut v, mut w) = (0.0, 0.0, start);
        let step = |(t, g): (usize, &f64)| {
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            let first = m / (1.0 - beta1.powi(t as i32 + 1));
            let second = v / (1.0 - beta2.powi(t as i32 + 1));
            w -= rate * first / (f64::sqrt(second) + epsilon);
            w
        };
        gradients.iter().enumerate().map(step).collect()
    }

    #[test]
    fn two_steps_by_hand() {
        // β₁ = 1/2, β₂ = 3/4, lr = 1, ε = 2^-20 ≈ 0. g = 2: m = 1, v = 1; m̂ = 2, v̂ = 4; W = 8 - 1.
        let options = AdamOptions { beta1: 0.5, beta2: 0.75, epsilon: 1.0 / 1_048_576.0 };
        let mut adam = Adam::new(options, 1);
        let mut master = [8.0];
        adam.update(&mut master, &[2.0], 0.0, 1.0);
        assert!((master[0] - 7.0).abs() < 2e-6, "{master:?}");
        // g = 4: m = 2.5, v = 4.75; m̂ = 10/3, v̂ = 4.75/0.4375 = 10.857142...; W = 7 - 1.0116283...
        adam.update(&mut master, &[4.0], 0.0, 1.0);
        assert!((master[0] - (7.0 - 1.011_628_3)).abs() < 4e-6, "{master:?}");
        assert_eq!(adam.first, [2.5]);
        assert_eq!(adam.second, [4.75]);
        assert_eq!(adam.powers, [0.25, 0.5625]);
    }

    #[test]
    fn a_thousand_steps_follow_the_published_recurrence() {
        let options = AdamOptions::default();
        let gradients: Vec<f64> = (0..1000_u32)
            .map(|t| f64::from((t * 37) % 101) / 50.0 - 0.8 + f64::from(t % 7) / 9.0)
            .collect();
        let expected = published(options, 0.01, 0.5, &gradients);
        let mut adam = Adam::new(options, 1);
        let mut master = [0.5_f32];
        for (t, (g, w)) in gradients.iter().zip(expected).enumerate() {
            adam.update(&mut master, &[*g as f32], 0.0, 0.01);
            assert!((f64::from(master[0]) - w).abs() < 2e-5, "step {t}: {master:?}, {w}");
        }
    }

    #[test]
    fn weight_decay_is_part_of_the_gradient() {
        let (mut with, mut by_hand) = (Adam::new(AdamOptions::default(), 1), None);
        let mut master = [2.0_f32];
        for g in [0.5_f32, -0.25, 1.0] {
            let d = g + 0.125 * master[0];
            let rule = by_hand.get_or_insert_with(|| Adam::new(AdamOptions::default(), 1));
            let mut copy = master;
            rule.update(&mut copy, &[d], 0.0, 0.01);
            with.update(&mut master, &[g], 0.125, 0.01);
            assert_eq!(master, copy);
        }
    }

    #[test]
    fn a_zero_gradient_moves_nothing() {
        let mut adam = Adam::new(AdamOptions::default(), 2);
        let mut master = [1.0, -1.0];
        adam.update(&mut master, &[0.0, 0.0], 0.0, 0.1);
        assert_eq!(master, [1.0, -1.0]);
    }

    #[test]
    fn impossible_options_and_states_are_refused() {
        let default = AdamOptions::default();
        for options in [
            AdamOptions { beta1: 1.0, ..default },
            AdamOptions { beta2: f64::NAN, ..default },
            AdamOptions { beta2: -0.1, ..default },
            AdamOptions { epsilon: 0.0, ..default },
            AdamOptions { epsilon: 1e-60, ..default },
        ] {
            assert!(options.check().is_err(), "{options:?}");
        }
        let mut adam = Adam::new(default, 2);
        let mut state = adam.state();
        state.remove(SECOND);
        assert_eq!(adam.restore(state, 2), Err(OptimiserError::State(SECOND)));
        let mut state = adam.state();
        state.insert(POWERS, StateTensor::F64(vec![2.0, 0.5]));
        assert_eq!(adam.restore(state, 2), Err(OptimiserError::State(POWERS)));
        let state = Adam::new(default, 3).state();
        assert!(matches!(adam.restore(state, 2), Err(OptimiserError::Length { .. })));
    }
}
