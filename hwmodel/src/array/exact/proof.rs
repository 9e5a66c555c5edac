//! Bounds proved before a product is computed: how large its partial sums and words can be.

use super::norms::{self, Norms};
use crate::array::MacArray;
use crate::array::operands::Operands;
use crate::number::accumulator::AccumulatorWidth;
use crate::number::tensor::FixedTensor;
use crate::with_narrow;

/// Bounds of a product's partial sums, and the norms behind them.
pub(in crate::array) struct Proof {
    /// The magnitude that the accumulator holds; infinite if exact.
    limit: f64,
    /// No partial sum has a larger magnitude.
    pub(in crate::array) bound: f64,
    /// The largest magnitudes of the left and the right words.
    pub(in crate::array) largest: [f64; 2],
    /// Whether all words fit 16-bit lanes.
    pub(in crate::array) words: bool,
    /// Norms by group; those of rows only where the cheap bounds did not suffice.
    rows: Vec<Norms>,
    columns: Vec<Norms>,
}

/// The narrowest container of a product's sums.
pub(in crate::array) enum SumContainer {
    I32,
    I64,
    I128,
}

/// Bounds up to this are safe for i64 sums and an aligned bias of the same size.
const I64_LIMIT: f64 = (1u64 << 62) as f64;

impl MacArray {
    /// The magnitude that the accumulator holds, rounded down to a float; infinite if exact.
    pub(in crate::array) fn largest_sum(&self) -> f64 {
        match self.accumulator.width {
            AccumulatorWidth::Exact => f64::INFINITY,
            AccumulatorWidth::Bits(bits) => norms::at_most(bits.max()),
        }
    }
}

impl Proof {
    pub(in crate::array) fn new(array: &MacArray, operands: &Operands<'_>) -> Self {
        let (a, b) = (operands.left, operands.right);
        let groups = 0..operands.geometry.groups;
        let columns: Vec<Norms> =
            groups.clone().map(|group| operands.column_norms(array.simd, group)).collect();
        let limit = array.largest_sum();
        let goal = limit.min(f64::from(i32::MAX));
        // Each step of the proof costs more than the one before and is taken only if it may help.
        let all = |largest: f64| {
            columns.iter().map(|norms| norms::of_all(largest, norms)).fold(0.0, f64::max)
        };
        let mut largest_a = a.format().largest_magnitude() as f64;
        let largest_b = columns.iter().map(|norms| norms.largest).fold(0.0, f64::max);
        let mut bound = all(largest_a);
        let mut rows = Vec::new();
        if bound > goal || !fits_word(a, largest_a) {
            largest_a = with_narrow!(a.data(), data => norms::largest(data));
            bound = all(largest_a);
            if bound > goal {
                rows = groups.map(|group| operands.row_norms(largest_a, group)).collect();
                let pairs = rows.iter().zip(&columns);
                let tight = pairs.map(|(rows, columns)| norms::of_all_rows(rows, columns));
                bound = tight.fold(0.0, f64::max).min(bound);
            }
        }
        let words = fits_word(a, largest_a) && fits_word(b, largest_b);
        Self { limit, bound, largest: [largest_a, largest_b], words, rows, columns }
    }

    /// Whether no partial sum of any output can leave the accumulator.
    pub(in crate::array) fn excludes_overflow(&self) -> bool {
        self.bound <= self.limit
    }

    /// The narrowest container of the sums, which need be right only modulo 2^64 if the accumulator has a stated width.
    pub(in crate::array) fn container(&self) -> SumContainer {
        if self.bound <= f64::from(i32::MAX) && self.words {
            SumContainer::I32
        } else if self.bound <= I64_LIMIT || self.limit.is_finite() {
            SumContainer::I64
        } else {
            SumContainer::I128
        }
    }

    /// Norms of the rows and columns of a group; only for products that may overflow.
    pub(in crate::array) fn norms(&self, group: usize) -> (&Norms, &Norms) {
        (&self.rows[group], &self.columns[group])
    }
}

/// Whether every word of a tensor, of magnitudes up to `largest`, fits a 16-bit lane.
fn fits_word(tensor: &FixedTensor, largest: f64) -> bool {
    tensor.format().signed_bits() <= 16 || largest <= f64::from(i16::MAX)
}
