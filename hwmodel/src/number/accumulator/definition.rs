//! The scalar definition of an accumulator: what every register holds after every product.

use super::{Accumulator, AccumulatorEvents, Cast, StoredSums};
use crate::number::rounding::{Mode, Shifted};
use crate::{Rounding, with_rounding};

/// The registers of one accumulator while products are added, k ascending.
///
/// 1. The inner register, if there is one, adds the products of a block from zero, each addition limited to its range; without
///    one each product is a block. The block's sum is the addend.
/// 2. The outer register adds it. [`Cast::Term`]: the addend is rounded to the outer fractional length and limited, then added,
///    and the sum is limited. [`Cast::Sum`]: the exact sum of both is rounded and limited.
/// 3. After each K-tile of stored sums, the outer register (to which the words stored before are added, if the tile takes
///    them) is stored, and begins at zero again. At the end the words still held are added in it.
///
/// ```
/// use hwmodel::number::accumulator::{InnerAccumulator, Summation};
/// use hwmodel::{Accumulator, AccumulatorWidth, Overflow};
/// // Pairs of u8 · s8 products in a saturating 16-bit adder, as on an x86 without VNNI.
/// let inner = InnerAccumulator {
///     terms: 2.try_into().unwrap(),
///     width: AccumulatorWidth::bits(16)?,
///     overflow: Overflow::Saturate,
/// };
/// let accumulator = Accumulator {
///     inner: Some(inner),
///     ..Accumulator::new(AccumulatorWidth::bits(32)?, Overflow::Wrap)
/// };
/// let mut sum = Summation::new(&accumulator, 0);
/// for (a, b) in [(210, -81), (198, -80), (234, 127)] {
///     sum.add(a * b);
/// }
/// let events = sum.finish();
/// assert_eq!((sum.value(), events.inner, events.outer), (-3050, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Summation<'a> {
    accumulator: &'a Accumulator,
    /// Bits that an addend loses.
    shift: i32,
    inner: i128,
    outer: i128,
    /// Products of the current block and of the current tile.
    in_block: u32,
    in_tile: u32,
    /// Tiles stored, and the sum of the words held.
    tiles: u64,
    held: i128,
    /// The last tile's sum before it was stored, with what is held.
    unstored: i128,
    /// Whether the last word was saturated, which counts once it is known to be used.
    saturated: bool,
    events: AccumulatorEvents,
}

impl<'a> Summation<'a> {
    /// An empty accumulator for products with `product_fl` fractional bits.
    pub fn new(accumulator: &'a Accumulator, product_fl: i32) -> Self {
        Self {
            accumulator,
            shift: accumulator.shift(product_fl),
            inner: 0,
            outer: 0,
            in_block: 0,
            in_tile: 0,
            tiles: 0,
            held: 0,
            unstored: 0,
            saturated: false,
            events: AccumulatorEvents::default(),
        }
    }

    /// Begins at a bias `raw` with `bias_fl` fractional bits, cast to the accumulator of products with `product_fl`
    /// fractional bits.
    pub fn starting_at(mut self, raw: i128, bias_fl: i32, product_fl: i32) -> Self {
        let shift = bias_fl.saturating_sub(self.accumulator.sum_fl(product_fl));
        let (outer, outside) = self.cast(0, raw, shift);
        self.outer = outer;
        self.events.cast += u64::from(outside);
        self
    }

    /// Begins at what the outer register holds.
    pub(crate) fn holding(mut self, outer: i128) -> Self {
        self.outer = outer;
        self
    }

    /// Adds the next product.
    pub fn add(&mut self, product: i128) {
        if self.in_block == 0 {
            self.inner = 0;
            if self.in_tile == 0 && self.tiles > 0 {
                self.outer = 0;
            }
        }
        let sum = self.inner + product;
        let terms = match self.accumulator.inner {
            Some(inner) => {
                let (sum, outside) = inner.width.fit(inner.overflow, sum);
                self.inner = sum;
                self.events.inner += u64::from(outside);
                inner.terms.get()
            }
            None => {
                self.inner = sum;
                1
            }
        };
        self.in_block += 1;
        self.in_tile += 1;
        if self.in_block == terms {
            self.close_block();
        }
        if self.accumulator.stored.is_some_and(|stored| self.in_tile == stored.tile.get()) {
            self.close_tile();
        }
    }

