//! Products that no kernel takes: every accumulator by the scalar definition. These are products of unsigned words of 32 bits, and
//! of accumulators that may overflow and begin at sums of their own.

use super::initial::Initial;
use super::operands::Operands;
use super::overflow::scalar_sums;
use super::{MacArray, Product, Sums};
use crate::number::accumulator::AccumulatorWidth;
use crate::number::tensor::{FixedTensor, RawData};

/// Whether the words of a tensor need more than 32 bits with a sign.
pub(super) fn is_wide(tensor: &FixedTensor) -> bool {
    matches!(tensor.data(), RawData::I64(_))
}

impl MacArray {
    /// The product, addition by addition.
    pub(super) fn product_by_definition(
        &self,
        operands: &Operands<'_>,
        initial: &Initial,
    ) -> Product {
        let (sums, mut stepped) = scalar_sums(operands, &self.accumulator, &initial.values);
        if self.accumulator.is_one_level() && self.accumulator.width == AccumulatorWidth::Exact {
            stepped.outputs = 0;
        }
        let bound = sums.iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0);
        let narrow: Option<Vec<i64>> = sums.iter().map(|&sum| i64::try_from(sum).ok()).collect();
        self.summed(operands, initial, (narrow.map_or(Sums::I128(sums), Sums::I64), stepped, bound))
    }
}
