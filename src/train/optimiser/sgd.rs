//! Stochastic gradient descent with momentum (papers/adapt.md section 6, item 6).

use super::options::not_negative;
use super::{OptimiserError, RuleState, RuleWork, UpdateRule, decayed, each};
use crate::precision::StateTensor;
use crate::precision::reduce::CHUNK;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Options of [`Sgd`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdOptions {
    /// μ in m ← μ·m + d; 0 for none.
    pub momentum: f32,
}

impl Default for SgdOptions {
    fn default() -> Self {
        Self { momentum: 0.9 }
    }
}

impl SgdOptions {
    /// Two operations for each of d, m and W.
    pub(super) const fn work(&self) -> RuleWork {
        if self.momentum == 0.0 {
            RuleWork { operations: 4, moments: 0 }
        } else {
            RuleWork { operations: 6, moments: 1 }
        }
    }

    pub(super) fn check(&self) -> Result<(), OptimiserError> {
        not_negative("momentum", self.momentum.into())
    }
}

const MOMENTUM: &str = "momentum";

/// d = g + β·W; m ← μ·m + d (first step m = d); W ← W - lr·m, in float32.
#[derive(Debug, Clone)]
pub struct Sgd {
    options: SgdOptions,
    /// Empty before the first update and without momentum.
    momentum: Vec<f32>,
}

impl Sgd {
    /// No momentum yet.
    pub fn new(options: SgdOptions) -> Self {
        Self { options, momentum: Vec::new() }
    }
}

impl UpdateRule for Sgd {
    fn update(
        &mut self,
        master: &mut [f32],
        gradient: &[f32],
        weight_decay: f32,
        learning_rate: f32,
    ) {
        let momentum = self.options.momentum;
        if momentum == 0.0 {
            each(master, gradient, |w, g| *w -= learning_rate * decayed(weight_decay, *w, g));
            return;
        }
        if self.momentum.is_empty() {
            self.momentum = gradient.to_vec();
            each(&mut self.momentum, master, |m, w| *m = decayed(weight_decay, w, *m));
            each(master, &self.momentum, |w, m| *w -= learning_rate * m);
            return;
        }
        let operands = gradient.par_chunks(CHUNK).zip(master.par_chunks_mut(CHUNK));
        let chunks = self.momentum.par_chunks_mut(CHUNK).zip(operands);
        chunks.for_each(|(m, (g, w))| {
            for ((m, g), w) in m.iter_mut().zip(g).zip(w) {
                *m = momentum * *m + decayed(weight_decay, *w, *g);
                *w -= learning_rate * *m;
            }
        });
    }

    fn state_names(&self) -> &'static [&'static str] {
        &[MOMENTUM]
    }

    fn state(&self) -> RuleState {
        let arrays = (!self.momentum.is_empty())
            .then(|| (MOMENTUM, StateTensor::F32(self.momentum.clone())));
        arrays.into_iter().collect()
    }

    fn restore(&mut self, mut state: RuleState, elements: usize) -> Result<(), OptimiserError> {
        self.momentum = match state.remove(MOMENTUM) {
            None => Vec::new(),
            Some(array) => super::float32(MOMENTUM, array, elements)?,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_with_momentum_and_weight_decay_by_hand() {
        let mut sgd = Sgd::new(SgdOptions { momentum: 0.5 });
        let mut master = [2.0];
        // d = 1 + 0.25·2 = 1.5 = m; W = 2 - 0.5·1.5.
        sgd.update(&mut master, &[1.0], 0.25, 0.5);
        assert_eq!(master, [1.25]);
        // d = -1 + 0.25·1.25 = -0.6875; m = 0.75 - 0.6875 = 0.0625; W = 1.25 - 0.5·0.0625.
        sgd.update(&mut master, &[-1.0], 0.25, 0.5);
        assert_eq!(master, [1.21875]);
    }

    #[test]
    fn without_momentum_nothing_is_remembered() {
        let mut sgd = Sgd::new(SgdOptions { momentum: 0.0 });
        let mut master = [2.0];
        sgd.update(&mut master, &[1.0], 0.25, 0.5);
        assert_eq!(master, [1.25]);
        assert!(sgd.state().is_empty());
        assert!(SgdOptions { momentum: f32::NAN }.check().is_err());
    }
}
