//! Kernel that simulates accumulators of two levels, with rounding and stored partial sums, one in each SIMD lane.
//!
//! Rounding modes are data here, not types: a mode is an addend that depends on the sign and the parity of the integer below
//! ([`Carry`]), so that one loop serves all.

use super::{RawInteger, STEP_LANES, StepSum, multiversion};
use crate::number::rounding::{Mode, Parts};
use crate::{Rounding, with_rounding};

/// The range of a register, and what it does outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit<S> {
    /// Bits of an `S` beyond those of a register that wraps; 0 if it does not.
    pub(crate) unused: usize,
    /// The range; that of `S` where nothing can overflow.
    pub(crate) min: S,
    pub(crate) max: S,
    /// The smallest result: above `min` if the range is symmetric.
    pub(crate) least: S,
    /// All bits of a value outside that are kept: none if it becomes 0.
    pub(crate) kept: S,
}

impl<S: StepSum> Fit<S> {
    /// No limit.
    pub(crate) fn free() -> Self {
        let (min, max) = (S::min_value(), S::max_value());
        Self { unused: 0, min, max, least: min, kept: !S::zero() }
    }

    /// `value` in the register; counts it if it was outside.
    #[inline(always)]
    fn apply(self, value: S, events: &mut u32) -> S {
        let wrapped = (value << self.unused) >> self.unused;
        let inside = wrapped.limited(self.min, self.max);
        let outside = inside.differs(value);
        *events += u32::from(outside);
        (if outside { inside & self.kept } else { inside }).max(self.least)
    }
}

/// A rounding mode as what is added before the low bits are dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carry<S> {
    /// Bits dropped.
    pub(crate) shift: usize,
    /// Added to every value, to those whose integer below is negative, and to those where it is odd.
    base: S,
    negative: S,
    odd: S,
}

/// The properties by which a mode decides.
#[derive(Clone, Copy)]
struct Case {
    negative: bool,
    odd: bool,
    /// The fraction in quarters.
    quarters: u32,
}

impl Parts for Case {
    fn negative(self) -> bool {
        self.negative
    }
    fn odd(self) -> bool {
        self.odd
    }
    fn whole(self) -> bool {
        self.quarters == 0
    }
    fn above_half(self) -> bool {
        self.quarters > 2
    }
    fn at_half(self) -> bool {
        self.quarters == 2
    }
    fn carries(self) -> bool {
        false
    }
}

impl<S: StepSum> Carry<S> {
    /// `rounding` of values whose low `shift` bits are dropped; 2^`shift` must fit `S` twice. Stochastic rounding draws zeros.
    pub(crate) fn new(rounding: Rounding, shift: u32) -> Self {
        let unit = S::one() << shift as usize;
        let half = unit >> 1;
        // The smallest fraction that goes up decides what is added.
        let addend = |negative: bool, odd: bool| {
            let up = |quarters| {
                let case = Case { negative, odd, quarters };
                with_rounding!(rounding, M => M::up(case))
            };
            match [up(1), up(2), up(3)] {
                _ if shift == 0 => S::zero(),
                [true, ..] => unit - S::one(),
                [_, true, _] => half,
                [.., true] => half - S::one(),
                _ => S::zero(),
            }
        };
        let base = addend(false, false);
        let (negative, odd) = (addend(true, false) - base, addend(false, true) - base);
        debug_assert!(
            addend(true, true) == base + negative + odd,
            "{rounding} has independent parts"
        );
        Self { shift: shift as usize, base, negative, odd }
    }

    /// `whole` + `value`·2^-shift, rounded.
    #[inline(always)]
    fn apply(self, whole: S, value: S) -> S {
        let floor = whole + (value >> self.shift);
        let zero = S::zero();
        let negative = if floor < zero { self.negative } else { zero };
        let odd = if floor & S::one() != zero { self.odd } else { zero };
        whole + ((value + self.base + negative + odd) >> self.shift)
    }
}

/// Partial sums stored between K-tiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles<S> {
    /// Products of a tile.
    pub(crate) terms: usize,
    /// Tiles of a group; 0 if no tile takes stored words.
    pub(crate) group: usize,
    pub(crate) last_exact: bool,
    pub(crate) carry: Carry<S>,
    pub(crate) word: Fit<S>,
}

/// How the registers of an accumulator work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels<S> {
    /// Products of a block, and the range of the register that sums them, if they can leave it.
    pub(crate) block: usize,
    pub(crate) inner: Option<Fit<S>>,
    /// Bits by which a block's sum is shifted to the left.
    pub(crate) left: usize,
    pub(crate) carry: Carry<S>,
    /// Whether the addend is brought into the range on its own.
    pub(crate) term: bool,
    pub(crate) outer: Fit<S>,
    pub(crate) tiles: Option<Tiles<S>>,
}

/// Overflows of each lane: of the inner register, of casts, of the outer register, of stored words.
#[derive(Clone, Debug)]
pub(crate) struct LevelEvents {
    pub(crate) inner: [u32; STEP_LANES],
    pub(crate) cast: [u32; STEP_LANES],
    pub(crate) outer: [u32; STEP_LANES],
    pub(crate) stored: [u32; STEP_LANES],
}

impl LevelEvents {
    pub(crate) const ZERO: Self = Self {
        inner: [0; STEP_LANES],
        cast: [0; STEP_LANES],
        outer: [0; STEP_LANES],
        stored: [0; STEP_LANES],
    };
}

