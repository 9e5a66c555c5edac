//! Norms of operands, and the bounds of partial sums that follow from them.
//!
//! Every partial sum of output (m, n) is at most min(‖a_m‖₁·max|b_n|, max|a_m|·‖b_n‖₁, ‖a_m‖₂·‖b_n‖₂)
//! in magnitude (Hölder, Cauchy-Schwarz). Norms and bounds are f64: sums of non-negative terms, whose
//! rounding [`slack`] covers. What a bound is compared with is rounded down ([`at_most`]).

use crate::blocking::{Patches, RightMatrix};
use crate::cast::toward_zero;
use crate::kernels::{self, NormSums, RawInteger, SimdLevel};
use crate::parallel;
use std::ops::Range;

/// A factor that covers the rounding of norms of `terms` terms and of their products.
///
/// A sum of n non-negative f64 terms, in any order, is at most (n - 1)·2^-53 of itself too small (Higham,
/// Accuracy and Stability of Numerical Algorithms, section 4.2); squares, roots and products add a few times
/// 2^-53. 2^-28 covers 2^24 terms, and four times the error is allowed for more.
pub(in crate::array) fn slack(terms: usize) -> f64 {
    1.0 + f64::max(1.0 / (1u64 << 28) as f64, terms as f64 / (1u64 << 51) as f64)
}

/// The largest f64 that is not above `limit`.
pub(in crate::array) fn at_most(limit: i128) -> f64 {
    let nearest = limit as f64;
    if toward_zero::<i128>(nearest) > limit { nearest.next_down() } else { nearest }
}

/// Norms of the rows of the left or the columns of the right operand.
pub(in crate::array) struct Norms {
    /// Σ|x|.
    pub(in crate::array) one: Vec<f64>,
    /// sqrt(Σx²).
    pub(in crate::array) two: Vec<f64>,
    /// Upper bound of |x| over all of them.
    pub(in crate::array) largest: f64,
    /// Covers the rounding of what is computed from these norms.
    slack: f64,
}

fn magnitude<T: RawInteger>(x: T) -> f64 {
    let x: i64 = x.as_();
    x.unsigned_abs() as f64
}

impl Norms {
    /// Norms of each patch.
    pub(in crate::array) fn of_rows<T: RawInteger>(
        a: &Patches<'_, T>,
        largest: f64,
        terms: usize,
    ) -> Self {
        let one = a.row_sums(magnitude);
        let two = a.row_sums(|x| magnitude(x) * magnitude(x)).iter().map(|s| s.sqrt()).collect();
        Self { one, two, largest, slack: slack(terms) }
    }

    /// Norms of each column of a `[k, n]` operand.
    pub(in crate::array) fn of_columns<T: RawInteger>(
        simd: SimdLevel,
        right: RightMatrix<'_, T>,
        k: usize,
        n: usize,
    ) -> Self {
        let norms = match right {
            RightMatrix::ByK(data) => ColumnNorms::by_k(simd, data, n),
            RightMatrix::ByN(data) => {
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
            slack: slack(k),
        }
    }

    /// A bound of every partial sum of the columns `wanted`, if no factor is above `largest` (Hölder).
    pub(in crate::array) fn bound_of(&self, wanted: Range<usize>, largest: f64) -> f64 {
        Self::most(&self.one[wanted]) * largest * self.slack
    }

    fn most(values: &[f64]) -> f64 {
        values.iter().copied().fold(0.0, f64::max)
    }
}

/// Rows of a `[k, n]` operand whose norms a thread sums at a time.
const ROWS: usize = 128;

/// Σ|x|, Σx² and max|x| of columns.
#[derive(Clone)]
struct ColumnNorms {
    one: Vec<f64>,
    square: Vec<f64>,
    largest: Vec<f64>,
}

impl ColumnNorms {
    fn zeros(n: usize) -> Self {
        let zeros = vec![0.0; n];
        Self { one: zeros.clone(), square: zeros.clone(), largest: zeros }
    }