    /// Ends the block and the tile that are open, after the last product. Returns the overflows.
    pub fn finish(&mut self) -> AccumulatorEvents {
        self.close_block();
        if let Some(stored) = self.accumulator.stored {
            if self.in_tile > 0 || self.tiles == 0 {
                self.close_tile();
            }
            if !stored.last_exact {
                self.events.stored += u64::from(self.saturated);
            }
            let sum = if stored.last_exact { self.unstored } else { self.held };
            let (sum, outside) = self.limited(sum);
            self.outer = sum;
            self.events.outer += u64::from(outside);
        }
        self.events
    }

    /// What the outer, or only, register holds, at the end of a stored tile before it is cleared; after [`Summation::finish`] the result.
    pub fn value(&self) -> i128 {
        self.outer
    }

    /// What the inner register holds; the addend, if there is no inner level.
    pub fn inner(&self) -> i128 {
        self.inner
    }

    /// The overflows so far.
    pub fn events(&self) -> AccumulatorEvents {
        self.events
    }

    fn limited(&self, value: i128) -> (i128, bool) {
        self.accumulator.width.fit(self.accumulator.overflow, value)
    }

    /// `whole` + `value`·2^-`shift`, rounded once and limited.
    fn cast(&self, whole: i128, value: i128, shift: i32) -> (i128, bool) {
        let rounded = rounded_sum(self.accumulator.rounding(), whole, value, shift);
        self.accumulator.width.fit_rounded(self.accumulator.overflow, rounded)
    }

    /// Adds the sum of the open block to the outer register.
    fn close_block(&mut self) {
        if std::mem::take(&mut self.in_block) == 0 {
            return;
        }
        let (sum, outside) = match self.accumulator.cast() {
            Cast::Sum => self.cast(self.outer, self.inner, self.shift),
            Cast::Term => {
                let (addend, outside) = self.cast(0, self.inner, self.shift);
                self.events.cast += u64::from(outside);
                self.limited(self.outer + addend)
            }
        };
        self.outer = sum;
        self.events.outer += u64::from(outside);
    }

    /// Adds what the tile takes to the outer register and stores it; it is cleared when the next tile begins.
    fn close_tile(&mut self) {
        let Some(stored) = self.accumulator.stored else { return };
        self.close_block();
        let mut sum = self.outer;
        if stored.takes_stored(self.tiles) {
            let outside;
            sum += std::mem::take(&mut self.held);
            (sum, outside) = self.limited(sum);
            self.events.outer += u64::from(outside);
        }
        self.outer = sum;
        self.unstored = sum + self.held;
        let (word, saturated) = stored.word(sum, stored.shift);
        self.events.stored += u64::from(std::mem::replace(&mut self.saturated, saturated));
        self.held += word << stored.shift.min(StoredSums::MOST_SHIFT);
        self.tiles += 1;
        self.in_tile = 0;
    }
}

/// The longest right shift of [`Shifted`] in i128, of which a value keeps its sign and whether it is 0.
const LONGEST: u32 = 125;

/// `whole` + `value`·2^-`shift`, rounded once, and its ⌊v⌋. A sum beyond 2^100 keeps its sign and its low 64 bits.
fn rounded_sum(rounding: Rounding, whole: i128, value: i128, shift: i32) -> (i128, i128) {
    if shift <= 0 {
        let left = shift.unsigned_abs();
        let fits = left + 28 < value.unsigned_abs().leading_zeros();
        let shifted = if fits { value << left } else { value.signum() << 100 };
        let sum = whole + if left == 0 { value } else { shifted };
        return (sum, sum);
    }
    let shift = shift.unsigned_abs();
    // Far below half a unit only the sign matters.
    let value = if shift > LONGEST { value.signum() } else { value };
    let parts = Shifted::new(value, shift.min(LONGEST), 0).plus(whole);
    let floor = parts.floor();
    (floor + i128::from(with_rounding!(rounding, M => M::up(parts))), floor)
}
