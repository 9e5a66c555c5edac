//! Products of unsigned words of 32 bits, which no kernel takes: every accumulator by the scalar definition.

use super::operands::{Operands, Order};
use super::overflow::Stepped;
use super::{MacArray, MacReport, Product, Sums};
use crate::number::accumulator::AccumulatorWidth;
use crate::number::tensor::{FixedTensor, RawData};
use crate::parallel;

/// Whether the words of a tensor need more than 32 bits with a sign.
pub(super) fn is_wide(tensor: &FixedTensor) -> bool {
    matches!(tensor.data(), RawData::I64(_))
}

impl MacArray {
    /// The product of operands of which one [`is_wide`].
    pub(super) fn product_of_wide_words(&self, operands: &Operands<'_>) -> Product {
        let [left, right] = [operands.left, operands.right].map(|tensor| tensor.data().to_i64());
        let (k, n, stride) = (operands.terms, operands.columns, operands.stride());
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
                        let factors =
                            patch.iter().enumerate().map(|(term, &a)| match operands.order {
                                Order::ByK => (a, right[term * n + column]),
                                Order::ByN => (a, right[column * k + term]),
                            });
                        stepped = stepped + self.accumulate(factors, sum);
                    }
                    stepped
                },
            );
            stepped = stepped + of_group;
        }
        let bound = sums.iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0);
        let narrow: Option<Vec<i64>> = sums.iter().map(|&sum| i64::try_from(sum).ok()).collect();
        Product {
            rows: operands.rows(),
            columns: stride,
            terms: k,
            fl: operands.left.format().fl() + operands.right.format().fl(),
            accumulator: self.accumulator,
            sums: narrow.map_or(Sums::I128(sums), Sums::I64),
            bound,
            report: MacReport {
                accumulator_events: stepped.events,
                stepped_outputs: stepped.outputs,
                ..operands.report(self.simd)
            },
        }
    }

    /// One output: adds the products of `factors` to `sum`.
    fn accumulate(&self, factors: impl Iterator<Item = (i64, i64)>, sum: &mut i128) -> Stepped {
        let AccumulatorWidth::Bits(bits) = self.accumulator.width else {
            *sum = factors.map(|(a, b)| i128::from(a) * i128::from(b)).sum();
            return Stepped::default();
        };
        let mut events = 0;
        for (a, b) in factors {
            let next = *sum + i128::from(a) * i128::from(b);
            let (next, outside) = self.accumulator.overflow.apply(next, bits);
            *sum = next;
            events += u64::from(outside);
        }
        Stepped { events, outputs: 1 }
    }
}
