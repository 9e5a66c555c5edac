//! What an accumulator means for the sums of a product: the exact sums that it leaves as they are, and how large a
//! simulation's numbers become.

use super::MacArray;
use super::exact::norms;
use crate::number::accumulator::{Accumulator, AccumulatorWidth, Cast};

/// What exact partial sums must not exceed, so that the accumulator holds exactly them.
#[derive(Clone, Copy)]
pub(super) struct ExactLimits {
    /// The magnitude of any partial sum; infinite if exact, negative if bits are dropped.
    pub(super) whole: f64,
    /// The magnitude of any sum of a block; infinite if exact.
    pub(super) block: f64,
    /// Products of a block.
    terms: f64,
}

impl ExactLimits {
    /// Those of products with `product_fl` fractional bits.
    pub(super) fn new(array: &MacArray, product_fl: i32) -> Self {
        let accumulator = &array.accumulator;
        let largest = |width: AccumulatorWidth, left: u32| match width {
            AccumulatorWidth::Exact => f64::INFINITY,
            AccumulatorWidth::Bits(bits) => norms::at_most(bits.max() >> left.min(126)),
        };
        let shift = accumulator.shift(product_fl);
        let mut whole = largest(accumulator.width, shift.min(0).unsigned_abs());
        if let Some(stored) = accumulator.stored {
            let left = shift.min(0).unsigned_abs();
            whole = whole.min(largest(AccumulatorWidth::Bits(stored.width), left));
        }
        if shift > 0 || accumulator.stored.is_some_and(|stored| stored.shift > 0) {
            whole = -1.0;
        }
        let (block, terms) = match accumulator.inner {
            Some(inner) => (largest(inner.width, 0), f64::from(inner.terms.get())),
            None => (f64::INFINITY, 1.0),
        };
        Self { whole, block, terms }
    }

    /// Whether bits are dropped, so that no bound suffices.
    pub(super) fn never(&self) -> bool {
        self.whole < 0.0
    }

    /// The magnitude of any partial sum of the products alone, if an initial value has a magnitude up to `initial`.
    pub(super) fn beyond(&self, initial: f64) -> f64 {
        if initial == 0.0 { self.whole } else { (self.whole - initial.next_up()).next_down() }
    }

    /// Whether the inner register holds any block of products of a magnitude up to `product`.
    pub(super) fn holds_blocks(&self, product: f64) -> bool {
        self.block == f64::INFINITY || self.terms * product * norms::slack(1) <= self.block
    }
}

impl MacArray {
    /// The magnitude up to which exact partial sums are what the accumulator holds, bit for bit; negative if there is none.
    pub(super) fn most_plain_sum(&self, product_fl: i32) -> f64 {
        let limits = ExactLimits::new(self, product_fl);
        if self.accumulator.shift(product_fl) == 0 { limits.whole.min(limits.block) } else { -1.0 }
    }
}

/// Numbers beyond this are not simulated in i128.
const MOST: i128 = 1 << 120;

/// Magnitudes of what a simulation of an accumulator handles.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    /// Of the results.
    pub(super) sums: i128,
    /// Of anything on the way.
    pub(super) most: i128,
}

impl Reach {
    /// For `terms` products of magnitudes up to `product`, from a value up to `initial`; `None` if i128 may not suffice.
    pub(super) fn new(
        accumulator: &Accumulator,
        shift: i32,
        terms: usize,
        product: i128,
        initial: i128,
    ) -> Option<Self> {
        let count = |terms: usize| i128::try_from(terms).unwrap_or(MOST);
        let times = |x: i128, y: i128| x.saturating_mul(y).min(MOST);
        let range = |width: AccumulatorWidth| match width {
            AccumulatorWidth::Exact => MOST,
            AccumulatorWidth::Bits(bits) => bits.max() + 1,
        };
        let block =
            accumulator.inner.map_or(1, |inner| inner.terms.get() as usize).min(terms).max(1);
        let inner_range = accumulator.inner.map_or(MOST, |inner| range(inner.width));
        let exact_block = times(count(block), product);
        let inner = exact_block.min(inner_range);
        let inner_most = exact_block.min(inner_range + product);
        let outer_range = range(accumulator.width);
        let unit = if shift > 0 { times(1, 1i128 << shift.min(120)) } else { 0 };
        let addend = match shift {
            1.. => (inner >> shift.min(120)) + 1,
            0 => inner,
            _ => times(inner, 1i128 << shift.unsigned_abs().min(120)),
        };
        let added = match accumulator.cast() {
            Cast::Term => addend.min(outer_range),
            Cast::Sum => addend,
        };
        let tile = accumulator.stored.map_or(terms, |stored| stored.tile.get() as usize);
        let blocks = count(tile.min(terms).div_ceil(block));
        let exact = times(blocks, added).saturating_add(initial);
        let mut sums = exact.min(outer_range);
        let mut most = [inner_most, inner + unit, addend, exact.min(outer_range + added), initial]
            .into_iter()
            .fold(0, i128::max);
        if let Some(stored) = accumulator.stored {
            let tiles = terms.div_ceil(stored.tile.get() as usize).max(1);
            let held_tiles =
                if stored.group == 0 { tiles } else { tiles.min(stored.group as usize) };
            let word = times(stored.width.max() + 1, 1i128 << stored.shift);
            // A tile's words and those that it takes are held at different times.
            let held = times(count(held_tiles), word);
            most = most.max(times(2, held) + sums + (1i128 << stored.shift));
            sums = (held + sums).min(outer_range);
        }
        (most < MOST).then_some(Self { sums, most })
    }
}
