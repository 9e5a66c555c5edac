//! The gradient of one parameter tensor on its way to the update, the same for every rule (papers/adapt.md
//! section 6, items 2 to 4).

use super::{OptimiserError, OptimiserOptions, each};
use crate::precision::reduce::{CHUNK, sum_of_squares};
use hwmodel::SimdLevel;
use hwmodel::cast::nearest_f32;
use hwmodel::float32::Values;
use rayon::prelude::*;
use std::borrow::Cow;

/// Sums the gradients of micro-batches, then adds the L1 part, quantises and normalises.
#[derive(Debug, Clone)]
pub(super) struct Gradient {
    values: Vec<f32>,
    micro_batches: u32,
    accumulation: u32,
    l1: f32,
    normalise: bool,
}

impl Gradient {
    pub(super) fn new(options: &OptimiserOptions, elements: usize) -> Self {
        Self {
            values: vec![0.0; elements],
            micro_batches: 0,
            accumulation: options.accumulation,
            l1: options.l1,
            normalise: options.normalise,
        }
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(super) fn accumulate(&mut self, gradient: Cow<'_, [f32]>) -> Result<bool, OptimiserError> {
        self.check("the gradient", gradient.len())?;
        let expected = self.accumulation;
        if self.micro_batches >= expected {
            return Err(OptimiserError::Accumulation { expected, found: self.micro_batches });
        }
        if expected == 1 {
            self.values = gradient.into_owned();
        } else {
            let share = 1.0 / expected as f32;
            let first = self.micro_batches == 0;
            each(&mut self.values, &gradient, |sum, g| {
                *sum = if first { share * g } else { *sum + share * g };
            });
        }
        self.micro_batches += 1;
        Ok(self.micro_batches == expected)
    }

    pub(super) fn prepare(
        &mut self,
        simd: SimdLevel,
        quantised_weights: Values<'_>,
        quantise: impl FnOnce(&mut [f32]) -> Result<(), String>,
    ) -> Result<f64, OptimiserError> {
        self.complete()?;
        self.check("the quantised weight", quantised_weights.len())?;
        let l1 = self.l1;
        if l1 > 0.0 {
            let chunks = self.values.par_chunks_mut(CHUNK).enumerate();
            chunks.for_each_init(
                || vec![0.0; CHUNK],
                |buffer, (chunk, values)| {
                    let buffer = &mut buffer[..values.len()];
                    let weights = quantised_weights.read(simd, chunk * CHUNK, buffer);
                    values.iter_mut().zip(weights).for_each(|(g, &w)| *g += l1 * sign(w));
                },
            );
        }
        quantise(&mut self.values).map_err(OptimiserError::Quantiser)?;
        let norm = sum_of_squares(&self.values).sqrt();
        if !norm.is_finite() {
            return Err(OptimiserError::NotFinite);
        }
        if self.normalise && norm > 0.0 {
            let divisor = nearest_f32(norm);
            self.values.par_chunks_mut(CHUNK).for_each(|chunk| {
                chunk.iter_mut().for_each(|g| *g /= divisor);
            });
        }
        Ok(norm)
    }

    /// The next micro-batch starts a new gradient.
    pub(super) fn clear(&mut self) {
        self.micro_batches = 0;
    }

    /// Whether all micro-batches of an update are there.
    pub(super) fn complete(&self) -> Result<(), OptimiserError> {
        let (expected, found) = (self.accumulation, self.micro_batches);
        if found == expected {
            Ok(())
        } else {
            Err(OptimiserError::Accumulation { expected, found })
        }
    }

    pub(super) fn check(&self, what: &'static str, given: usize) -> Result<(), OptimiserError> {
        let expected = self.values.len();
        if given == expected {
            Ok(())
        } else {
            Err(OptimiserError::Length { what, expected, given })
        }
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
