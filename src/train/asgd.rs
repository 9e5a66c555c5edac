//! AdaPT-SGD (ASGD): the arithmetic of one parameter tensor (papers/adapt.md section 6).
//!
//! One update is [`accumulate`](Asgd::accumulate) for every micro-batch, then
//! [`prepare`](Asgd::prepare) (L1 part, quantisation, normalisation), then the precision controller
//! sees [`gradient`](Asgd::gradient), then [`update`](Asgd::update) changes the float32 master.

use crate::precision::reduce::{CHUNK, ordered_sum, sum_of_squares};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Options of the optimiser, the same for every tensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AsgdOptions {
    /// μ in m ← μ·m + d.
    pub momentum: f32,
    /// β in d = g + β·W.
    pub weight_decay: f32,
    /// α: α·sign(Ŵ) is added to the gradient.
    pub l1: f32,
    /// Micro-batches of one update; each gradient is divided by this.
    pub accumulation: u32,
    /// Whether gradients are divided by their norm.
    pub normalise: bool,
}

impl Default for AsgdOptions {
    fn default() -> Self {
        Self { momentum: 0.9, weight_decay: 0.0, l1: 0.0, accumulation: 1, normalise: true }
    }
}

/// Why an optimiser step is impossible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AsgdError {
    /// An option is out of range.
    #[error("optimiser option `{option}` is {value}: use {allowed}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// A slice does not have the tensor's number of elements.
    #[error("{what} has {given} elements, the tensor {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Elements of the tensor.
        expected: usize,
        /// Elements given.
        given: usize,
    },
    /// The gradient holds NaN or infinity.
    #[error("the gradient is not finite: training has diverged")]
    NotFinite,
    /// A step of the update was called out of order.
    #[error("{found} of {expected} micro-batches are accumulated")]
    Accumulation {
        /// Micro-batches of an update.
        expected: u32,
        /// Micro-batches so far.
        found: u32,
    },
    /// The quantiser failed.
    #[error("the gradient cannot be quantised: {0}")]
    Quantiser(String),
}

/// What a checkpoint keeps of one tensor's optimiser.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AsgdState {
    /// m, empty before the first update or without momentum.
    pub momentum: Vec<f32>,
    /// The gradient accumulated so far.
    pub gradient: Vec<f32>,
    /// Micro-batches in it.
    pub micro_batches: u32,
}

/// The optimiser of one parameter tensor.
///
/// ```
/// use hwsim::train::asgd::{Asgd, AsgdOptions};
/// let options = AsgdOptions { momentum: 0.0, ..AsgdOptions::default() };
/// let mut optimiser = Asgd::new(options, 2)?;
/// let mut master = [1.0, 1.0];
/// optimiser.accumulate(&[3.0, -4.0])?;
/// optimiser.prepare(&master, |_| Ok(()))?;
/// assert_eq!(optimiser.gradient(), [0.6, -0.8]);
/// optimiser.update(&mut master, 0.5)?;
/// assert_eq!(master, [0.7, 1.4]);
/// # Ok::<(), hwsim::train::asgd::AsgdError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Asgd {
    options: AsgdOptions,
    gradient: Vec<f32>,
    momentum: Vec<f32>,
    micro_batches: u32,
}

impl Asgd {
    /// The optimiser of a tensor of `elements` elements.
    ///
    /// # Errors
    /// If an option is not finite or `accumulation` is 0.
    pub fn new(options: AsgdOptions, elements: usize) -> Result<Self, AsgdError> {
        let AsgdOptions { momentum, weight_decay, l1, accumulation, .. } = options;
        for (option, value) in [("momentum", momentum), ("weight_decay", weight_decay), ("l1", l1)]
        {
            if !(value.is_finite() && value >= 0.0) {
                let (value, allowed) = (f64::from(value), "a finite number of at least 0");
                return Err(AsgdError::Option { option, value, allowed });
            }
        }
        if accumulation == 0 {
            let (option, allowed) = ("accumulation", "at least 1");
            return Err(AsgdError::Option { option, value: 0.0, allowed });
        }
        Ok(Self { options, gradient: vec![0.0; elements], momentum: Vec::new(), micro_batches: 0 })
    }

