//! Batch normalisation (Ioffe and Szegedy 2015) over the rows of [rows, channels], rows = N·H·W.
//!
//! [`batch_statistics`] or the running ones make a [`Normaliser`], which computes rows of the result.
//!
//! It runs in float32 on the vector unit; only the sums over rows are float64. Rows are summed in
//! chunks whose size depends on the number of channels alone and the chunks are combined in order, so
//! the bits do not depend on the number of threads. Defaults and definitions are PyTorch's: the biased
//! variance normalises, the unbiased one enters the running statistics.

mod backward;
mod forward;

use crate::network::vector::operations::VectorOperations;
pub use backward::batch_norm_backward;
pub use forward::{Normaliser, batch_statistics};
use hwmodel::cast::nearest_f32;
use hwmodel::elementwise::{LengthError, check_length};
use rayon::iter::IndexedParallelIterator;
use serde::{Deserialize, Serialize};

/// Per element of the input: mean, variance, scale and offset forward, the two reductions and the combination
/// backward.
pub const OPERATIONS: VectorOperations = VectorOperations::new(5, 8);

/// Added to the variance before its root is taken.
pub const EPSILON: f32 = 1e-5;
/// Weight of the newest batch in the running statistics.
pub const MOMENTUM: f32 = 0.1;

/// Elements a thread handles at a time, rounded down to whole rows.
const CHUNK: usize = 1 << 16;
/// Elements read at a time, rounded down to whole rows.
const PIECE: usize = 1 << 11;

/// Scale and offset of every channel, and the ε of its standard deviation.
#[derive(Debug, Clone, Copy)]
pub struct BatchNormParameters<'a> {
    /// Scale γ, one a channel.
    pub gamma: &'a [f32],
    /// Offset β, one a channel.
    pub beta: &'a [f32],
    /// ε of sqrt(σ² + ε), usually [`EPSILON`].
    pub epsilon: f32,
}

impl BatchNormParameters<'_> {
    /// Number of channels.
    ///
    /// # Errors
    /// If γ and β differ in length or ε is not positive.
    fn channels(&self) -> Result<usize, BatchNormError> {
        check_length("β", self.beta.len(), self.gamma.len())?;
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return Err(BatchNormError::Epsilon(self.epsilon));
        }
        Ok(self.gamma.len())
    }
}

/// Results of the training forward pass, saved for the backward pass and the running statistics.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchStatistics {
    /// Values a channel had.
    pub rows: usize,
    /// Mean μ of every channel.
    pub mean: Vec<f32>,
    /// Biased variance σ² of every channel.
    pub variance: Vec<f32>,
    /// 1 / sqrt(σ² + ε) of every channel.
    pub inverse_std: Vec<f32>,
}

/// Exponential averages of mean and unbiased variance, which normalise outside training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunningStatistics {
    /// Running mean of every channel.
    pub mean: Vec<f32>,
    /// Running unbiased variance of every channel.
    pub variance: Vec<f32>,
}

/// Gradients of the loss with respect to γ and β.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormGradients {
    /// dγ, one a channel.
    pub gamma: Vec<f32>,
    /// dβ, one a channel.
    pub beta: Vec<f32>,
}

/// Error of a batch that cannot be normalised.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BatchNormError {
    /// A buffer has the wrong length.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// There is no channel.
    #[error("batch normalisation needs at least one channel")]
    NoChannels,
    /// The input does not consist of whole rows.
    #[error("{elements} elements are not whole rows of {channels} channels")]
    PartialRow {
        /// Elements of the input.
        elements: usize,
        /// Channels of the layer.
        channels: usize,
    },
    /// A variance needs two values.
    #[error(
        "training batch normalisation needs at least 2 values a channel, got {rows}: use a larger batch"
    )]
    TooFewValues {
        /// Values a channel has.
        rows: usize,
    },
    /// ε is not a positive number.
    #[error("ε = {0} of batch normalisation must be a positive number")]
    Epsilon(f32),
    /// Mean or variance of a channel are not finite.
    #[error(
        "channel {channel} has mean {mean} and variance {variance}: the activations have diverged"
    )]
    NotFinite {
        /// First such channel.
        channel: usize,
        /// Its mean.
        mean: f64,
        /// Its variance.
        variance: f64,
    },
}

impl RunningStatistics {
    /// Mean 0 and variance 1 for every channel.
    pub fn new(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], variance: vec![1.0; channels] }
    }

    /// running ← (1 - momentum)·running + momentum·batch, with the unbiased variance of the batch.
    ///
    /// # Errors
    /// If the batch has another number of channels.
    pub fn update(&mut self, batch: &BatchStatistics, momentum: f32) -> Result<(), BatchNormError> {
        check_length("running mean", self.mean.len(), batch.mean.len())?;
        check_length("running variance", self.variance.len(), batch.variance.len())?;
        let rows = batch.rows as f64;
        let unbiased = nearest_f32(rows / (rows - 1.0).max(1.0));
        for (running, &mean) in self.mean.iter_mut().zip(&batch.mean) {
            *running = (1.0 - momentum) * *running + momentum * mean;
        }
        for (running, &variance) in self.variance.iter_mut().zip(&batch.variance) {
            *running = (1.0 - momentum) * *running + momentum * (variance * unbiased);
        }
        Ok(())
    }
}

/// Elements of a chunk of whole rows; a function of the number of channels only.
fn chunk_length(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}

/// Elements of whole rows that stay in the first-level cache.
fn piece_length(channels: usize) -> usize {
    (PIECE / channels).max(1) * channels
}

fn whole_rows(elements: usize, channels: usize) -> Result<usize, BatchNormError> {
    if channels == 0 {
        return Err(BatchNormError::NoChannels);
    }
    if !elements.is_multiple_of(channels) {
        return Err(BatchNormError::PartialRow { elements, channels });
    }
    Ok(elements / channels)
}

fn inverse_std(variance: f64, epsilon: f32) -> f32 {
    nearest_f32(1.0 / (variance + f64::from(epsilon)).sqrt())
}

/// Two float64 sums a channel.
struct ChannelSums {
    first: Vec<f64>,
    second: Vec<f64>,
}

impl ChannelSums {
    fn zeros(channels: usize) -> Self {
        Self { first: vec![0.0; channels], second: vec![0.0; channels] }
    }

    /// The sums of all chunks, added in their order whichever thread finished first.
    fn in_order(channels: usize, chunks: impl IndexedParallelIterator<Item = Self>) -> Self {
        let chunks: Vec<Self> = chunks.collect();
        let mut total = Self::zeros(channels);
        for chunk in &chunks {
            for (total, chunk) in total.first.iter_mut().zip(&chunk.first) {
                *total += chunk;
            }
            for (total, chunk) in total.second.iter_mut().zip(&chunk.second) {
                *total += chunk;
            }
        }
        total
    }
}

#[cfg(test)]
mod tests;
