//! Kernel that simulates accumulators addition by addition, one in each SIMD lane.

use super::{RawInteger, multiversion};
use crate::cast::exact;
use num_traits::PrimInt;

/// Accumulators that are stepped at once.
pub(crate) const STEP_LANES: usize = 64;

/// Integer type that an accumulator is simulated in.
pub(crate) trait StepSum: PrimInt + Into<i128> {
    /// A bound of the range.
    fn from_i128(value: i128) -> Self;
    /// `self + a·b`.
    fn add_product(self, a: i32, b: i32) -> Self;
    /// The nearest value from `min` to `max`.
    fn limited(self, min: Self, max: Self) -> Self;
    /// The value of the lowest bits, all but `unused` ones, as two's complement.
    fn wrapped(self, unused: u32) -> Self;
    /// Whether the two values differ.
    fn differs(self, other: Self) -> bool;
}

macro_rules! step_sums {
    ($($type:ty),*) => {$(
        impl StepSum for $type {
            #[inline(always)]
            fn from_i128(value: i128) -> Self {
                exact(value)
            }
            #[inline(always)]
            fn add_product(self, a: i32, b: i32) -> Self {
                self + <$type>::from(a) * <$type>::from(b)
            }
            #[inline(always)]
            fn limited(self, min: Self, max: Self) -> Self {
                self.max(min).min(max)
            }
            #[inline(always)]
            fn wrapped(self, unused: u32) -> Self {
                (self << unused) >> unused
            }
            #[inline(always)]
            fn differs(self, other: Self) -> bool {
                self != other
            }
        }
    )*};
}
step_sums!(i32, i64, i128);

/// The range of an accumulator, and what it does outside.
#[derive(Clone, Copy)]
pub(crate) struct StepRange<S> {
    pub(crate) min: S,
    pub(crate) max: S,
    /// Bits of an `S` beyond the accumulator's.
    pub(crate) unused: u32,
    pub(crate) saturate: bool,
}

multiversion! {
    /// Steps accumulators from zero through k: `sums[n] = overflow(sums[n] + a[k]·b[k][n])` for `b` `[k, 64]`;
    /// `events[n]` is the number of additions that left the range. No sum of a value in the range and a product may
    /// leave `S`.
    pub(crate) fn step_lanes<S: StepSum, B: RawInteger>(
        a: &[i32], b: &[B], range: StepRange<S>, sums: &mut [S; STEP_LANES],
        events: &mut [u32; STEP_LANES],
    ) {
        let mut accumulators = [S::from_i128(0); STEP_LANES];
        let mut count = [0u32; STEP_LANES];
        let rows = b.as_chunks::<STEP_LANES>().0;
        if range.saturate {
            for (&a, b) in a.iter().zip(rows) {
                for lane in 0..STEP_LANES {
                    let next = accumulators[lane].add_product(a, b[lane].to_i32());
                    accumulators[lane] = next.limited(range.min, range.max);
                    count[lane] += u32::from(next.differs(accumulators[lane]));
                }
            }
        } else {
            for (&a, b) in a.iter().zip(rows) {
                for lane in 0..STEP_LANES {
                    let next = accumulators[lane].add_product(a, b[lane].to_i32());
                    accumulators[lane] = next.wrapped(range.unused);
                    count[lane] += u32::from(next.differs(accumulators[lane]));
                }
            }
        }
        *sums = accumulators;
        *events = count;
    }
}
