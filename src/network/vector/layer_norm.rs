//! Layer normalisation (Ba, Kiros and Hinton 2016) over the channels of each pixel or token.
//!
//! y = γ·(x - μ)/√(σ² + ε) + β with mean μ and variance σ² (of the population) of the row. Rows are computed
//! in float64 in the order of their channels and each result is rounded once to float32.

use crate::network::vector::operations::VectorOperations;
use hwmodel::cast::nearest_f32;
use rayon::prelude::*;

/// Per element of the input, as of a batch norm: mean, variance, scale and offset forward, the two reductions and the
/// combination backward.
pub const OPERATIONS: VectorOperations = VectorOperations::new(5, 8);

/// Added to the variance.
pub const EPSILON: f64 = 1e-5;
/// Rows whose gradients of γ and β are summed together.
const ROWS: usize = 256;

/// x̂ = (x - μ)/√(σ² + ε) of a row and 1/√(σ² + ε).
fn normalised(row: &[f32], into: &mut Vec<f64>) -> f64 {
    let count = row.len() as f64;
    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let squares = row.iter().map(|&x| (f64::from(x) - mean) * (f64::from(x) - mean));
    let scale = 1.0 / (squares.sum::<f64>() / count + EPSILON).sqrt();
    into.clear();
    into.extend(row.iter().map(|&x| (f64::from(x) - mean) * scale));
    scale
}

/// y of `x` `[rows, channels]`; `gamma` and `beta` have one value a channel.
///
/// # Panics
/// If there are no channels.
pub fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32]) -> Vec<f32> {
    let channels = gamma.len();
    let mut y = vec![0.0; x.len()];
    let rows = x.par_chunks_exact(channels).zip(y.par_chunks_exact_mut(channels));
    rows.for_each_init(Vec::new, |values, (x, y)| {
        normalised(x, values);
        for (channel, (y, &value)) in y.iter_mut().zip(values.iter()).enumerate() {
            *y = nearest_f32(value * f64::from(gamma[channel]) + f64::from(beta[channel]));
        }
    });
    y
}

/// Gradients of a layer normalisation.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNormGradients {
    /// With respect to x, `[rows, channels]`.
    pub input: Vec<f32>,
    /// With respect to γ.
    pub gamma: Vec<f32>,
    /// With respect to β.
    pub beta: Vec<f32>,
}

/// Gradients from `dy` `[rows, channels]` and the input `x`:
/// dx = (γ·dy - mean(γ·dy) - x̂·mean(γ·dy·x̂))/√(σ² + ε), dγ = Σ dy·x̂ and dβ = Σ dy over rows.
///
/// # Panics
/// If the lengths do not fit or there are no channels.
#[allow(clippy::needless_range_loop, reason = "several arrays have one index")]
pub fn layer_norm_backward(x: &[f32], gamma: &[f32], dy: &[f32]) -> LayerNormGradients {
    let channels = gamma.len();
    assert_eq!(x.len(), dy.len(), "one gradient an element");
    let mut input = vec![0.0; x.len()];
    let block = ROWS * channels;
    let blocks = x.par_chunks(block).zip(dy.par_chunks(block)).zip(input.par_chunks_mut(block));
    let sums: Vec<(Vec<f64>, Vec<f64>)> = blocks
        .map(|((x, dy), dx)| {
            let (mut gammas, mut betas) = (vec![0.0; channels], vec![0.0; channels]);
            let mut values = Vec::new();
            let rows = x.chunks_exact(channels).zip(dy.chunks_exact(channels));
            for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(channels)) {
                let scale = normalised(x, &mut values);
                let (mut mean, mut product) = (0.0, 0.0);
                for channel in 0..channels {
                    let dy = f64::from(dy[channel]);
                    gammas[channel] += dy * values[channel];
                    betas[channel] += dy;
                    mean += dy * f64::from(gamma[channel]);
                    product += dy * f64::from(gamma[channel]) * values[channel];
                }
                mean /= channels as f64;
                product /= channels as f64;
                for channel in 0..channels {
                    let own = f64::from(dy[channel]) * f64::from(gamma[channel]);
                    dx[channel] = nearest_f32((own - mean - values[channel] * product) * scale);
                }
            }
            (gammas, betas)
        })
        .collect();
    let (mut gamma, mut beta) = (vec![0.0; channels], vec![0.0; channels]);
    for (gammas, betas) in &sums {
        gamma.iter_mut().zip(gammas).for_each(|(total, part)| *total += part);
        beta.iter_mut().zip(betas).for_each(|(total, part)| *total += part);
    }
    let narrow = |sums: Vec<f64>| sums.into_iter().map(nearest_f32).collect();
    LayerNormGradients { input, gamma: narrow(gamma), beta: narrow(beta) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(length: usize, phase: f32) -> Vec<f32> {
        (0..length).map(|i| (i as f32 * 1.7 + phase).sin() * 2.0).collect()
    }

    #[test]
    fn rows_have_mean_beta_and_deviation_gamma() {
        let y = layer_norm(&wave(24, 0.3), &[2.0; 8], &[0.5; 8]);
        for row in y.chunks_exact(8) {
            let mean = row.iter().sum::<f32>() / 8.0;
            let variance = row.iter().map(|y| (y - mean).powi(2)).sum::<f32>() / 8.0;
            assert!(
                (mean - 0.5).abs() < 1e-6 && (variance - 4.0).abs() < 1e-3,
                "{mean} {variance}"
            );
        }
        assert_eq!(layer_norm(&[3.0; 4], &[1.0; 4], &[0.25; 4]), [0.25; 4]);
    }

    #[test]
    fn gradients_are_derivatives() {
        let (rows, channels) = (600, 3);
        let (x, a) = (wave(rows * channels, 0.0), wave(rows * channels, 1.0));
        let (gamma, beta) = (wave(channels, 0.4), wave(channels, 0.9));
        let loss = |x: &[f32], gamma: &[f32], beta: &[f32]| -> f64 {
            let y = layer_norm(x, gamma, beta);
            y.iter().zip(&a).map(|(&y, &a)| f64::from(y) * f64::from(a)).sum()
        };
        let got = layer_norm_backward(&x, &gamma, &a);
        let check = |values: &[f32], got: &[f32], of: &dyn Fn(&[f32]) -> f64| {
            for index in (0..values.len()).step_by(values.len() / 3) {
                let at = |step: f32| {
                    let mut moved = values.to_vec();
                    moved[index] += step;
                    of(&moved)
                };
                let want = (at(1.0 / 256.0) - at(-1.0 / 256.0)) * 128.0;
                let error = (f64::from(got[index]) - want).abs();
                assert!(error < 2e-3 * want.abs().max(1.0), "{index}: {} {want}", got[index]);
            }
        };
        check(&x, &got.input, &|x| loss(x, &gamma, &beta));
        check(&gamma, &got.gamma, &|gamma| loss(&x, gamma, &beta));
        check(&beta, &got.beta, &|beta| loss(&x, &gamma, beta));
    }
}
