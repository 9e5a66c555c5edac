//! Batch normalisation (Ioffe and Szegedy 2015) over the rows of [rows, channels], rows = N·H·W.
//!
//! It runs in float32 on the vector unit; only the sums over rows are float64. Rows are summed in
//! chunks whose size depends on the number of channels alone and the chunks are combined in order, so
//! the bits do not depend on the number of threads. Defaults and definitions are PyTorch's: the biased
//! variance normalises, the unbiased one enters the running statistics.

use crate::network::vector::length::{LengthError, check_length};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Added to the variance before its root is taken.
pub const EPSILON: f32 = 1e-5;
/// Weight of the newest batch in the running statistics.
pub const MOMENTUM: f32 = 0.1;

/// Elements a thread handles at a time, rounded down to whole rows.
const CHUNK: usize = 1 << 16;

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

/// What the training forward pass found, kept for the backward pass and the running statistics.
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

/// Why a batch cannot be normalised.
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
        let unbiased = (rows / (rows - 1.0).max(1.0)) as f32;
        for (running, &mean) in self.mean.iter_mut().zip(&batch.mean) {
            *running = (1.0 - momentum) * *running + momentum * mean;
        }
        for (running, &variance) in self.variance.iter_mut().zip(&batch.variance) {
            *running = (1.0 - momentum) * *running + momentum * (variance * unbiased);
        }
        Ok(())
    }
}

/// Normalises by the batch's own statistics: y = γ·(x - μ) / sqrt(σ² + ε) + β.
///
/// `x` and `y` are [rows, channels].
///
/// # Errors
/// If lengths do not fit, a channel has fewer than 2 values, ε is not positive, or a channel's mean or
/// variance is not a finite float32.
pub fn batch_norm_train(
    x: &[f32],
    parameters: &BatchNormParameters,
    y: &mut [f32],
) -> Result<BatchStatistics, BatchNormError> {
    let rows = check(x, parameters, y)?;
    if rows < 2 {
        return Err(BatchNormError::TooFewValues { rows });
    }
    let statistics = statistics(x, parameters.gamma.len(), parameters.epsilon)?;
    normalise(x, &statistics.mean, &statistics.inverse_std, parameters, y);
    Ok(statistics)
}

/// Normalises by the running statistics, as outside training.
///
/// `x` and `y` are [rows, channels]; any number of rows will do.
///
/// # Errors
/// If lengths do not fit, ε is not positive, or a running variance is negative or not finite.
pub fn batch_norm_eval(
    x: &[f32],
    parameters: &BatchNormParameters,
    running: &RunningStatistics,
    y: &mut [f32],
) -> Result<(), BatchNormError> {
    check(x, parameters, y)?;
    let channels = parameters.gamma.len();
    check_length("running mean", running.mean.len(), channels)?;
    check_length("running variance", running.variance.len(), channels)?;
    let usable =
        |mean: f32, variance: f32| mean.is_finite() && (0.0..f32::INFINITY).contains(&variance);
    for (channel, (&mean, &variance)) in running.mean.iter().zip(&running.variance).enumerate() {
        if !usable(mean, variance) {
            let (mean, variance) = (mean.into(), variance.into());
            return Err(BatchNormError::NotFinite { channel, mean, variance });
        }
    }
    let inverse_std: Vec<f32> = running
        .variance
        .iter()
        .map(|&variance| inverse_std(variance.into(), parameters.epsilon))
        .collect();
    normalise(x, &running.mean, &inverse_std, parameters, y);
    Ok(())
}

