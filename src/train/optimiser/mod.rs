//! The optimiser of one parameter tensor.
//!
//! One update is [`accumulate`](Optimiser::accumulate) for every micro-batch, then
//! [`prepare`](Optimiser::prepare) (L1 part, quantisation, normalisation), then the precision controller
//! sees [`gradient`](Optimiser::gradient), then [`update`](Optimiser::update) changes the float32 master by an
//! [`UpdateRule`]. A new rule is one new file and one variant of [`RuleOptions`].

pub mod adam;
mod error;
mod gradient;
mod options;
pub mod sgd;
mod work;

pub use error::OptimiserError;
pub use options::{OptimiserOptions, RuleOptions};
pub use work::RuleWork;

use crate::precision::StateTensor;
use crate::precision::reduce::CHUNK;
use adam::Adam;
use gradient::Gradient;
use hwmodel::SimdLevel;
use hwmodel::float32::Values;
use rayon::prelude::*;
use sgd::Sgd;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Saved state of a rule: arrays by name.
pub type RuleState = BTreeMap<&'static str, StateTensor>;

/// The update rule of one tensor: changes its weights by its gradient.
pub trait UpdateRule: std::fmt::Debug + Send + Sync {
    /// Updates the float32 `master` with its prepared `gradient` of as many elements. Results do not depend on
    /// the number of threads.
    fn update(
        &mut self,
        master: &mut [f32],
        gradient: &[f32],
        weight_decay: f32,
        learning_rate: f32,
    );

    /// The names of the arrays that a state may have.
    fn state_names(&self) -> &'static [&'static str];

    /// Everything that a resumed run needs.
    fn state(&self) -> RuleState;

    /// Continues from a saved state of a tensor of `elements` elements.
    ///
    /// # Errors
    /// If an array is missing or does not fit.
    fn restore(&mut self, state: RuleState, elements: usize) -> Result<(), OptimiserError>;
}

/// The optimiser of one parameter tensor.
///
/// ```
/// use hwmodel::{SimdLevel, float32::Values};
/// use hwsim::train::optimiser::{Optimiser, OptimiserOptions, RuleOptions, sgd::SgdOptions};
/// let rule = RuleOptions::Sgd(SgdOptions { momentum: 0.0 });
/// let mut optimiser = Optimiser::new(OptimiserOptions { rule, ..OptimiserOptions::default() }, 2)?;
/// let mut master = [1.0, 1.0];
/// optimiser.accumulate(&[3.0, -4.0])?;
/// optimiser.prepare(SimdLevel::best(), Values::Float(&master), |_| Ok(()))?;
/// assert_eq!(optimiser.gradient(), [0.6, -0.8]);
/// optimiser.update(&mut master, 0.5)?;
/// assert_eq!(master, [0.7, 1.4]);
/// # Ok::<(), hwsim::train::optimiser::OptimiserError>(())
/// ```
#[derive(Debug)]
pub struct Optimiser {
    options: OptimiserOptions,
    gradient: Gradient,
    rule: Box<dyn UpdateRule>,
}

impl Optimiser {
    /// The optimiser of a tensor of `elements` elements.
    ///
    /// # Errors
    /// If an option is not finite or out of range.
    pub fn new(options: OptimiserOptions, elements: usize) -> Result<Self, OptimiserError> {
        options.check()?;
        let rule: Box<dyn UpdateRule> = match options.rule {
            RuleOptions::Sgd(sgd) => Box::new(Sgd::new(sgd)),
            RuleOptions::Adam(adam) => Box::new(Adam::new(adam, elements)),
        };
        Ok(Self { options, gradient: Gradient::new(&options, elements), rule })
    }

    /// The options.
    pub fn options(&self) -> OptimiserOptions {
        self.options
    }

    /// Adds the gradient of the loss of one micro-batch, divided by the number of micro-batches; one that
    /// is given away is kept instead of copied where it can be. Returns whether the update's micro-batches
    /// are complete.
    ///
    /// # Errors
    /// If the length differs or the micro-batches were complete already.
    pub fn accumulate<'a>(
        &mut self,
        gradient: impl Into<Cow<'a, [f32]>>,
    ) -> Result<bool, OptimiserError> {
        self.gradient.accumulate(gradient.into())
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
        simd: SimdLevel,
        quantised_weights: Values<'_>,
        quantise: impl FnOnce(&mut [f32]) -> Result<(), String>,
    ) -> Result<f64, OptimiserError> {
        self.gradient.prepare(simd, quantised_weights, quantise)
    }

    /// The gradient as the last call left it: accumulated, or prepared.
    pub fn gradient(&self) -> &[f32] {
        self.gradient.values()
    }

    /// Updates the float32 master by the rule. The next micro-batch starts a new gradient.
    ///
    /// # Errors
    /// If micro-batches are missing or the length differs.
    pub fn update(&mut self, master: &mut [f32], learning_rate: f32) -> Result<(), OptimiserError> {
        self.gradient.complete()?;
        self.gradient.check("the master weight", master.len())?;
        let weight_decay = self.options.weight_decay;
        self.rule.update(master, self.gradient.values(), weight_decay, learning_rate);
        self.gradient.clear();
        Ok(())
    }

    /// The names of the arrays that a state may have.
    pub fn state_names(&self) -> &'static [&'static str] {
        self.rule.state_names()
    }

    /// State needed to resume between two updates.
    pub fn state(&self) -> RuleState {
        self.rule.state()
    }

    /// Continues from a saved state; the next micro-batch starts a new gradient.
    ///
    /// # Errors
    /// If an array is missing or does not fit the tensor.
    pub fn restore(&mut self, state: RuleState) -> Result<(), OptimiserError> {
        self.gradient.clear();
        self.rule.restore(state, self.gradient.values().len())
    }
}

/// d = g + β·W.
fn decayed(weight_decay: f32, weight: f32, gradient: f32) -> f32 {
    if weight_decay > 0.0 { gradient + weight_decay * weight } else { gradient }
}

/// `act` on every pair of elements, chunk by chunk in parallel.
fn each(target: &mut [f32], source: &[f32], act: impl Fn(&mut f32, f32) + Sync) {
    target.par_chunks_mut(CHUNK).zip(source.par_chunks(CHUNK)).for_each(|(target, source)| {
        target.iter_mut().zip(source).for_each(|(t, s)| act(t, *s));
    });
}

/// The float32 array `name` of a saved state.
fn float32(
    name: &'static str,
    array: StateTensor,
    expected: usize,
) -> Result<Vec<f32>, OptimiserError> {
    let StateTensor::F32(values) = array else { return Err(OptimiserError::State(name)) };
    if values.len() != expected {
        let given = values.len();
        return Err(OptimiserError::Length { what: name, expected, given });
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
