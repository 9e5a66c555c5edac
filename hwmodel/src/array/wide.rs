//! Products of unsigned words of 32 bits, which no kernel takes: every accumulator by the scalar definition.

use super::initial::Initial;
use super::operands::Operands;
use super::overflow::scalar_sums;
use super::{MacArray, MacReport, Product, Sums};
use crate::number::accumulator::{Accumulator, AccumulatorWidth};
use crate::number::tensor::{FixedTensor, RawData};

/// Whether the words of a tensor need more than 32 bits with a sign.
pub(super) fn is_wide(tensor: &FixedTensor) -> bool {
    matches!(tensor.data(), RawData::I64(_))
}

impl MacArray {
    /// The product of operands of which one [`is_wide`].
    pub(super) fn product_of_wide_words(
        &self,
        operands: &Operands<'_>,
        initial: &Initial,
    ) -> Product {
        let (sums, stepped) = scalar_sums(operands, &self.accumulator, &initial.values);
        let Accumulator { width, .. } = self.accumulator;
        let exact = self.accumulator.is_one_level() && width == AccumulatorWidth::Exact;
        let bound = sums.iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0);
        let narrow: Option<Vec<i64>> = sums.iter().map(|&sum| i64::try_from(sum).ok()).collect();
        let events = stepped.events + initial.events(operands.rows());
        Product {
            rows: operands.rows(),
            columns: operands.stride(),
            terms: operands.terms,
            fl: self.accumulator.sum_fl(operands.product_fl()),
            accumulator: self.accumulator,
            sums: narrow.map_or(Sums::I128(sums), Sums::I64),
            bound,
            report: MacReport {
                accumulator_events: events.total(),
                level_events: events,
                stepped_outputs: if exact { 0 } else { stepped.outputs },
                ..operands.report(self.simd)
            },
        }
    }
}
