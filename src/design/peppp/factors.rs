//! A matrix of errors as the product of two small ones (papers/peppp.md section 2.7).

use super::PepppError;
use super::singular::Singular;
use nalgebra::{DMatrix, DVector};

/// The best approximation of a matrix by one of rank k: Xᵀ·Y.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// X, `[k, rows]`: embeddings of partitions, with the singular values.
    pub partitions: DMatrix<f64>,
    /// Y, `[k, columns]`: embeddings of configurations, with orthonormal rows.
    pub configurations: DMatrix<f64>,
    /// All singular values of the matrix, descending.
    pub singular_values: Vec<f64>,
}

/// Share of a matrix explained by its largest singular values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explained {
    /// Their sum over the sum of all.
    pub of_values: f64,
    /// The sum of their squares over that of all.
    pub of_squares: f64,
}

impl Factors {
    /// Factors of `matrix`, without centring; the rank is at most the smaller side.
    ///
    /// # Errors
    /// If the matrix is empty or has a value that is not finite, or the rank is 0.
    pub fn of(matrix: &DMatrix<f64>, rank: usize) -> Result<Self, PepppError> {
        if rank == 0 {
            let (what, allowed) = ("the rank", "at least 1");
            return Err(PepppError::Number { what, value: 0.0, allowed });
        }
        let parts = Singular::of(matrix.clone(), "the matrix of errors")?;
        let rank = rank.min(matrix.nrows().min(matrix.ncols()));
        let mut partitions = parts.left().columns(0, rank).transpose();
        for (mut row, &value) in partitions.row_iter_mut().zip(parts.values().iter()) {
            row *= value;
        }
        Ok(Self {
            partitions,
            configurations: parts.right().rows(0, rank).into_owned(),
            singular_values: parts.values().iter().copied().collect(),
        })
    }

    /// k.
    pub fn rank(&self) -> usize {
        self.configurations.nrows()
    }

    /// Xᵀ·Y.
    pub fn product(&self) -> DMatrix<f64> {
        self.partitions.transpose() * &self.configurations
    }

    /// The part of the matrix in its `rank` largest singular values.
    pub fn explained(&self, rank: usize) -> Explained {
        let share = |power: i32| {
            let of = |values: &[f64]| values.iter().map(|value| value.powi(power)).sum::<f64>();
            let all = of(&self.singular_values);
            if all > 0.0 {
                of(&self.singular_values[..rank.min(self.singular_values.len())]) / all
            } else {
                1.0
            }
        };
        Explained { of_values: share(1), of_squares: share(2) }
    }
}

/// Errors of every configuration on a new partition whose errors of some are `measured` (column and error): by least
/// squares on the embeddings Y `[k, columns]`, of the shortest x if there are fewer than k. Measured errors stay.
///
/// # Errors
/// If nothing is measured or a value is not finite.
///
/// # Panics
/// If a column is out of range.
pub fn predict(
    configurations: &DMatrix<f64>,
    measured: &[(usize, f64)],
) -> Result<Vec<f64>, PepppError> {
    if measured.is_empty() {
        return Err(PepppError::NothingObserved);
    }
    if measured.iter().any(|(_, error)| !error.is_finite()) {
        return Err(PepppError::NotFinite("a measurement"));
    }
    let columns: Vec<usize> = measured.iter().map(|&(column, _)| column).collect();
    let embeddings = configurations.select_columns(&columns).transpose();
    let errors = DVector::from_iterator(measured.len(), measured.iter().map(|&(_, error)| error));
    let x = Singular::of(embeddings, "the embeddings")?.least_squares(&errors);
    let mut predicted: Vec<f64> = (configurations.transpose() * x).iter().copied().collect();
    for &(column, error) in measured {
        predicted[column] = error;
    }
    Ok(predicted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_rank_two_is_the_product_of_its_factors() {
        let left = DMatrix::from_row_slice(4, 2, &[1.0, 0.5, 2.0, -1.0, 0.3, 0.7, 1.1, 0.0]);
        let right = DMatrix::from_row_slice(2, 3, &[0.2, 0.4, 0.9, 1.0, -0.5, 0.1]);
        let matrix = left * right;
        let factors = Factors::of(&matrix, 2).unwrap();
        assert!((factors.product() - &matrix).norm() < 1e-12);
        let square = &factors.configurations * factors.configurations.transpose();
        assert!((square - DMatrix::identity(2, 2)).norm() < 1e-12);
        let all = factors.explained(2);
        assert!((all.of_values - 1.0).abs() < 1e-12 && (all.of_squares - 1.0).abs() < 1e-12);
        let one = factors.explained(1);
        let [a, b] = [factors.singular_values[0], factors.singular_values[1]];
        assert!((one.of_values - a / (a + b)).abs() < 1e-12);
        assert!((one.of_squares - a * a / (a * a + b * b)).abs() < 1e-12);
        assert_eq!(Factors::of(&matrix, 9).unwrap().rank(), 3);
        assert!(Factors::of(&matrix, 0).is_err());
    }

    /// papers/peppp.md section 8.3.
    #[test]
    fn the_worked_example() {
        let y = DMatrix::from_row_slice(
            2,
            6,
            &[1.0, 0.9, 0.2, 0.5, -0.3, 0.0, 0.1, 0.3, 1.0, -0.6, 0.4, 0.5],
        );
        let e = [0.62, 0.60, 0.41, 0.10];
        let found = predict(&y, &[(2, e[2]), (0, e[0]), (3, e[3]), (1, e[1])]).unwrap();
        assert_eq!(found[..4], e);
        assert!((found[4] + 0.053523).abs() < 1e-6 && (found[5] - 0.149404).abs() < 1e-6);
        assert!(predict(&y, &[]).is_err());
        assert!(predict(&y, &[(0, f64::NAN)]).is_err());
    }
}