    /// Of a block of at most [`ROWS`] rows of bytes, whose sums are exact in 32 bits.
    fn of_bytes<T: RawInteger>(simd: SimdLevel, rows: &[T], n: usize) -> Self {
        let zeros = vec![0i32; n];
        let (mut one, mut square, mut largest) = (zeros.clone(), zeros.clone(), zeros);
        simd.run(
            #[inline(always)]
            || {
                for row in rows.chunks_exact(n) {
                    let sums = one.iter_mut().zip(&mut square).zip(&mut largest);
                    for (((one, square), largest), &x) in sums.zip(row) {
                        let x = x.to_i32().abs();
                        *one += x;
                        *square += x * x;
                        *largest = (*largest).max(x);
                    }
                }
            },
        );
        let wide = |sums: Vec<i32>| sums.into_iter().map(f64::from).collect();
        Self { one: wide(one), square: wide(square), largest: wide(largest) }
    }

    /// Of a `[k, n]` operand by k, in blocks that are added in order.
    fn by_k<T: RawInteger>(simd: SimdLevel, data: &[T], n: usize) -> Self {
        if n == 0 {
            return Self::zeros(0);
        }
        let of_block = |rows: &[T]| {
            if size_of::<T>() == 1 {
                return Self::of_bytes(simd, rows, n);
            }
            let mut norms = Self::zeros(n);
            simd.run(
                #[inline(always)]
                || {
                    for row in rows.chunks_exact(n) {
                        let sums = norms.one.iter_mut().zip(&mut norms.square);
                        for (((one, square), largest), &x) in sums.zip(&mut norms.largest).zip(row)
                        {
                            let x = f64::from(x.to_i32()).abs();
                            *one += x;
                            *square += x * x;
                            *largest = largest.max(x);
                        }
                    }
                },
            );
            norms
        };
        let blocks: Vec<Self> = parallel::map(data.chunks(ROWS * n), of_block);
        let mut total = Self::zeros(n);
        for block in blocks {
            let add = |(total, part): (&mut f64, f64)| *total += part;
            total.one.iter_mut().zip(block.one).for_each(add);
            total.square.iter_mut().zip(block.square).for_each(add);
            let largest = total.largest.iter_mut().zip(block.largest);
            largest.for_each(|(total, part)| *total = total.max(part));
        }
        total
    }
}

/// The largest magnitude of an operand's elements.
pub(in crate::array) fn largest<T: RawInteger>(data: &[T]) -> f64 {
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
pub(in crate::array) fn of_all(largest_a: f64, columns: &Norms) -> f64 {
    largest_a * Norms::most(&columns.one) * columns.slack
}

/// A tighter bound of every partial sum of every output.
pub(in crate::array) fn of_all_rows(rows: &Norms, columns: &Norms) -> f64 {
    let first = Norms::most(&rows.one) * columns.largest;
    let second = rows.largest * Norms::most(&columns.one);
    let third = Norms::most(&rows.two) * Norms::most(&columns.two);
    first.min(second).min(third) * columns.slack
}

/// The bound of output (m, n).
#[inline(always)]
pub(in crate::array) fn of_output(rows: &Norms, m: usize, columns: &Norms, n: usize) -> f64 {
    let first = rows.one[m] * columns.largest;
    let second = rows.largest * columns.one[n];
    let third = rows.two[m] * columns.two[n];
    first.min(second).min(third) * columns.slack
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BitWidth;

    #[test]
    fn limits_are_rounded_down() {
        for bits in 1..=64 {
            let most = BitWidth::new(bits).unwrap().max();
            let limit = at_most(most);
            // A float has 53 bits, an accumulator of 54 bits magnitudes of as many.
            if bits <= 54 {
                assert_eq!(limit as i128, most, "{bits}");
            } else {
                assert!((limit as i128) < most && limit.next_up() as i128 > most, "{bits}");
            }
        }
    }

    #[test]
    fn sums_of_any_number_of_terms_are_covered() {
        for terms in (0..63).map(|shift| 1usize << shift) {
            let error = terms as f64 / (1u64 << 53) as f64 + 8.0 * f64::EPSILON;
            if error < 0.5 {
                assert!((1.0 - error) * slack(terms) >= 1.0, "{terms}");
            }
        }
    }
}
