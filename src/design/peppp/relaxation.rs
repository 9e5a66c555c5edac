//! The convex relaxation of D-optimal design (papers/peppp.md section 3.1).

use super::PepppError;
use nalgebra::DMatrix;

const ITERATIONS: usize = 2000;
const TOLERANCE: f64 = 1e-10;

/// A solution of the relaxed problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Relaxed {
    /// v_j for each feasible column, from 0 to 1.
    pub shares: Vec<f64>,
    /// log det Σ v_j·y_j·y_jᵀ.
    pub log_determinant: f64,
    /// The columns with the largest shares, in descending order; of equals the first.
    pub chosen: Vec<usize>,
}

/// Maximises log det Σ v_j·y_j·y_jᵀ over 0 ≤ v_j ≤ 1, Σ v_j ≤ `budget`, j among `feasible`, and takes the `budget`
/// columns with the largest v_j. The problem is convex: projected gradient steps with backtracking find the same
/// optimum as any other solver.
///
/// # Errors
/// If Y `[k, columns]` has a value that is not finite, or the feasible columns do not span all k directions.
///
/// # Panics
/// If a column is out of range.
pub fn relaxed(
    configurations: &DMatrix<f64>,
    feasible: &[usize],
    budget: usize,
) -> Result<Relaxed, PepppError> {
    let y = configurations.select_columns(feasible);
    if y.iter().any(|value| !value.is_finite()) {
        return Err(PepppError::NotFinite("the embeddings"));
    }
    let total = budget.min(feasible.len()) as f64;
    let start = vec![total / feasible.len().max(1) as f64; feasible.len()];
    let mut shares = start;
    let (mut value, mut gradient) =
        evaluate(&y, &shares).ok_or(PepppError::Decomposition("Cholesky"))?;
    let mut step = 1.0;
    for _ in 0..ITERATIONS {
        let (next, next_value, next_gradient) = loop {
            let moved: Vec<f64> = shares.iter().zip(&gradient).map(|(v, g)| v + step * g).collect();
            let next = project(&moved, total);
            let change: f64 = next.iter().zip(&shares).map(|(a, b)| (a - b).powi(2)).sum();
            let slope: f64 =
                next.iter().zip(&shares).zip(&gradient).map(|((a, b), g)| (a - b) * g).sum();
            match evaluate(&y, &next) {
                Some((found, gradient))
                    if found >= value + slope - change / (2.0 * step) - 1e-14 =>
                {
                    break (next, found, gradient);
                }
                _ if step < 1e-14 => break (shares.clone(), value, gradient.clone()),
                _ => step *= 0.5,
            }
        };
        let moved = next.iter().zip(&shares).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        (shares, value, gradient) = (next, next_value, next_gradient);
        if moved < TOLERANCE {
            break;
        }
        step *= 2.0;
    }
    let mut order: Vec<usize> = (0..feasible.len()).collect();
    order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]).then(a.cmp(&b)));
    let chosen = order.into_iter().take(budget).map(|index| feasible[index]).collect();
    Ok(Relaxed { shares, log_determinant: value, chosen })
}

/// The log determinant and its gradient y_jᵀ·X⁻¹·y_j, or `None` if X is singular.
fn evaluate(y: &DMatrix<f64>, shares: &[f64]) -> Option<(f64, Vec<f64>)> {
    let mut scaled = y.clone();
    for (mut column, &share) in scaled.column_iter_mut().zip(shares) {
        column *= share;
    }
    let cholesky = (scaled * y.transpose()).cholesky()?;
    let value = 2.0 * cholesky.l().diagonal().iter().map(|&d| libm::log(d)).sum::<f64>();
    let solved = cholesky.solve(y);
    let gradient = y.column_iter().zip(solved.column_iter()).map(|(a, b)| a.dot(&b)).collect();
    value.is_finite().then_some((value, gradient))
}

/// The nearest point to `v` with 0 ≤ v_j ≤ 1 and Σ v_j = `total`: v - t, cut off, with t found by bisection.
fn project(v: &[f64], total: f64) -> Vec<f64> {
    let with = |t: f64| v.iter().map(move |x| (x - t).clamp(0.0, 1.0));
    let largest = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let smallest = v.iter().copied().fold(f64::INFINITY, f64::min);
    let (mut low, mut high) = (smallest - 1.0, largest);
    for _ in 0..100 {
        let middle = low + (high - low) / 2.0;
        if with(middle).sum::<f64>() > total {
            low = middle;
        } else {
            high = middle;
        }
    }
    with(high).collect()
}

#[cfg(test)]
mod tests {
    use super::super::d_optimal::{greedy, log_determinant};
    use super::*;
    use hwmodel::random::{generator, normal};

    #[test]
    fn projection_keeps_the_sum_and_the_box() {
        for (v, total, expected) in [
            (vec![0.5, 0.5, 0.5], 1.5, vec![0.5, 0.5, 0.5]),
            (vec![5.0, 0.0, 0.0], 1.0, vec![1.0, 0.0, 0.0]),
            (vec![0.8, 0.6], 1.0, vec![0.6, 0.4]),
            (vec![0.0, 0.0], 2.0, vec![1.0, 1.0]),
        ] {
            for (a, b) in project(&v, total).iter().zip(&expected) {
                assert!((a - b).abs() < 1e-9, "{v:?}");
            }
        }
    }

    /// One direction each: log det is Σ log v_j·|y_j|², whose optimum shares the budget equally.
    #[test]
    fn orthogonal_columns_share_equally() {
        let y = DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 0.5]);
        let found = relaxed(&y, &[0, 1], 1).unwrap();
        assert!(found.shares.iter().all(|share| (share - 0.5).abs() < 1e-6), "{:?}", found.shares);
        assert!((found.log_determinant - (0.5_f64 * 4.0 * 0.5 * 0.25).ln()).abs() < 1e-9);
    }

    #[test]
    fn the_relaxed_optimum_is_above_every_choice() {
        for seed in 0..10 {
            let mut random = generator(seed, &[5]);
            let y = DMatrix::from_fn(2, 6, |_, _| normal(&mut random));
            let all: Vec<usize> = (0..6).collect();
            let found = relaxed(&y, &all, 3).unwrap();
            assert!((found.shares.iter().sum::<f64>() - 3.0).abs() < 1e-6);
            for a in 0..6 {
                for b in a + 1..6 {
                    for c in b + 1..6 {
                        let whole = log_determinant(&y, &[a, b, c]);
                        assert!(found.log_determinant > whole - 1e-9, "seed {seed}");
                    }
                }
            }
            // Optimality: no feasible direction ascends (gradients of shares in the box are equal).
            let (_, gradient) = evaluate(&y, &found.shares).unwrap();
            let inside: Vec<f64> = (0..6)
                .filter(|&j| (0.001..0.999).contains(&found.shares[j]))
                .map(|j| gradient[j])
                .collect();
            for pair in inside.windows(2) {
                assert!((pair[0] - pair[1]).abs() < 1e-3, "seed {seed}: {gradient:?}");
            }
            assert_eq!(found.chosen.len(), 3);
            let by_greed = greedy(&y, &all, 3).unwrap();
            assert!(found.log_determinant >= log_determinant(&y, &by_greed) - 1e-9);
        }
    }

    #[test]
    fn columns_of_one_direction_have_no_relaxation() {
        let y = DMatrix::from_row_slice(2, 3, &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert!(relaxed(&y, &[0, 1, 2], 2).is_err());
        assert!(relaxed(&y, &[], 2).is_err());
    }
}