    /// The options.
    pub fn options(&self) -> AsgdOptions {
        self.options
    }

    /// Adds the gradient of the loss of one micro-batch, divided by the number of micro-batches.
    /// Returns whether the update's micro-batches are complete.
    ///
    /// # Errors
    /// If the length differs or the micro-batches were complete already.
    pub fn accumulate(&mut self, gradient: &[f32]) -> Result<bool, AsgdError> {
        self.check("the gradient", gradient.len())?;
        let expected = self.options.accumulation;
        if self.micro_batches >= expected {
            return Err(AsgdError::Accumulation { expected, found: self.micro_batches });
        }
        let share = 1.0 / expected as f32;
        let first = self.micro_batches == 0;
        each(&mut self.gradient, gradient, |sum, g| {
            *sum = if first { share * g } else { *sum + share * g };
        });
        self.micro_batches += 1;
        Ok(self.micro_batches == expected)
    }

    /// Makes the accumulated gradient ready: adds α·sign(Ŵ), lets `quantise` quantise it to the
    /// tensor's format before any switch, and divides it by its norm (float64, fixed order; a zero
    /// gradient stays zero). Returns the norm before the division.
    ///
    /// # Errors
    /// If micro-batches are missing, the length differs, the quantiser fails or the gradient is not
    /// finite.
    pub fn prepare(
        &mut self,
        quantised_weights: &[f32],
        quantise: impl FnOnce(&mut [f32]) -> Result<(), String>,
    ) -> Result<f64, AsgdError> {
        self.complete()?;
        self.check("the quantised weight", quantised_weights.len())?;
        let l1 = self.options.l1;
        if l1 > 0.0 {
            each(&mut self.gradient, quantised_weights, |g, w| *g += l1 * sign(w));
        }
        quantise(&mut self.gradient).map_err(AsgdError::Quantiser)?;
        let norm = sum_of_squares(&self.gradient).sqrt();
        if !norm.is_finite() {
            return Err(AsgdError::NotFinite);
        }
        if self.options.normalise && norm > 0.0 {
            let divisor = norm as f32;
            self.gradient.par_chunks_mut(CHUNK).for_each(|chunk| {
                chunk.iter_mut().for_each(|g| *g /= divisor);
            });
        }
        Ok(norm)
    }

    /// The gradient as the last call left it: accumulated, or prepared.
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// Updates the float32 master: d = g + β·W; m ← μ·m + d (first step m = d); W ← W - lr·m. The
    /// next micro-batch starts a new gradient.
    ///
    /// # Errors
    /// If micro-batches are missing or the length differs.
    pub fn update(&mut self, master: &mut [f32], learning_rate: f32) -> Result<(), AsgdError> {
        self.complete()?;
        self.check("the master weight", master.len())?;
        let AsgdOptions { momentum, weight_decay, .. } = self.options;
        let change = |w: f32, g: f32| if weight_decay > 0.0 { g + weight_decay * w } else { g };
        if momentum == 0.0 {
            each(master, &self.gradient, |w, g| *w -= learning_rate * change(*w, g));
        } else {
            if self.momentum.is_empty() {
                self.momentum = self.gradient.clone();
                each(&mut self.momentum, master, |m, w| *m = change(w, *m));
            } else {
                let gradient = self.gradient.par_chunks(CHUNK).zip(master.par_chunks(CHUNK));
                let chunks = self.momentum.par_chunks_mut(CHUNK).zip(gradient);
                chunks.for_each(|(m, (g, w))| {
                    for ((m, g), w) in m.iter_mut().zip(g).zip(w) {
                        *m = momentum * *m + change(*w, *g);
                    }
                });
            }
            each(master, &self.momentum, |w, m| *w -= learning_rate * m);
        }
        self.micro_batches = 0;
        Ok(())
    }

    /// What a resumed run needs.
    pub fn state(&self) -> AsgdState {
        AsgdState {
            momentum: self.momentum.clone(),
            gradient: self.gradient.clone(),
            micro_batches: self.micro_batches,
        }
    }