/// The gradients of the training forward pass.
///
/// With x̂ = (x - μ)/sqrt(σ² + ε): dβ = Σ dy, dγ = Σ dy·x̂ and
/// dx = γ/sqrt(σ² + ε) · (dy - dβ/rows - x̂·dγ/rows). `x`, `grad_y` and `grad_x` are [rows, channels];
/// `statistics` is what [`batch_norm_train`] returned for `x`.
///
/// # Errors
/// If lengths do not fit.
pub fn batch_norm_backward(
    x: &[f32],
    grad_y: &[f32],
    gamma: &[f32],
    statistics: &BatchStatistics,
    grad_x: &mut [f32],
) -> Result<BatchNormGradients, BatchNormError> {
    let channels = gamma.len();
    let rows = whole_rows(x.len(), channels)?;
    check_length("gradient of the output", grad_y.len(), x.len())?;
    check_length("gradient of the input", grad_x.len(), x.len())?;
    check_length("rows of the statistics", statistics.rows, rows)?;
    check_length("mean", statistics.mean.len(), channels)?;
    check_length("inverse standard deviation", statistics.inverse_std.len(), channels)?;
    let mean = &statistics.mean;
    let inverse_std = &statistics.inverse_std;

    let length = chunk_length(channels);
    let chunks = x.par_chunks(length).zip(grad_y.par_chunks(length)).map(|(x, grad_y)| {
        let mut sums = ChannelSums::zeros(channels);
        for (x, grad_y) in x.chunks_exact(channels).zip(grad_y.chunks_exact(channels)) {
            let sums = sums.first.iter_mut().zip(&mut sums.second);
            for (((x, grad_y), mean), (first, second)) in x.iter().zip(grad_y).zip(mean).zip(sums) {
                let grad_y = f64::from(*grad_y);
                *first += grad_y;
                *second += grad_y * f64::from(x - mean);
            }
        }
        sums
    });
    let sums = ChannelSums::in_order(channels, chunks);
    let grad_gamma: Vec<f64> = sums
        .second
        .iter()
        .zip(inverse_std)
        .map(|(sum, &inverse)| sum * f64::from(inverse))
        .collect();

    // dx = scale·(dy - offset - (x - μ)·slope), three constants a channel.
    let scale: Vec<f32> =
        gamma.iter().zip(inverse_std).map(|(gamma, inverse)| gamma * inverse).collect();
    let offset: Vec<f32> = sums.first.iter().map(|sum| (sum / rows as f64) as f32).collect();
    let slope: Vec<f32> = grad_gamma
        .iter()
        .zip(inverse_std)
        .map(|(sum, &inverse)| (sum / rows as f64 * f64::from(inverse)) as f32)
        .collect();
    let inputs = x.par_chunks(length).zip(grad_y.par_chunks(length));
    inputs.zip(grad_x.par_chunks_mut(length)).for_each(|((x, grad_y), grad_x)| {
        let rows = x.chunks_exact(channels).zip(grad_y.chunks_exact(channels));
        for ((x, grad_y), grad_x) in rows.zip(grad_x.chunks_exact_mut(channels)) {
            let constants = scale.iter().zip(&offset).zip(&slope).zip(mean);
            let values = x.iter().zip(grad_y).zip(grad_x);
            for (((x, grad_y), grad_x), (((scale, offset), slope), mean)) in values.zip(constants) {
                *grad_x = scale * (grad_y - offset - (x - mean) * slope);
            }
        }
    });
    Ok(BatchNormGradients {
        gamma: grad_gamma.iter().map(|&sum| sum as f32).collect(),
        beta: sums.first.iter().map(|&sum| sum as f32).collect(),
    })
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

/// Mean and biased variance in one pass, from sums of x - K with K the first row.
///
/// K is one of the values, so (μ - K)² ≤ rows·σ² and the subtraction of squares loses at most
/// log2(rows) of float64's 53 bits.
fn statistics(x: &[f32], channels: usize, epsilon: f32) -> Result<BatchStatistics, BatchNormError> {
    let shift: Vec<f64> = x[..channels].iter().map(|&x| x.into()).collect();
    let chunks = x.par_chunks(chunk_length(channels)).map(|x| {
        let mut sums = ChannelSums::zeros(channels);
        for x in x.chunks_exact(channels) {
            let sums = sums.first.iter_mut().zip(&mut sums.second);
            for ((x, shift), (first, second)) in x.iter().zip(&shift).zip(sums) {
                let shifted = f64::from(*x) - shift;
                *first += shifted;
                *second += shifted * shifted;
            }
        }
        sums
    });
    let sums = ChannelSums::in_order(channels, chunks);
    let rows = x.len() / channels;
    let mut result = BatchStatistics {
        rows,
        mean: Vec::with_capacity(channels),
        variance: Vec::with_capacity(channels),
        inverse_std: Vec::with_capacity(channels),
    };
    for (channel, shift) in shift.iter().enumerate() {
        let shifted_mean = sums.first[channel] / rows as f64;
        let mean = shift + shifted_mean;
        let variance = sums.second[channel] / rows as f64 - shifted_mean * shifted_mean;
        if !(mean as f32).is_finite() || !(variance as f32).is_finite() {
            return Err(BatchNormError::NotFinite { channel, mean, variance });
        }
        let variance = variance.max(0.0);
        result.mean.push(mean as f32);
        result.variance.push(variance as f32);
        result.inverse_std.push(inverse_std(variance, epsilon));
    }
    Ok(result)
}

fn inverse_std(variance: f64, epsilon: f32) -> f32 {
    (1.0 / (variance + f64::from(epsilon)).sqrt()) as f32
}

/// y = (x - μ)·(γ·inverse_std) + β.
fn normalise(
    x: &[f32],
    mean: &[f32],
    inverse_std: &[f32],
    parameters: &BatchNormParameters,
    y: &mut [f32],
) {
    let channels = mean.len();
    let beta = parameters.beta;
    let scale: Vec<f32> =
        parameters.gamma.iter().zip(inverse_std).map(|(gamma, inverse)| gamma * inverse).collect();
    let length = chunk_length(channels);
    x.par_chunks(length).zip(y.par_chunks_mut(length)).for_each(|(x, y)| {
        for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
            let constants = mean.iter().zip(&scale).zip(beta);
            for ((x, y), ((mean, scale), beta)) in x.iter().zip(y).zip(constants) {
                *y = (x - mean) * scale + beta;
            }
        }
    });
}

/// Elements of a chunk of whole rows; a function of the number of channels only.
fn chunk_length(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
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

fn check(x: &[f32], parameters: &BatchNormParameters, y: &[f32]) -> Result<usize, BatchNormError> {
    let rows = whole_rows(x.len(), parameters.gamma.len())?;
    check_length("β", parameters.beta.len(), parameters.gamma.len())?;
    check_length("output", y.len(), x.len())?;
    let epsilon = parameters.epsilon;
    if !(epsilon > 0.0 && epsilon.is_finite()) {
        return Err(BatchNormError::Epsilon(epsilon));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
