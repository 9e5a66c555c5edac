//! SoftImpute: a matrix of low rank from some of its entries (papers/peppp.md section 2.5).
//!
//! Minimises ½·Σ W_ij·(E_ij - Z_ij)² + λ·‖Z‖_* by proximal gradient steps: Z ← S_{μλ}(Z - μ·W∘(Z - E)), where S_t takes t
//! from every singular value. W is 0 for missing entries, 1 for known ones, or the reciprocal of the probability with
//! which an entry was sampled (Ma and Chen 2019).

use super::PepppError;
use super::singular::Singular;
use hwmodel::random::{generator, shuffle};
use nalgebra::DMatrix;

/// Names the random numbers of a hold-out.
const HOLD_OUT: u64 = u64::from_be_bytes(*b"hold-out");

/// How long a step is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepLength {
    /// Always μ; 1 is plain SoftImpute (for weights of at most 1).
    Fixed(f64),
    /// Backtracking as in TFOCS: halved until the quadratic bound holds, and divided by 0.9 after every step. The first is 1
    /// over the largest weight.
    Backtracking,
}

/// Settings of SoftImpute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoftImputeOptions {
    /// λ, the price of the nuclear norm.
    pub lambda: f64,
    /// Step length μ.
    pub step: StepLength,
    /// It ends when ‖Z⁺ - Z‖/max(1, ‖Z‖) is below this.
    pub tolerance: f64,
    /// Most steps.
    pub iterations: usize,
}

impl Default for SoftImputeOptions {
    /// λ = 0.1, backtracking, 1e-6 and 1000 steps.
    fn default() -> Self {
        Self { lambda: 0.1, step: StepLength::Backtracking, tolerance: 1e-6, iterations: 1000 }
    }
}

/// Result of SoftImpute.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Z, of the shape of E.
    pub values: DMatrix<f64>,
    /// Singular values of Z, descending.
    pub singular_values: Vec<f64>,
    /// The sum that is minimised, at Z.
    pub objective: f64,
    /// Steps taken.
    pub iterations: usize,
    /// Whether the tolerance was reached.
    pub converged: bool,
}

/// Completes the matrix of `values` of which `weights` tells which are known, and how much they count.
///
/// # Errors
/// If shapes differ, nothing is known, a value is not finite, a weight or λ is negative, or a step is not positive.
pub fn soft_impute(
    values: &DMatrix<f64>,
    weights: &DMatrix<f64>,
    options: &SoftImputeOptions,
) -> Result<Completion, PepppError> {
    check(values, weights, options)?;
    let SoftImputeOptions { lambda, step, tolerance, iterations: most } = *options;
    let smooth = |z: &DMatrix<f64>| 0.5 * (z - values).map(|x| x * x).component_mul(weights).sum();
    let mut length = match step {
        StepLength::Fixed(length) => length,
        StepLength::Backtracking => 1.0 / weights.max(),
    };
    let mut z = DMatrix::zeros(values.nrows(), values.ncols());
    let mut singular_values = vec![0.0; values.nrows().min(values.ncols())];
    let mut at_z = smooth(&z);
    let (mut iterations, mut converged) = (0, false);
    while iterations < most && !converged {
        let gradient = (&z - values).component_mul(weights);
        let (next, at_next) = loop {
            let parts = Singular::of(&z - &gradient * length, "the completed matrix")?;
            let threshold = length * lambda;
            let next = parts.with_values(|_, value| (value - threshold).max(0.0));
            let at_next = smooth(&next);
            let change = &next - &z;
            // The sum is quadratic, so the bound at Z⁺ is one on Σ W·Δ², which no cancellation blurs.
            let curvature = change.map(|x| x * x).component_mul(weights).sum();
            if matches!(step, StepLength::Fixed(_)) || curvature * length <= change.norm_squared() {
                singular_values =
                    parts.values().iter().map(|value| (value - threshold).max(0.0)).collect();
                break (next, at_next);
            }
            length *= 0.5;
        };
        converged = (&next - &z).norm() / z.norm().max(1.0) < tolerance;
        (z, at_z) = (next, at_next);
        iterations += 1;
        if step == StepLength::Backtracking {
            length /= 0.9;
        }
    }
    let objective = at_z + lambda * singular_values.iter().sum::<f64>();
    Ok(Completion { values: z, singular_values, objective, iterations, converged })
}