    /// Continues from a saved state.
    ///
    /// # Errors
    /// If its lengths or its number of micro-batches do not fit.
    pub fn restore(&mut self, state: AsgdState) -> Result<(), AsgdError> {
        self.check("the saved gradient", state.gradient.len())?;
        if !state.momentum.is_empty() {
            self.check("the saved momentum", state.momentum.len())?;
        }
        let (expected, found) = (self.options.accumulation, state.micro_batches);
        if found > expected {
            return Err(AsgdError::Accumulation { expected, found });
        }
        self.gradient = state.gradient;
        self.momentum = state.momentum;
        self.micro_batches = found;
        Ok(())
    }

    fn complete(&self) -> Result<(), AsgdError> {
        let (expected, found) = (self.options.accumulation, self.micro_batches);
        if found == expected { Ok(()) } else { Err(AsgdError::Accumulation { expected, found }) }
    }

    fn check(&self, what: &'static str, given: usize) -> Result<(), AsgdError> {
        let expected = self.gradient.len();
        if given == expected { Ok(()) } else { Err(AsgdError::Length { what, expected, given }) }
    }
}

/// -1, 0 or 1; sign(0) = 0 unlike [`f32::signum`].
fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// `act` on every pair of elements, chunk by chunk in parallel.
fn each(target: &mut [f32], source: &[f32], act: impl Fn(&mut f32, f32) + Sync) {
    target.par_chunks_mut(CHUNK).zip(source.par_chunks(CHUNK)).for_each(|(target, source)| {
        target.iter_mut().zip(source).for_each(|(t, s)| act(t, *s));
    });
}

/// One term of the word-length penalty: a layer or a parameter tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PenaltyTerm {
    /// WL in bits.
    pub word_length: u32,
    /// Elements of the quantised tensor that are not zero.
    pub nonzero: u64,
    /// All its elements.
    pub elements: u64,
}

/// P = mean over the terms of (WL / 32)·sp, sp = nonzero / elements; 0 without terms. The paper's
/// terms are layers, the released code's are parameter tensors.
pub fn word_length_penalty(terms: &[PenaltyTerm]) -> f64 {
    if terms.is_empty() {
        return 0.0;
    }
    let weighted = terms.iter().map(|term| {
        let share = term.nonzero as f64 / (term.elements as f64).max(1.0);
        f64::from(term.word_length) / 32.0 * share
    });
    weighted.sum::<f64>() / terms.len() as f64
}

/// The loss value that the strategy sees (papers/adapt.md section 6, item 2), divided by the number
/// of micro-batches: the strategy sees that of an update's last one.
///
/// L = cross-entropy + α·Σ‖Ŵ‖₁ + (β/2)·Σ‖Ŵ‖₂² + P. The penalty has no gradient. For `released` it is
/// left out for LeNet (`penalty` = None). β acts on the weights through
/// [`AsgdOptions::weight_decay`], not through this value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossComposition {
    /// Mean cross-entropy of the micro-batch.
    pub cross_entropy: f64,
    /// α.
    pub l1: f64,
    /// β.
    pub l2: f64,
    /// P, if this network's loss has it.
    pub penalty: Option<f64>,
    /// Micro-batches of an update.
    pub accumulation: u32,
}

impl LossComposition {
    /// The loss value with the norms of the `quantised` parameter tensors, biases included.
    pub fn value<'a>(&self, quantised: impl IntoIterator<Item = &'a [f32]>) -> f64 {
        let (mut absolute, mut squares) = (0.0, 0.0);
        for tensor in quantised {
            if self.l1 != 0.0 {
                absolute += ordered_sum(tensor, |w| f64::from(w.abs()));
            }
            if self.l2 != 0.0 {
                squares += sum_of_squares(tensor);
            }
        }
        let regularisers = self.l1 * absolute + self.l2 / 2.0 * squares;
        let loss = self.cross_entropy + regularisers + self.penalty.unwrap_or(0.0);
        loss / f64::from(self.accumulation.max(1))
    }
}

#[cfg(test)]
#[path = "asgd_tests.rs"]
mod tests;
