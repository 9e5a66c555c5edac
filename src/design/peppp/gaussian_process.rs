//! A Gaussian process with a squared exponential kernel, and expected improvement (papers/peppp.md section 3.2).

use super::PepppError;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// Hyperparameters of the process and of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessOptions {
    /// l in exp(-‖a - b‖²/(2·l²)).
    pub length_scale: f64,
    /// Variance of white noise.
    pub noise: f64,
    /// ξ, by which an improvement must at least improve.
    pub xi: f64,
}

impl Default for ProcessOptions {
    /// 20, 1 and 0.01.
    fn default() -> Self {
        Self { length_scale: 20.0, noise: 1.0, xi: 0.01 }
    }
}

/// The posterior of a process of mean 0 after some observations.
#[derive(Debug)]
pub struct Process {
    options: ProcessOptions,
    points: DMatrix<f64>,
    covariance: Cholesky<f64, Dyn>,
    weights: DVector<f64>,
}

/// The posterior at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, without the noise of an observation.
    pub deviation: f64,
}

impl Process {
    /// The posterior after `values` at `points` `[dimensions, points]`.
    ///
    /// # Errors
    /// If numbers differ, something is not finite, the length scale is not above 0 or the noise is too small to tell
    /// equal points apart.
    pub fn new(
        points: DMatrix<f64>,
        values: &[f64],
        options: ProcessOptions,
    ) -> Result<Self, PepppError> {
        if points.ncols() != values.len() {
            let (found, expected) = ((1, values.len()), (1, points.ncols()));
            return Err(PepppError::Shape { what: "the list of observations", found, expected });
        }
        if points.iter().chain(values).any(|value| !value.is_finite()) {
            return Err(PepppError::NotFinite("a Gaussian process"));
        }
        let ProcessOptions { length_scale, noise, .. } = options;
        let number = |what, value, allowed| Err(PepppError::Number { what, value, allowed });
        if !(length_scale.is_finite() && length_scale > 0.0) {
            return number("the length scale", length_scale, "a finite number above 0");
        }
        if !(noise.is_finite() && noise >= 0.0) {
            return number("the noise", noise, "a finite number of at least 0");
        }
        let count = values.len();
        let covariance = DMatrix::from_fn(count, count, |a, b| {
            let own = if a == b { noise } else { 0.0 };
            own + kernel(length_scale, (points.column(a) - points.column(b)).norm_squared())
        });
        let covariance = covariance.cholesky().ok_or(PepppError::Decomposition("Cholesky"))?;
        let weights = covariance.solve(&DVector::from_column_slice(values));
        Ok(Self { options, points, covariance, weights })
    }

    /// Mean and deviation at `point`.
    ///
    /// # Panics
    /// If the point has another number of dimensions.
    pub fn at(&self, point: &DVector<f64>) -> Posterior {
        let length_scale = self.options.length_scale;
        let to = DVector::from_iterator(
            self.points.ncols(),
            self.points
                .column_iter()
                .map(|other| kernel(length_scale, (point - other).norm_squared())),
        );
        let variance = 1.0 - to.dot(&self.covariance.solve(&to));
        Posterior { mean: to.dot(&self.weights), deviation: variance.max(0.0).sqrt() }
    }
}

fn kernel(length_scale: f64, square: f64) -> f64 {
    libm::exp(-square / (2.0 * length_scale * length_scale))
}

/// How much below `best` a value is expected to be: with z = (best - mean - ξ)/sd, (best - mean - ξ)·Φ(z) + sd·φ(z).
pub fn expected_improvement(posterior: Posterior, best: f64, xi: f64) -> f64 {
    let Posterior { mean, deviation } = posterior;
    let improvement = best - mean - xi;
    if deviation <= 0.0 {
        return improvement.max(0.0);
    }
    let z = improvement / deviation;
    let density = libm::exp(-z * z / 2.0) / std::f64::consts::TAU.sqrt();
    improvement * normal_distribution(z) + deviation * density
}

/// Φ(z), the distribution function of the standard normal distribution, by its Taylor series near 0 and its continued
/// fraction in the tails; absolute error below 1e-12.
fn normal_distribution(z: f64) -> f64 {
    let density = libm::exp(-z * z / 2.0) / std::f64::consts::TAU.sqrt();
    let size = z.abs();
    if size < 5.0 {
        // Φ(z) = 1/2 + φ(z)·(z + z³/3 + z⁵/(3·5) + ...).
        let (mut term, mut sum, mut odd) = (size, size, 1.0);
        while term > sum * 1e-17 {
            odd += 2.0;
            term *= size * size / odd;
            sum += term;
        }
        return 0.5 + (density * sum).copysign(z);
    }
    // 1 - Φ(z) = φ(z)/(z + 1/(z + 2/(z + 3/...))).
    let fraction = (1..=60).rev().fold(0.0, |rest, k| f64::from(k) / (size + rest));
    let tail = density / (size + fraction);
    if z > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// papers/peppp.md section 8.7.
    #[test]
    fn the_worked_examples() {
        let improvement =
            |mean, deviation, xi| expected_improvement(Posterior { mean, deviation }, 0.42, xi);
        assert!((improvement(0.40, 0.10, 0.01) - 0.04509353).abs() < 1e-8);
        assert!((improvement(0.50, 0.10, 0.01) - 0.01004311).abs() < 1e-8);
        assert!((improvement(0.42, 0.05, 0.0) - 0.01994711).abs() < 1e-8);
        assert_eq!(improvement(0.40, 0.0, 0.0), 0.42 - 0.40);
        let options = ProcessOptions { length_scale: 1.0, noise: 0.01, xi: 0.0 };
        let points = DMatrix::from_row_slice(1, 2, &[0.0, 1.0]);
        let process = Process::new(points, &[0.5, 0.3], options).unwrap();
        let found = process.at(&DVector::from_element(1, 0.5));
        assert!((found.mean - 0.43673624).abs() < 1e-8);
        assert!((found.deviation.powi(2) - 0.03645405).abs() < 1e-8);
    }

    #[test]
    fn the_normal_distribution_has_its_table() {
        for (z, expected) in [
            (0.0, 0.5),
            (1.0, 0.841344746068543),
            (-1.96, 0.024997895148220),
            (3.0, 0.998650101968370),
            (-6.0, 9.865876450377018e-10),
        ] {
            assert!((normal_distribution(z) - expected).abs() < 1e-12, "{z}");
        }
        let (below, above) = (normal_distribution(4.999_999_99), normal_distribution(5.000_000_01));
        assert!(above > below && above - below < 1e-12);
    }

    #[test]
    fn absurd_processes_are_refused() {
        let make = |values: &[f64], options| Process::new(DMatrix::zeros(1, 2), values, options);
        let options = ProcessOptions::default();
        assert!(make(&[0.5], options).is_err());
        assert!(make(&[0.5, f64::NAN], options).is_err());
        assert!(make(&[0.5, 0.5], ProcessOptions { length_scale: 0.0, ..options }).is_err());
        // Two observations at one point are singular without noise.
        assert!(make(&[0.5, 0.5], ProcessOptions { noise: 0.0, ..options }).is_err());
    }
}
