//! Bounds proved before a product is computed: how large its partial sums and words can be.

use super::norms::{self, Norms};
use crate::array::MacArray;
use crate::array::operands::Operands;
use crate::array::plan::ExactLimits;
use crate::number::tensor::FixedTensor;
use crate::with_narrow;

/// Bounds of a product's partial sums, and the norms behind them.
pub(in crate::array) struct Proof {
    /// What exact sums must not exceed.
    limits: ExactLimits,
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

impl Proof {
    /// Of sums that begin at a value of a magnitude up to `initial`.
    pub(in crate::array) fn new(array: &MacArray, operands: &Operands<'_>, initial: f64) -> Self {
        let (a, b) = (operands.left, operands.right);
        let groups = 0..operands.geometry.groups;
        let columns: Vec<Norms> =
            groups.clone().map(|group| operands.column_norms(array.simd, group)).collect();
        let limits = ExactLimits::new(array, operands.product_fl());
        let goal = limits.beyond(initial).min(f64::from(i32::MAX));
        // Each step of the proof costs more than the one before and is taken only if it may help.
        let all = |largest: f64| {
            columns.iter().map(|norms| norms::of_all(largest, norms)).fold(0.0, f64::max)
        };
        let mut largest_a = a.format().largest_magnitude() as f64;
        let largest_b = columns.iter().map(|norms| norms.largest).fold(0.0, f64::max);
        let mut bound = all(largest_a);
        let mut rows = Vec::new();
        let block_fits = |largest_a: f64| limits.holds_blocks(largest_a * largest_b);
        if bound > goal || !fits_word(a, largest_a) || !block_fits(largest_a) {
            largest_a = with_narrow!(a.data(), data => norms::largest(data));
            bound = all(largest_a);
            // Where bits are dropped, no bound helps.
            if bound > goal && !limits.never() {
                rows = groups.map(|group| operands.row_norms(largest_a, group)).collect();
                let pairs = rows.iter().zip(&columns);
                let tight = pairs.map(|(rows, columns)| norms::of_all_rows(rows, columns));
                bound = tight.fold(0.0, f64::max).min(bound);
            }
        }
        let words = fits_word(a, largest_a) && fits_word(b, largest_b);
        Self { limits, bound, largest: [largest_a, largest_b], words, rows, columns }
    }

    /// Whether the accumulator gives exact sums: no partial sum of any output can leave it, at any level, and no bits are
    /// dropped.
    pub(in crate::array) fn excludes_overflow(&self) -> bool {
        self.leaves_free(0.0)
    }

    /// The same for sums that begin at a value of a magnitude up to `initial`.
    pub(in crate::array) fn leaves_free(&self, initial: f64) -> bool {
        self.bound <= self.limits.beyond(initial) && self.blocks_fit()
    }

    /// Whether no block's sum can leave the inner register.
    pub(in crate::array) fn blocks_fit(&self) -> bool {
        let [a, b] = self.largest;
        self.bound <= self.limits.block || self.limits.holds_blocks(a * b)
    }

    /// What exact sums must not exceed.
    pub(in crate::array) fn limits(&self) -> ExactLimits {
        self.limits
    }

    /// Whether there are norms of rows and columns, by which single outputs may be excluded.
    pub(in crate::array) fn has_norms(&self) -> bool {
        !self.rows.is_empty()
    }

    /// The narrowest container of the sums, which need be right only modulo 2^64 if the accumulator has a stated width.
    pub(in crate::array) fn container(&self) -> SumContainer {
        if self.bound <= f64::from(i32::MAX) && self.words {
            SumContainer::I32
        } else if self.bound <= I64_LIMIT || self.limits.whole.is_finite() {
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
