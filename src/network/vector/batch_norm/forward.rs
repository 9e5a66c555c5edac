//! Forward pass of batch normalisation: batch statistics and normalised rows.

use super::{
    BatchNormError, BatchNormParameters, BatchStatistics, ChannelSums, RunningStatistics,
    chunk_length, inverse_std, piece_length, whole_rows,
};
use hwmodel::SimdLevel;
use hwmodel::cast::nearest_f32;
use hwmodel::elementwise::check_length;
use hwmodel::float32::Values;
use rayon::prelude::*;

/// Mean and biased variance of every channel of `x` [rows, channels].
///
/// They come from one pass over x - K with K the first row. K is one of the values, so
/// (μ - K)² ≤ rows·σ² and the subtraction of squares loses at most log2(rows) of float64's 53 bits.
///
/// # Errors
/// If `x` is not whole rows of the parameters' channels, a channel has fewer than 2 values, ε is not
/// positive, or a channel's mean or variance is not a finite float32.
pub fn batch_statistics(
    simd: SimdLevel,
    x: Values<'_>,
    parameters: &BatchNormParameters,
) -> Result<BatchStatistics, BatchNormError> {
    let channels = parameters.channels()?;
    let rows = whole_rows(x.len(), channels)?;
    if rows < 2 {
        return Err(BatchNormError::TooFewValues { rows });
    }
    let mut first_row = vec![0.0; channels];
    let shift: Vec<f64> = x.read(simd, 0, &mut first_row).iter().map(|&x| f64::from(x)).collect();
    let (chunk, piece) = (chunk_length(channels), piece_length(channels));
    let chunks = (0..x.len().div_ceil(chunk)).into_par_iter().map(|index| {
        let mut sums = ChannelSums::zeros(channels);
        let mut buffer = vec![0.0; piece];
        let end = x.len().min((index + 1) * chunk);
        for start in (index * chunk..end).step_by(piece) {
            let x = x.read(simd, start, &mut buffer[..piece.min(end - start)]);
            simd.run(
                #[inline(always)]
                || add_shifted(x, &shift, &mut sums),
            );
        }
        sums
    });
    let sums = ChannelSums::in_order(channels, chunks);
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
        if !nearest_f32(mean).is_finite() || !nearest_f32(variance).is_finite() {
            return Err(BatchNormError::NotFinite { channel, mean, variance });
        }
        let variance = variance.max(0.0);
        result.mean.push(nearest_f32(mean));
        result.variance.push(nearest_f32(variance));
        result.inverse_std.push(inverse_std(variance, parameters.epsilon));
    }
    Ok(result)
}

#[inline(always)]
fn add_shifted(x: &[f32], shift: &[f64], sums: &mut ChannelSums) {
    for x in x.chunks_exact(shift.len()) {
        let sums = sums.first.iter_mut().zip(&mut sums.second);
        for ((x, shift), (first, second)) in x.iter().zip(shift).zip(sums) {
            let shifted = f64::from(*x) - shift;
            *first += shifted;
            *second += shifted * shifted;
        }
    }
}

/// y = (x - μ)·(γ / sqrt(σ² + ε)) + β, three constants a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Normaliser {
    mean: Vec<f32>,
    scale: Vec<f32>,
    offset: Vec<f32>,
}

impl Normaliser {
    /// By the batch's own statistics, as in training.
    ///
    /// # Errors
    /// If the numbers of channels differ or ε is not positive.
    pub fn of_batch(
        statistics: &BatchStatistics,
        parameters: &BatchNormParameters,
    ) -> Result<Self, BatchNormError> {
        let channels = parameters.channels()?;
        check_length("mean", statistics.mean.len(), channels)?;
        check_length("inverse standard deviation", statistics.inverse_std.len(), channels)?;
        Ok(Self::new(&statistics.mean, &statistics.inverse_std, parameters))
    }

    /// By the running statistics, as outside training.
    ///
    /// # Errors
    /// If the numbers of channels differ, ε is not positive, or a running mean or variance is not finite
    /// or a variance negative.
    pub fn of_running(
        running: &RunningStatistics,
        parameters: &BatchNormParameters,
    ) -> Result<Self, BatchNormError> {
        let channels = parameters.channels()?;
        check_length("running mean", running.mean.len(), channels)?;
        check_length("running variance", running.variance.len(), channels)?;
        let usable =
            |mean: f32, variance: f32| mean.is_finite() && (0.0..f32::INFINITY).contains(&variance);
        for (channel, (&mean, &variance)) in running.mean.iter().zip(&running.variance).enumerate()
        {
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
        Ok(Self::new(&running.mean, &inverse_std, parameters))
    }

    fn new(mean: &[f32], inverse_std: &[f32], parameters: &BatchNormParameters) -> Self {
        let scale =
            parameters.gamma.iter().zip(inverse_std).map(|(gamma, inverse)| gamma * inverse);
        Self { mean: mean.to_vec(), scale: scale.collect(), offset: parameters.beta.to_vec() }
    }

    /// Mean, scale and offset of every channel.
    pub fn constants(&self) -> [&[f32]; 3] {
        [&self.mean, &self.scale, &self.offset]
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Writes the results of the elements of `x` from `start` on; `start` and the length of `y` are
    /// whole rows.
    ///
    /// # Panics
    /// If `x` has no such elements.
    pub fn write(&self, simd: SimdLevel, x: Values<'_>, start: usize, y: &mut [f32]) {
        let piece = piece_length(self.channels());
        let mut buffer = vec![0.0; piece.min(y.len())];
        for (index, y) in y.chunks_mut(piece).enumerate() {
            let x = x.read(simd, start + index * piece, &mut buffer[..y.len()]);
            simd.run(
                #[inline(always)]
                || {
                    let rows = x.chunks_exact(self.channels());
                    for (x, y) in rows.zip(y.chunks_exact_mut(self.channels())) {
                        let constants = self.mean.iter().zip(&self.scale).zip(&self.offset);
                        for ((x, y), ((mean, scale), offset)) in x.iter().zip(y).zip(constants) {
                            *y = (x - mean) * scale + offset;
                        }
                    }
                },
            );
        }
    }

    /// The results of all elements of `x` [rows, channels].
    ///
    /// # Errors
    /// If `x` is not whole rows.
    pub fn all(&self, simd: SimdLevel, x: Values<'_>) -> Result<Vec<f32>, BatchNormError> {
        whole_rows(x.len(), self.channels())?;
        let mut y = vec![0.0; x.len()];
        let chunk = chunk_length(self.channels());
        y.par_chunks_mut(chunk)
            .enumerate()
            .for_each(|(index, y)| self.write(simd, x, index * chunk, y));
        Ok(y)
    }
}
