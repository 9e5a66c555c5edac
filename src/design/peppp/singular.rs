//! Singular value decomposition.

use super::PepppError;
use nalgebra::{DMatrix, DVector, Dyn, SVD};

const ITERATIONS: usize = 10_000;

/// U·diag(σ)·Vᵀ with σ descending.
pub(super) struct Singular(SVD<f64, Dyn, Dyn>);

impl Singular {
    /// Decomposes `matrix`, called `what` in messages.
    pub(super) fn of(matrix: DMatrix<f64>, what: &'static str) -> Result<Self, PepppError> {
        if matrix.iter().any(|value| !value.is_finite()) {
            return Err(PepppError::NotFinite(what));
        }
        if matrix.is_empty() {
            return Err(PepppError::Empty(what.to_owned()));
        }
        let parts = matrix.try_svd(true, true, f64::EPSILON, ITERATIONS);
        parts.map(Self).ok_or(PepppError::Decomposition("singular value"))
    }

    /// σ, descending.
    pub(super) fn values(&self) -> &DVector<f64> {
        &self.0.singular_values
    }

    /// U, `[rows, min(rows, columns)]`.
    pub(super) fn left(&self) -> &DMatrix<f64> {
        self.0.u.as_ref().expect("asked for when decomposing")
    }

    /// Vᵀ, `[min(rows, columns), columns]`.
    pub(super) fn right(&self) -> &DMatrix<f64> {
        self.0.v_t.as_ref().expect("asked for when decomposing")
    }

    /// The matrix with σ_i replaced by `change(i, σ_i)`.
    pub(super) fn with_values(&self, change: impl Fn(usize, f64) -> f64) -> DMatrix<f64> {
        let mut left = self.left().clone();
        for (index, mut column) in left.column_iter_mut().enumerate() {
            column *= change(index, self.values()[index]);
        }
        left * self.right()
    }

    /// The shortest x of those that minimise ‖A·x - b‖; singular values below 1e-10 of the largest count as 0.
    pub(super) fn least_squares(&self, b: &DVector<f64>) -> DVector<f64> {
        const RELATIVE: f64 = 1e-10;
        let least = self.values()[0] * RELATIVE;
        let mut coordinates = self.left().transpose() * b;
        for (coordinate, &value) in coordinates.iter_mut().zip(self.values().iter()) {
            *coordinate = if value > least { *coordinate / value } else { 0.0 };
        }
        self.right().transpose() * coordinates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_squares_is_exact_overdetermined_or_shortest() {
        let solve = |rows, values: &[f64], b: &[f64]| {
            let a = DMatrix::from_row_slice(rows, 2, values);
            Singular::of(a, "a").unwrap().least_squares(&DVector::from_row_slice(b))
        };
        let exact = solve(2, &[2.0, 0.0, 0.0, 4.0], &[2.0, 2.0]);
        assert!((exact - DVector::from_row_slice(&[1.0, 0.5])).norm() < 1e-12);
        // The mean of 1 and 3.
        let over = solve(3, &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0], &[1.0, 3.0, 5.0]);
        assert!((over - DVector::from_row_slice(&[2.0, 5.0])).norm() < 1e-12);
        let shortest = solve(1, &[1.0, 1.0], &[2.0]);
        assert!((shortest - DVector::from_row_slice(&[1.0, 1.0])).norm() < 1e-12);
    }

    #[test]
    fn absurd_matrices_are_refused() {
        assert!(Singular::of(DMatrix::from_element(2, 2, f64::NAN), "x").is_err());
        assert!(Singular::of(DMatrix::zeros(0, 3), "x").is_err());
    }
}
