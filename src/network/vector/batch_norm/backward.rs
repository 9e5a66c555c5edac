//! Backward pass of batch normalisation in training.

use super::{
    BatchNormError, BatchNormGradients, BatchStatistics, ChannelSums, chunk_length, piece_length,
    whole_rows,
};
use hwmodel::SimdLevel;
use hwmodel::cast::nearest_f32;
use hwmodel::elementwise::check_length;
use hwmodel::float32::Values;
use rayon::prelude::*;

/// Replaces dy in `gradient` by dx, and returns dγ and dβ.
///
/// With x̂ = (x - μ)/sqrt(σ² + ε): dβ = Σ dy, dγ = Σ dy·x̂ and
/// dx = γ/sqrt(σ² + ε) · (dy - dβ/rows - x̂·dγ/rows). `x` and `gradient` are [rows, channels];
/// `statistics` are those of `x`.
///
/// # Errors
/// If lengths do not fit.
pub fn batch_norm_backward(
    simd: SimdLevel,
    x: Values<'_>,
    gamma: &[f32],
    statistics: &BatchStatistics,
    gradient: &mut [f32],
) -> Result<BatchNormGradients, BatchNormError> {
    let channels = gamma.len();
    let rows = whole_rows(x.len(), channels)?;
    check_length("gradient", gradient.len(), x.len())?;
    check_length("rows of the statistics", statistics.rows, rows)?;
    check_length("mean", statistics.mean.len(), channels)?;
    check_length("inverse standard deviation", statistics.inverse_std.len(), channels)?;
    let (mean, inverse_std) = (&statistics.mean, &statistics.inverse_std);

    let (chunk, piece) = (chunk_length(channels), piece_length(channels));
    let chunks = gradient.par_chunks(chunk).enumerate().map(|(index, gradient)| {
        let mut sums = ChannelSums::zeros(channels);
        let mut buffer = vec![0.0; piece.min(gradient.len())];
        for (part, gradient) in gradient.chunks(piece).enumerate() {
            let start = index * chunk + part * piece;
            let x = x.read(simd, start, &mut buffer[..gradient.len()]);
            simd.run(
                #[inline(always)]
                || add_products(x, gradient, mean, &mut sums),
            );
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

    let constants = Constants {
        mean,
        scale: gamma.iter().zip(inverse_std).map(|(gamma, inverse)| gamma * inverse).collect(),
        offset: sums.first.iter().map(|sum| nearest_f32(sum / rows as f64)).collect(),
        slope: grad_gamma
            .iter()
            .zip(inverse_std)
            .map(|(sum, &inverse)| nearest_f32(sum / rows as f64 * f64::from(inverse)))
            .collect(),
    };
    gradient.par_chunks_mut(chunk).enumerate().for_each(|(index, gradient)| {
        let mut buffer = vec![0.0; piece.min(gradient.len())];
        for (part, gradient) in gradient.chunks_mut(piece).enumerate() {
            let start = index * chunk + part * piece;
            let x = x.read(simd, start, &mut buffer[..gradient.len()]);
            simd.run(
                #[inline(always)]
                || constants.combine(x, gradient),
            );
        }
    });
    Ok(BatchNormGradients {
        gamma: grad_gamma.iter().map(|&sum| nearest_f32(sum)).collect(),
        beta: sums.first.iter().map(|&sum| nearest_f32(sum)).collect(),
    })
}

/// Adds Σ dy and Σ dy·(x - μ).
#[inline(always)]
fn add_products(x: &[f32], gradient: &[f32], mean: &[f32], sums: &mut ChannelSums) {
    for (x, gradient) in x.chunks_exact(mean.len()).zip(gradient.chunks_exact(mean.len())) {
        let sums = sums.first.iter_mut().zip(&mut sums.second);
        for (((x, gradient), mean), (first, second)) in x.iter().zip(gradient).zip(mean).zip(sums) {
            let gradient = f64::from(*gradient);
            *first += gradient;
            *second += gradient * f64::from(x - mean);
        }
    }
}

/// dx = scale·(dy - offset - (x - μ)·slope), four constants a channel.
struct Constants<'a> {
    mean: &'a [f32],
    scale: Vec<f32>,
    offset: Vec<f32>,
    slope: Vec<f32>,
}

impl Constants<'_> {
    #[inline(always)]
    fn combine(&self, x: &[f32], gradient: &mut [f32]) {
        let channels = self.mean.len();
        let rows = x.chunks_exact(channels).zip(gradient.chunks_exact_mut(channels));
        for (x, gradient) in rows {
            let constants = self.scale.iter().zip(&self.offset).zip(&self.slope).zip(self.mean);
            for ((x, gradient), (((scale, offset), slope), mean)) in
                x.iter().zip(gradient).zip(constants)
            {
                *gradient = scale * (*gradient - offset - (x - mean) * slope);
            }
        }
    }
}
