//! D-optimal experiment design: the most informative configurations for a new partition (papers/peppp.md
//! sections 2.8 and 3.1).

use super::PepppError;
use nalgebra::{DMatrix, DVector};

/// A pivot whose norm is below this share of the first is a sum of those before it.
const DEPENDENT: f64 = 1e-10;

/// The first `count` pivots of the QR decomposition of the columns `candidates` of `matrix` with column pivoting: each the
/// column with the largest part that is orthogonal to those before it; of equals the one that comes first. There are
/// fewer if the columns have a smaller rank.
pub fn pivots(matrix: &DMatrix<f64>, candidates: &[usize], count: usize) -> Vec<usize> {
    let mut rest: Vec<(usize, DVector<f64>)> =
        candidates.iter().map(|&column| (column, matrix.column(column).into_owned())).collect();
    let mut chosen = Vec::new();
    let mut first = 0.0;
    while chosen.len() < count && !rest.is_empty() {
        let norms: Vec<f64> = rest.iter().map(|(_, column)| column.norm()).collect();
        let best = first_largest(&norms);
        let norm = norms[best];
        if chosen.is_empty() {
            first = norm;
        }
        if norm <= first * DEPENDENT {
            break;
        }
        let (index, column) = rest.remove(best);
        let direction = column / norm;
        for (_, other) in &mut rest {
            let part = direction.dot(other);
            *other -= &direction * part;
        }
        chosen.push(index);
    }
    chosen
}

/// The position of the largest value, of equals the first.
pub(super) fn first_largest(values: &[f64]) -> usize {
    let better = |best: usize, next: usize| if values[next] > values[best] { next } else { best };
    (1..values.len()).fold(0, better)
}

/// The `budget` columns among `feasible` that a greedy search finds for the largest det Σ y_j·y_jᵀ of the embeddings
/// Y `[k, columns]`, in the order in which they are chosen: k pivots of a QR decomposition, then the largest y_jᵀ·X⁻¹·y_j, by which the determinant grows, with a
/// rank-one update of X⁻¹ after each. With a budget below k the first pivots; if `feasible` has no more than
/// `budget` columns, all of them.
///
/// # Errors
/// If Y has a value that is not finite.
///
/// # Panics
/// If a column is out of range.
pub fn greedy(
    configurations: &DMatrix<f64>,
    feasible: &[usize],
    budget: usize,
) -> Result<Vec<usize>, PepppError> {
    if configurations.iter().any(|value| !value.is_finite()) {
        return Err(PepppError::NotFinite("the embeddings"));
    }
    let rank = configurations.nrows();
    let mut chosen = pivots(configurations, feasible, rank.min(budget));
    let mut rest: Vec<usize> =
        feasible.iter().copied().filter(|column| !chosen.contains(column)).collect();
    if chosen.len() < rank {
        // The columns do not span all directions: no determinant tells the others apart.
        chosen.extend(rest.drain(..budget.saturating_sub(chosen.len()).min(rest.len())));
        return Ok(chosen);
    }
    let mut inverse = Inverse::of(configurations, &chosen)?;
    while chosen.len() < budget && !rest.is_empty() {
        let column = |index: usize| configurations.column(index).into_owned();
        let gains: Vec<f64> = rest.iter().map(|&index| inverse.gain(&column(index))).collect();
        let index = rest.remove(first_largest(&gains));
        inverse.add(&column(index));
        chosen.push(index);
    }
    Ok(chosen)
}

/// (Σ y_j·y_jᵀ)⁻¹ while columns are added.
struct Inverse(DMatrix<f64>);

impl Inverse {
    fn of(configurations: &DMatrix<f64>, columns: &[usize]) -> Result<Self, PepppError> {
        let chosen = configurations.select_columns(columns);
        let inverse = (&chosen * chosen.transpose()).try_inverse();
        inverse.map(Self).ok_or(PepppError::Decomposition("inverse"))
    }

    /// yᵀ·X⁻¹·y: the determinant grows by the factor 1 + this (matrix determinant lemma).
    fn gain(&self, y: &DVector<f64>) -> f64 {
        y.dot(&(&self.0 * y))
    }

    /// The inverse of X + y·yᵀ (Sherman and Morrison).
    fn add(&mut self, y: &DVector<f64>) {
        let v = &self.0 * y;
        let divisor = 1.0 + y.dot(&v);
        self.0 -= &v * v.transpose() / divisor;
    }
}

