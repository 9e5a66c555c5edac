//! Accumulators simulated one by one by the scalar definition, where no lane is wide enough or has the overflow mode.

use super::stepping::Stepped;
use crate::array::operands::{Operands, Order};
use crate::number::accumulator::{Accumulator, Summation};
use crate::parallel;

/// The accumulators of a product, row-major, which begin at `initial`: a value an output, or one a column for every row;
/// empty for zeros.
pub(in crate::array) fn scalar_sums(
    operands: &Operands<'_>,
    accumulator: &Accumulator,
    initial: &[i128],
) -> (Vec<i128>, Stepped) {
    let (k, n, stride) = (operands.terms, operands.columns, operands.stride());
    let fl = operands.product_fl();
    let [left, right] = [operands.left, operands.right].map(|tensor| tensor.data().to_i64());
    let mut sums = vec![0i128; operands.rows() * stride];
    let mut stepped = Stepped::default();
    for group in 0..operands.geometry.groups {
        let left = operands.patches(&left, group);
        let right = &right[group * n * k..][..n * k];
        let of_group = parallel::share(
            sums.chunks_mut(stride.max(1)).enumerate(),
            || vec![0i64; k],
            |patch, (row, sums)| {
                left.fill(row, 0, patch, 0, |x| x);
                let mut stepped = Stepped::default();
                for (column, sum) in sums[group * n..][..n].iter_mut().enumerate() {
                    let place = row * stride + group * n + column;
                    let initial = place.checked_rem(initial.len()).map_or(0, |at| initial[at]);
                    let mut summation = Summation::new(accumulator, fl).holding(initial);
                    for (term, &a) in patch.iter().enumerate() {
                        let b = match operands.order {
                            Order::ByK => right[term * n + column],
                            Order::ByN => right[column * k + term],
                        };
                        summation.add(i128::from(a) * i128::from(b));
                    }
                    stepped.events += summation.finish();
                    stepped.outputs += 1;
                    *sum = summation.value();
                }
                stepped
            },
        );
        stepped = stepped + of_group;
    }
    (sums, stepped)
}