/// λ among 10^-3, 10^-2.5, ... 10^0 whose completion from nine tenths of the known entries is nearest to the last tenth (sum of squares,
/// weighted); the largest of equals. With fewer than two known entries, that of `options`.
///
/// # Errors
/// As [`soft_impute`].
pub fn tuned_lambda(
    values: &DMatrix<f64>,
    weights: &DMatrix<f64>,
    options: &SoftImputeOptions,
    seed: u64,
) -> Result<f64, PepppError> {
    check(values, weights, options)?;
    let mut known: Vec<usize> = (0..weights.len()).filter(|&index| weights[index] > 0.0).collect();
    if known.len() < 2 {
        return Ok(options.lambda);
    }
    shuffle(&mut generator(seed, &[HOLD_OUT]), &mut known);
    let held_out = &known[..(known.len() / 10).max(1)];
    let mut rest = weights.clone();
    held_out.iter().for_each(|&index| rest[index] = 0.0);
    let mut best = (f64::INFINITY, options.lambda);
    for half_decades in (-6..=0).rev() {
        let lambda = libm::pow(10.0, f64::from(half_decades) / 2.0);
        let found = soft_impute(values, &rest, &SoftImputeOptions { lambda, ..*options })?.values;
        let square = |&index: &usize| weights[index] * (found[index] - values[index]).powi(2);
        let error: f64 = held_out.iter().map(square).sum();
        if error < best.0 {
            best = (error, lambda);
        }
    }
    Ok(best.1)
}