/// log det Σ y_j·y_jᵀ over `columns`; -∞ if they do not span all directions.
pub fn log_determinant(configurations: &DMatrix<f64>, columns: &[usize]) -> f64 {
    let chosen = configurations.select_columns(columns);
    let determinant = (&chosen * chosen.transpose()).determinant();
    if determinant > 0.0 { libm::log(determinant) } else { f64::NEG_INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::random::{generator, normal};

    /// papers/peppp.md section 8.3.
    fn example() -> DMatrix<f64> {
        let rows = [1.0, 0.9, 0.2, 0.5, -0.3, 0.0, 0.1, 0.3, 1.0, -0.6, 0.4, 0.5];
        DMatrix::from_row_slice(2, 6, &rows)
    }

    fn random(seed: u64, rank: usize, columns: usize) -> DMatrix<f64> {
        let mut random = generator(seed, &[3]);
        DMatrix::from_fn(rank, columns, |_, _| normal(&mut random))
    }

    #[test]
    fn the_worked_example() {
        let y = example();
        let all: Vec<usize> = (0..6).collect();
        assert_eq!(pivots(&y, &all, 2), [2, 0]);
        assert_eq!(greedy(&y, &all, 4).unwrap(), [2, 0, 3, 1]);
        assert!((log_determinant(&y, &[2, 0]).exp() - 0.9604).abs() < 1e-9);
        assert!((log_determinant(&y, &[2, 0, 3]).exp() - 1.7673).abs() < 1e-4);
        let mut inverse = Inverse::of(&y, &[2, 0]).unwrap();
        let gains: Vec<f64> =
            [1, 3, 4, 5].map(|j| inverse.gain(&y.column(j).into_owned())).to_vec();
        for (gain, expected) in gains.iter().zip([0.780612, 0.840171, 0.342878, 0.270721]) {
            assert!((gain - expected).abs() < 1e-6);
        }
        inverse.add(&y.column(3).into_owned());
        inverse.add(&y.column(1).into_owned());
        let expected = DMatrix::from_row_slice(2, 2, &[0.487789, -0.090207, -0.090207, 0.701614]);
        assert!((inverse.0 - expected).norm() < 1e-6);
        // Memory 100, 300, 250, 120, 80, 60 under a cap of 200.
        assert_eq!(greedy(&y, &[0, 3, 4, 5], 3).unwrap(), [0, 3, 5]);
    }

    #[test]
    fn every_choice_is_the_best_one_by_brute_force() {
        for seed in 0..20 {
            let y = random(seed, 3, 9);
            let all: Vec<usize> = (0..9).collect();
            let chosen = greedy(&y, &all, 7).unwrap();
            for count in 3..7 {
                let before = &chosen[..count];
                let with = |column: usize| log_determinant(&y, &[before, &[column]].concat());
                let rest: Vec<usize> = (0..9).filter(|c| !before.contains(c)).collect();
                let dets: Vec<f64> = rest.iter().map(|&column| with(column)).collect();
                assert_eq!(chosen[count], rest[first_largest(&dets)], "seed {seed}");
            }
        }
    }

    #[test]
    fn rank_one_updates_are_the_inverse() {
        let y = random(4, 4, 12);
        let mut inverse = Inverse::of(&y, &[0, 1, 2, 3]).unwrap();
        for column in 4..12 {
            inverse.add(&y.column(column).into_owned());
        }
        let all: Vec<usize> = (0..12).collect();
        assert!((inverse.0 - Inverse::of(&y, &all).unwrap().0).norm() < 1e-9);
    }

    #[test]
    fn small_budgets_and_poor_columns_are_no_trouble() {
        let y = example();
        assert_eq!(greedy(&y, &[0, 1, 2], 1).unwrap(), [2]);
        assert_eq!(greedy(&y, &[4], 3).unwrap(), [4]);
        assert_eq!(greedy(&y, &[], 3).unwrap(), [0; 0]);
        assert_eq!(greedy(&y, &[0, 5], 9).unwrap(), [0, 5]);
        // Multiples of one column span one direction only.
        let poor = DMatrix::from_row_slice(2, 3, &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(greedy(&poor, &[0, 1, 2], 2).unwrap(), [2, 0]);
        assert_eq!(pivots(&DMatrix::zeros(2, 3), &[0, 1, 2], 2), [0; 0]);
        assert!(greedy(&DMatrix::from_element(2, 2, f64::NAN), &[0, 1], 2).is_err());
        assert_eq!(log_determinant(&poor, &[0, 1]), f64::NEG_INFINITY);
    }
}
