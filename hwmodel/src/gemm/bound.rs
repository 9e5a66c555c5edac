//! The proof that an accumulator cannot overflow.
//!
//! Every partial sum of output (m, n) is at most min(‖a_m‖₁·max|b_n|, max|a_m|·‖b_n‖₁, ‖a_m‖₂·‖b_n‖₂)
//! in magnitude (Hölder, Cauchy-Schwarz). Norms are sums of at most 2^24 non-negative f64 terms, so
//! a factor of 1 + 2^-28 covers their rounding.

use super::operand::Patches;
use super::right::{ColumnNorms, Right};
use crate::kernels::{self, NormSums, RawInteger, SimdLevel};
use crate::parallel;

/// Covers the rounding of norms and of their products.
pub(super) const SLACK: f64 = 1.0 + 1.0 / (1u64 << 28) as f64;

/// Norms of the rows of the left or the columns of the right operand.
pub(crate) struct Norms {
    /// Σ|x|.
    pub(crate) one: Vec<f64>,
    /// sqrt(Σx²).
    pub(crate) two: Vec<f64>,
    /// Upper bound of |x| over all of them.
    pub(crate) largest: f64,
}

fn magnitude<T: RawInteger>(x: T) -> f64 {
    let x: i64 = x.as_();
    x.unsigned_abs() as f64
}

impl Norms {
    /// Norms of each patch.
    pub(crate) fn of_rows<T: RawInteger>(a: &Patches<'_, T>, largest: f64) -> Self {
        let one = a.row_sums(magnitude);
        let two = a.row_sums(|x| magnitude(x) * magnitude(x)).iter().map(|s| s.sqrt()).collect();
        Self { one, two, largest }
    }

    /// Norms of each column of a `[k, n]` operand.
    pub(crate) fn of_columns<T: RawInteger>(
        simd: SimdLevel,
        right: Right<'_, T>,
        k: usize,
        n: usize,
    ) -> Self {
        let norms = match right {
            Right::ByK(data) => ColumnNorms::by_k(simd, data, n),
            Right::ByN(data) => {
                let mut sums = vec![NormSums::default(); n];
                // Without terms all norms are zero.
                if let Some(columns) = (1usize << 14).checked_div(k) {
                    let columns = columns + 1;
                    let pieces = sums.chunks_mut(columns).zip(data.chunks(columns * k));
                    parallel::each(pieces, |(sums, data)| {
                        for (sums, column) in sums.iter_mut().zip(data.chunks_exact(k)) {
                            *sums = kernels::norm_sums(simd, column);
                        }
                    });
                }
                ColumnNorms {
                    one: sums.iter().map(|sums| sums.one).collect(),
                    square: sums.iter().map(|sums| sums.square).collect(),
                    largest: sums.iter().map(|sums| sums.largest).collect(),
                }
            }
        };
        Self {
            one: norms.one,
            two: norms.square.iter().map(|square| square.sqrt()).collect(),
            largest: Self::most(&norms.largest),
        }
    }

    fn most(values: &[f64]) -> f64 {
        values.iter().copied().fold(0.0, f64::max)
    }
}

/// The largest magnitude of an operand's elements.
pub(crate) fn largest<T: RawInteger>(data: &[T]) -> f64 {
    let of = |chunk: &[T]| {
        let (low, high) = chunk.iter().fold((T::zero(), T::zero()), |(low, high), &x| {
            (if x < low { x } else { low }, if x > high { x } else { high })
        });
        let (low, high): (i64, i64) = (low.as_(), high.as_());
        high.max(-low) as f64
    };
    parallel::map(data.chunks(1 << 15), of).into_iter().fold(0.0, f64::max)
}

/// A bound of every partial sum of every output from the largest |a| alone.
pub(crate) fn of_all(largest_a: f64, columns: &Norms) -> f64 {
    largest_a * Norms::most(&columns.one) * SLACK
}

/// A tighter bound of every partial sum of every output.
pub(crate) fn of_all_rows(rows: &Norms, columns: &Norms) -> f64 {
    let first = Norms::most(&rows.one) * columns.largest;
    let second = rows.largest * Norms::most(&columns.one);
    let third = Norms::most(&rows.two) * Norms::most(&columns.two);
    first.min(second).min(third) * SLACK
}

/// The bound of output (m, n).
#[inline(always)]
pub(crate) fn of_output(rows: &Norms, m: usize, columns: &Norms, n: usize) -> f64 {
    let first = rows.one[m] * columns.largest;
    let second = rows.largest * columns.one[n];
    let third = rows.two[m] * columns.two[n];
    first.min(second).min(third) * SLACK
}