multiversion! {
    /// Steps accumulators from `sums` through k for `b` `[k, 64]`, as
    /// [`Summation`](crate::number::accumulator::Summation) defines it, and adds their overflows to `events`. No value on the
    /// way may leave `S`.
    pub(crate) fn step_levels<S: StepSum, B: RawInteger>(
        a: &[i32], b: &[B], levels: &Levels<S>, sums: &mut [S; STEP_LANES], events: &mut LevelEvents,
    ) {
        let rows = b.as_chunks::<STEP_LANES>().0;
        let tile = levels.tiles.map_or(a.len(), |tiles| tiles.terms).max(1);
        let mut held = [S::zero(); STEP_LANES];
        let mut unstored = [S::zero(); STEP_LANES];
        let mut saturated = [0u32; STEP_LANES];
        let mut outer = *sums;
        for index in 0..a.len().div_ceil(tile).max(1) {
            let terms = (index * tile).min(a.len())..((index + 1) * tile).min(a.len());
            tile_sums(&a[terms.clone()], &rows[terms], levels, &mut outer, events);
            let Some(tiles) = levels.tiles else { continue };
            let takes = tiles.group > 0 && index.is_multiple_of(tiles.group);
            for lane in 0..STEP_LANES {
                let mut sum = outer[lane];
                if takes {
                    sum = levels.outer.apply(sum + held[lane], &mut events.outer[lane]);
                    held[lane] = S::zero();
                }
                unstored[lane] = sum + held[lane];
                // A word counts once it is known that it is used.
                events.stored[lane] += saturated[lane];
                saturated[lane] = 0;
                let word = tiles.word.apply(tiles.carry.apply(S::zero(), sum), &mut saturated[lane]);
                held[lane] = held[lane] + (word << tiles.carry.shift);
                outer[lane] = S::zero();
            }
        }
        if let Some(tiles) = levels.tiles {
            for lane in 0..STEP_LANES {
                let sum = if tiles.last_exact { unstored[lane] } else { held[lane] };
                events.stored[lane] += if tiles.last_exact { 0 } else { saturated[lane] };
                outer[lane] = levels.outer.apply(sum, &mut events.outer[lane]);
            }
        }
        *sums = outer;
    }
}

/// Adds the products of one tile to `outer`.
#[inline(always)]
fn tile_sums<S: StepSum, B: RawInteger>(
    a: &[i32],
    b: &[[B; STEP_LANES]],
    levels: &Levels<S>,
    outer: &mut [S; STEP_LANES],
    events: &mut LevelEvents,
) {
    // One loop for the whole block, so that the compiler keeps lanes in registers.
    if levels.block == 1 && levels.inner.is_none() && levels.left == 0 {
        for (&a, b) in a.iter().zip(b) {
            let product = |lane: usize| S::zero().add_product(a, b[lane].to_i32());
            add_outer(levels, product, outer, events);
        }
        return;
    }
    for (a, b) in a.chunks(levels.block).zip(b.chunks(levels.block)) {
        let mut inner = [S::zero(); STEP_LANES];
        if let Some(fit) = levels.inner {
            for (&a, b) in a.iter().zip(b) {
                for lane in 0..STEP_LANES {
                    let next = inner[lane].add_product(a, b[lane].to_i32());
                    inner[lane] = fit.apply(next, &mut events.inner[lane]);
                }
            }
        } else {
            for (&a, b) in a.iter().zip(b) {
                for lane in 0..STEP_LANES {
                    inner[lane] = inner[lane].add_product(a, b[lane].to_i32());
                }
            }
        }
        if levels.left > 0 {
            inner.iter_mut().for_each(|sum| *sum = *sum << levels.left);
        }
        add_outer(levels, |lane| inner[lane], outer, events);
    }
}

/// Adds an addend of each lane to the outer register.
#[expect(clippy::needless_range_loop, reason = "lanes of several arrays")]
#[inline(always)]
fn add_outer<S: StepSum>(
    levels: &Levels<S>,
    addend: impl Fn(usize) -> S,
    outer: &mut [S; STEP_LANES],
    events: &mut LevelEvents,
) {
    let Levels { carry, outer: fit, .. } = *levels;
    if levels.term {
        for lane in 0..STEP_LANES {
            let cast = fit.apply(carry.apply(S::zero(), addend(lane)), &mut events.cast[lane]);
            outer[lane] = fit.apply(outer[lane] + cast, &mut events.outer[lane]);
        }
    } else if carry.shift > 0 {
        for lane in 0..STEP_LANES {
            let next = carry.apply(outer[lane], addend(lane));
            outer[lane] = fit.apply(next, &mut events.outer[lane]);
        }
    } else {
        for lane in 0..STEP_LANES {
            outer[lane] = fit.apply(outer[lane] + addend(lane), &mut events.outer[lane]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carry_is_its_mode() {
        for rounding in Rounding::ALL {
            for shift in 0..5 {
                let carry = Carry::<i32>::new(rounding, shift);
                for whole in -3..=3 {
                    for value in -70..70 {
                        let sum = i128::from((whole << shift) + value);
                        let expected = rounding.shift_right(sum, shift, 0);
                        let got = i128::from(carry.apply(whole, value));
                        assert_eq!(got, expected, "{rounding} {shift} {whole} {value}");
                    }
                }
            }
        }
    }
}
