//! Rules whose factor is made from one real number and whose zero point is added after the rounding.

use super::{Requantise, Scales};
use crate::affine::{AffineError, WordRange};
use std::fmt::Debug;

/// A rule `word = limit(scaled(sum) + zero point)`: TFLite's, gemmlowp's and CMSIS-NN's kind. Every such rule is a [`Requantise`].
pub trait RealRule {
    /// [`Requantise::NAME`].
    const RULE: &'static str;

    /// [`Requantise::ALIASES`].
    const ALSO: &'static [&'static str] = &[];

    /// What the circuit or kernel holds for each channel.
    type Factor: Copy + Send + Sync + Debug;

    /// What stands for a real `factor`.
    ///
    /// # Errors
    /// If the rule cannot hold it.
    fn of_real(factor: f64) -> Result<Self::Factor, AffineError>;

    /// `sum` times the factor, rounded to an integer by the rule, without limits.
    fn scaled(sum: i64, factor: Self::Factor) -> i64;
}

impl<R: RealRule> Requantise for R {
    const NAME: &'static str = R::RULE;
    const ALIASES: &'static [&'static str] = R::ALSO;
    type Factor = <R as RealRule>::Factor;

    fn factor(scales: Scales) -> Result<Self::Factor, AffineError> {
        R::of_real(scales.real()?)
    }

    #[inline(always)]
    fn word(sum: i64, factor: Self::Factor, range: WordRange) -> i32 {
        range.limit(R::scaled(sum, factor) + i64::from(range.zero_point))
    }
}

impl Scales {
    /// f64(f64(input · weight) / output), as TFLite computes the factor of a channel; the product of two float32 is exact.
    ///
    /// # Errors
    /// If a scale is not finite and above 0.
    pub fn real(self) -> Result<f64, AffineError> {
        let Self { input, weight, output } = self.checked()?;
        Ok(f64::from(input) * f64::from(weight) / f64::from(output))
    }
}

#[cfg(test)]
mod tests;