fn check(
    values: &DMatrix<f64>,
    weights: &DMatrix<f64>,
    options: &SoftImputeOptions,
) -> Result<(), PepppError> {
    if values.shape() != weights.shape() {
        let (found, expected) = (weights.shape(), values.shape());
        return Err(PepppError::Shape { what: "the matrix of weights", found, expected });
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(PepppError::NotFinite("the matrix to complete"));
    }
    let number = |what, value, allowed| Err(PepppError::Number { what, value, allowed });
    if let Some(&weight) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
        return number("a weight", weight, "a finite number of at least 0");
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        return Err(PepppError::NothingObserved);
    }
    if !(options.lambda.is_finite() && options.lambda >= 0.0) {
        return number("lambda", options.lambda, "a finite number of at least 0");
    }
    if let StepLength::Fixed(length) = options.step
        && !(length.is_finite() && length > 0.0)
    {
        return number("the step length", length, "a finite number above 0");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::random::{generator, normal, uniform_f64};

    /// The worked example of papers/peppp.md section 8.1.
    fn example() -> (DMatrix<f64>, DMatrix<f64>) {
        let e = [
            0.20, 0.30, 0.40, 0.50, 0.25, 0.35, 0.45, 0.60, 0.10, 0.15, 0.20, 0.30, 0.40, 0.55,
            0.75, 0.90,
        ];
        let mask = [1., 1., 0., 1., 1., 0., 1., 1., 0., 1., 1., 0., 1., 1., 1., 0.];
        (DMatrix::from_row_slice(4, 4, &e), DMatrix::from_row_slice(4, 4, &mask))
    }

    fn run(lambda: f64, step: f64, steps: usize, weights: &DMatrix<f64>) -> Completion {
        let step = StepLength::Fixed(step);
        let options = SoftImputeOptions { lambda, step, tolerance: 0.0, iterations: steps };
        soft_impute(&example().0, weights, &options).unwrap()
    }

    fn close(found: impl IntoIterator<Item = f64>, expected: &[f64], tolerance: f64) {
        let found: Vec<f64> = found.into_iter().collect();
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < tolerance, "{found:?} {expected:?}");
        }
    }

    fn row(completion: &Completion, row: usize) -> Vec<f64> {
        completion.values.row(row).iter().copied().collect()
    }

    #[test]
    fn the_worked_example_step_by_step() {
        let mask = example().1;
        let one = run(0.1, 1.0, 1, &mask);
        close(one.singular_values.clone(), &[1.122947, 0.579228, 0.255880, 0.0], 1e-6);
        close(row(&one, 0), &[0.180260, 0.237836, 0.040032, 0.435639], 1e-6);
        close(row(&one, 3), &[0.348680, 0.497710, 0.688347, 0.027778], 1e-6);
        close([one.objective], &[0.210198883], 1e-9);
        close([run(0.1, 1.0, 2, &mask).objective], &[0.205593750], 1e-9);
        let ten = run(0.1, 1.0, 10, &mask);
        close(ten.singular_values.clone(), &[1.378426, 0.326633, 0.0, 0.0], 1e-6);
        close(row(&ten, 3), &[0.362262, 0.501692, 0.680454, 0.264020], 1e-6);
        close([run(0.1, 1.0, 100, &mask).objective], &[0.173052582], 1e-9);
        let end = run(0.1, 1.0, 1000, &mask);
        close(end.singular_values.clone(), &[1.629712, 0.0, 0.0, 0.0], 1e-6);
        close(row(&end, 1), &[0.243355, 0.340508, 0.455931, 0.520828], 1e-6);
        let fine = run(0.01, 1.0, 5000, &mask);
        close([fine.values[(3, 3)], fine.values[(0, 2)]], &[0.758077, 0.370068], 1e-6);
    }

    #[test]
    fn the_worked_example_with_weights() {
        let probability = [0.8, 0.6, 0.4, 0.2];
        let mask = example().1;
        let weights =
            DMatrix::from_fn(4, 4, |row, column| mask[(row, column)] / probability[column]);
        let one = run(0.1, 0.2, 1, &weights);
        close(row(&one, 0), &[0.047585, 0.087117, 0.007378, 0.486818], 1e-6);
        close(row(&one, 3), &[0.090862, 0.173480, 0.360540, 0.003211], 1e-6);
        let end = run(0.1, 0.2, 200, &weights);
        close(row(&end, 3), &[0.370005, 0.522512, 0.719512, 0.672947], 1e-6);
        // Backtracking finds the same minimum.
        let options = SoftImputeOptions {
            tolerance: 1e-12,
            iterations: 20_000,
            ..SoftImputeOptions::default()
        };
        let found = soft_impute(&example().0, &weights, &options).unwrap();
        let reference = run(0.1, 0.2, 20_000, &weights);
        assert!(found.converged && found.iterations < 20_000);
        close(found.values.iter().copied(), reference.values.as_slice(), 1e-5);
        assert!((found.objective - reference.objective).abs() < 1e-9);
    }

    #[test]
    fn a_random_matrix_of_rank_two_is_recovered_from_two_thirds_of_it() {
        let mut random = generator(11, &[1]);
        let left = DMatrix::from_fn(40, 2, |_, _| normal(&mut random));
        let right = DMatrix::from_fn(2, 30, |_, _| normal(&mut random));
        let truth = left * right;
        let mut known = || f64::from(u8::from(uniform_f64(&mut random) < 0.7));
        let weights = DMatrix::from_fn(40, 30, |_, _| known());
        let options = SoftImputeOptions {
            lambda: 0.02,
            iterations: 3000,
            tolerance: 1e-9,
            ..SoftImputeOptions::default()
        };
        let found = soft_impute(&truth, &weights, &options).unwrap();
        let relative = (&found.values - &truth).norm() / truth.norm();
        assert!(relative < 0.01, "{relative}");
        let large = found.singular_values.iter().filter(|value| **value > 0.1).count();
        assert_eq!(large, 2, "{:?}", found.singular_values);
    }

    #[test]
    fn lambda_is_smaller_for_clean_errors_than_for_noisy_ones() {
        let mut random = generator(5, &[1]);
        let mut column = |count: usize| DMatrix::from_fn(count, 1, |_, _| normal(&mut random));
        let clean = column(20) * column(15).transpose();
        let noisy = 3.0 * &clean + DMatrix::from_fn(20, 15, |_, _| normal(&mut random));
        let all = DMatrix::from_element(20, 15, 1.0);
        let tuned = |values| tuned_lambda(values, &all, &SoftImputeOptions::default(), 1).unwrap();
        assert!(tuned(&clean) < 0.1 && tuned(&noisy) == 1.0);
        // A single entry cannot be held out.
        let one = DMatrix::from_element(1, 1, 1.0);
        assert_eq!(tuned_lambda(&one, &one, &SoftImputeOptions::default(), 1).unwrap(), 0.1);
    }

    #[test]
    fn absurd_input_is_refused() {
        let (values, mask) = example();
        let error = |values: &_, weights: &_, options: &_| {
            soft_impute(values, weights, options).unwrap_err().to_string()
        };
        let options = SoftImputeOptions::default();
        assert!(error(&values, &DMatrix::zeros(4, 4), &options).contains("no error is known"));
        assert!(error(&values, &DMatrix::zeros(3, 4), &options).contains("(3, 4)"));
        assert!(
            error(&DMatrix::from_element(4, 4, f64::NAN), &mask, &options).contains("not finite")
        );
        assert!(error(&values, &-mask.clone(), &options).contains("a weight"));
        let wrong = SoftImputeOptions { lambda: f64::NAN, ..options };
        assert!(error(&values, &mask, &wrong).contains("lambda"));
        let wrong = SoftImputeOptions { step: StepLength::Fixed(0.0), ..options };
        assert!(error(&values, &mask, &wrong).contains("step"));
    }
}
