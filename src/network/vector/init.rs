//! Initial weights and biases: AdaPT's fan-in truncated normal variance scaling (TNVS).
//!
//! Source: AdaPT (arXiv 2107.13490), `papers/adapt.md` section 2. Weights are normal with σ = sqrt(s/n)
//! for n inputs of a unit, cut at ±sqrt(3·s/n); biases are uniform. Each tensor draws from its own
//! generator, so adding a layer does not change the others.

use hwmodel::cast::nearest_f32;
use hwmodel::random::{generator, normal, uniform_f64};

/// The scale s of every configuration that AdaPT's authors released.
pub const DEFAULT_SCALE: f64 = 0.5;

/// Error of invalid parameters of an initialisation.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InitError {
    /// No input reaches the layer.
    #[error("a layer with no inputs (fan-in 0) has no initial weights")]
    NoInputs,
    /// s is not a positive number.
    #[error("scale s = {0} of the initial weights must be a positive number")]
    Scale(f64),
    /// b is not a number of at least 0.
    #[error("bound b = {0} of the initial biases must be a finite number of at least 0")]
    Bound(f64),
}

/// `length` weights from N(0, s/`fan_in`), redrawn while |w| > sqrt(3·s/`fan_in`).
///
/// `fan_in` is the number of inputs of one unit: kernel height · kernel width · input channels of the
/// group for a convolution, inputs for a linear layer. `seed` and `path` name the generator
/// ([`hwmodel::random::generator`]). The variance of what is left is about 0.6636·s/`fan_in`.
///
/// # Errors
/// If `fan_in` is 0 or `scale` is not positive and finite.
pub fn truncated_normal_variance_scaling(
    (seed, path): (u64, &[u64]),
    fan_in: usize,
    scale: f64,
    length: usize,
) -> Result<Vec<f32>, InitError> {
    if fan_in == 0 {
        return Err(InitError::NoInputs);
    }
    if !(scale > 0.0 && scale.is_finite()) {
        return Err(InitError::Scale(scale));
    }
    let mut generator = generator(seed, path);
    let deviation = (scale / fan_in as f64).sqrt();
    // The cut ±sqrt(3·s/n) in units of σ; independent of s and n.
    let cut = 3f64.sqrt();
    let mut draw = || {
        loop {
            let z = normal(&mut generator);
            if z.abs() <= cut {
                return nearest_f32(z * deviation);
            }
        }
    };
    Ok((0..length).map(|_| draw()).collect())
}

/// `length` biases from U(-`bound`, `bound`).
///
/// # Errors
/// If `bound` is negative or not finite.
pub fn uniform_biases(
    (seed, path): (u64, &[u64]),
    bound: f64,
    length: usize,
) -> Result<Vec<f32>, InitError> {
    if !(bound >= 0.0 && bound.is_finite()) {
        return Err(InitError::Bound(bound));
    }
    let mut generator = generator(seed, path);
    Ok((0..length)
        .map(|_| nearest_f32((2.0 * uniform_f64(&mut generator) - 1.0) * bound))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let variance = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance)
    }

    /// Checkpoints and published runs depend on these numbers.
    #[test]
    fn value_stability() {
        let weights = truncated_normal_variance_scaling((7, &[1, 2]), 75, 0.5, 4).unwrap();
        let biases = uniform_biases((7, &[1, 3]), 0.5, 3).unwrap();
        assert_eq!(weights, [-0.096311636, -0.1180437, -0.07202849, 0.09847121]);
        assert_eq!(biases, [0.0006872722, -0.2659755, -0.19683738]);
    }

    #[test]
    fn weights_have_the_moments_of_the_truncated_normal() {
        let (fan_in, scale) = (27, 0.5);
        let weights = truncated_normal_variance_scaling((1, &[4]), fan_in, scale, 200_000).unwrap();
        let unit = scale / fan_in as f64;
        assert!(weights.iter().all(|&w| f64::from(w).abs() <= (3.0 * unit).sqrt() * 1.000_001));
        assert!(weights.iter().any(|&w| f64::from(w).abs() > (2.9 * unit).sqrt()));
        let (mean, variance) = moments(&weights);
        // 1 - 2a·φ(a)/(2Φ(a) - 1) at a = √3.
        assert!(mean.abs() < 4.0 * (0.6636 * unit / 200_000.0).sqrt(), "{mean}");
        assert!((variance / unit - 0.6636).abs() < 0.006, "{}", variance / unit);
    }

    #[test]
    fn biases_have_the_moments_of_the_uniform_distribution() {
        let biases = uniform_biases((1, &[5]), 0.25, 100_000).unwrap();
        assert!(biases.iter().all(|b| b.abs() <= 0.25));
        let (mean, variance) = moments(&biases);
        assert!(mean.abs() < 0.002 && (variance - 0.25f64.powi(2) / 3.0).abs() < 2e-4);
        assert_eq!(uniform_biases((1, &[5]), 0.0, 2), Ok(vec![0.0, 0.0]));
    }

    #[test]
    fn tensors_with_other_names_are_other_tensors() {
        let draw = |seed, path: &[u64]| uniform_biases((seed, path), 1.0, 8).unwrap();
        assert_eq!(draw(1, &[2]), draw(1, &[2]));
        assert_ne!(draw(1, &[2]), draw(1, &[3]));
        assert_ne!(draw(1, &[2]), draw(2, &[2]));
        assert_eq!(draw(1, &[2]), uniform_biases((1, &[2]), 1.0, 9).unwrap()[..8]);
    }

    #[test]
    fn impossible_parameters_are_errors() {
        let weights = |fan_in, scale| truncated_normal_variance_scaling((1, &[]), fan_in, scale, 1);
        assert_eq!(weights(0, 0.5), Err(InitError::NoInputs));
        for scale in [0.0, -1.0, f64::INFINITY] {
            assert_eq!(weights(3, scale), Err(InitError::Scale(scale)));
        }
        assert!(matches!(weights(3, f64::NAN), Err(InitError::Scale(_))));
        assert_eq!(uniform_biases((1, &[]), -1.0, 1), Err(InitError::Bound(-1.0)));
    }
}
