//! Element-wise loops: quantisers and requantisers.
//!
//! Each body is plain Rust, compiled once per SIMD level; the unchecked float → integer conversions
//! are the reason why they live in this folder.

use super::multiversion;
use crate::cast::{exact, low};
use crate::number::rounding::{Mode, Parts, Rounding, Shifted};
use crate::with_rounding;
use num_traits::{AsPrimitive, PrimInt};
use rand_pcg::Pcg32;

/// A container of raw integers: i8, i16, i32, and i64 for unsigned words of 32 bits.
pub(crate) trait StoredInteger:
    PrimInt + AsPrimitive<i64> + AsPrimitive<f32> + Default + Send + Sync + bytemuck::Pod
{
    /// The value, whose range the caller has checked.
    fn from_i64(value: i64) -> Self;

    /// The value, widened.
    fn to_i64(self) -> i64;
}

macro_rules! stored_integer {
    ($($type:ty),*) => { $(impl StoredInteger for $type {
        #[inline(always)]
        fn from_i64(value: i64) -> Self {
            exact(value)
        }

        #[inline(always)]
        fn to_i64(self) -> i64 {
            self.into()
        }
    })* };
}
stored_integer!(i8, i16, i32, i64);

/// A container of words that fit 32 bits: i8, i16 or i32.
pub(crate) trait RawInteger: StoredInteger + AsPrimitive<i32> {
    /// The value, whose range the caller has checked.
    fn from_i32(value: i32) -> Self;

    /// The value, widened.
    fn to_i32(self) -> i32;
}

macro_rules! raw_integer {
    ($($type:ty),*) => { $(impl RawInteger for $type {
        #[inline(always)]
        fn from_i32(value: i32) -> Self {
            exact(value)
        }

        #[inline(always)]
        fn to_i32(self) -> i32 {
            self as i32
        }
    })* };
}
raw_integer!(i8, i16, i32);

/// What a saturating quantiser does with a rounded value: below `lowest` it becomes `below`, above `max` it becomes `above`.
/// Counted are the values outside [`min`, `max`], the word's range.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) lowest: f64,
    pub(crate) below: f64,
    pub(crate) above: f64,
}

impl Bounds {
    /// The value that a rounded one becomes. A NaN becomes `below`.
    #[inline(always)]
    fn fit(&self, rounded: f64) -> f64 {
        let value = if rounded >= self.lowest { rounded } else { self.below };
        if value <= self.max { value } else { self.above }
    }
}

/// Counts of a quantiser over one chunk, in elements.
#[derive(Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) high: u64,
    pub(crate) low: u64,
    pub(crate) flushed: u64,
    pub(crate) nonzero: u64,
    pub(crate) not_a_number: u64,
    /// Random bits drawn (bits, not elements); set by the caller.
    pub(crate) random_bits: u64,
}

/// Elements handled between two updates of the 64-bit counts; counts inside fit u32.
const BLOCK: usize = 256;

/// Independent generators stepped side by side, each `LANES` outputs ahead of the one before.
const LANES: usize = 16;

const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

multiversion! {
    /// The next `out.len()` outputs of a PCG generator (Lcg64Xsh32), many at a time.
    pub(crate) fn stochastic_words(generator: &Pcg32, out: &mut [u32]) {
        let increment = (generator.stream() << 1) | 1;
        let mut states = [0u64; LANES];
        let mut state = generator.state();
        for lane in &mut states {
            *lane = state;
            state = state.wrapping_mul(MULTIPLIER).wrapping_add(increment);
        }
        // LANES steps at once are again multiply and add.
        let (mut jump, mut plus) = (1u64, 0u64);
        for _ in 0..LANES {
            jump = jump.wrapping_mul(MULTIPLIER);
            plus = plus.wrapping_mul(MULTIPLIER).wrapping_add(increment);
        }
        let mut words = [0u32; LANES];
        let mut step = |words: &mut [u32; LANES]| {
            for (word, state) in words.iter_mut().zip(&mut states) {
                let old = *state;
                *state = old.wrapping_mul(jump).wrapping_add(plus);
                let shifted = low::<u32>(((old >> 18) ^ old) >> 27);
                *word = shifted.rotate_right((old >> 59) as u32);
            }
        };
        let (chunks, rest) = out.as_chunks_mut::<LANES>();
        chunks.iter_mut().for_each(&mut step);
        step(&mut words);
        rest.copy_from_slice(&words[..rest.len()]);
    }
}

/// Float → fixed of one block; `round` gives the rounded value from v and the element's random word.
#[inline(always)]
fn quantise_block<T: RawInteger>(
    x: &[f32],
    words: &[u32],
    scale: f64,
    bounds: Bounds,
    out: &mut [T],
    round: impl Fn(f64, u32) -> f64,
) -> Limits {
    // Two loops: of the whole one, not every rounding becomes vectors.
    let mut values = [0f64; BLOCK];
    for ((value, &x), &word) in values.iter_mut().zip(x).zip(words) {
        *value = round(f64::from(x) * scale, word);
    }
    let (mut high, mut low, mut flushed, mut nonzero, mut nan) = (0u32, 0u32, 0u32, 0u32, 0u32);
    for ((&x, &rounded), out) in x.iter().zip(&values).zip(out) {
        high += u32::from(rounded > bounds.max);
        low += u32::from(rounded < bounds.min);
        nan += u32::from(x.is_nan());
        let fitted = bounds.fit(rounded);
        // SAFETY: the bounds are values of a word that i32 holds, and not NaN; a NaN has become one of them.
        let raw: i32 = unsafe { fitted.to_int_unchecked() };
        flushed += u32::from(x != 0.0 && raw == 0);
        nonzero += u32::from(raw != 0);
        *out = T::from_i32(raw);
    }
    Limits {
        high: high.into(),
        low: low.into(),
        flushed: flushed.into(),
        nonzero: nonzero.into(),
        not_a_number: nan.into(),
        random_bits: 0,
    }
}

impl std::ops::Add for Limits {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl std::ops::AddAssign for Limits {
    fn add_assign(&mut self, other: Self) {
        self.high += other.high;
        self.low += other.low;
        self.flushed += other.flushed;
        self.nonzero += other.nonzero;
        self.not_a_number += other.not_a_number;
        self.random_bits += other.random_bits;
    }
}

/// v = x·2^FL, split exactly unless |v| < 2^-29, where the fraction of a negative v becomes 1: it is above ½ then, as it
/// should.
#[derive(Clone, Copy)]
struct FloatParts {
    value: f64,
    floor: f64,
    word: u32,
}

#[expect(clippy::float_cmp, reason = "the fraction is exact")]
impl Parts for FloatParts {
    #[inline(always)]
    fn negative(self) -> bool {
        self.value < 0.0
    }

    #[inline(always)]
    fn odd(self) -> bool {
        self.floor != 2.0 * (0.5 * self.floor).floor()
    }

    #[inline(always)]
    fn whole(self) -> bool {
        self.value == self.floor
    }

    #[inline(always)]
    fn above_half(self) -> bool {
        self.value - self.floor > 0.5
    }

    #[inline(always)]
    fn at_half(self) -> bool {
        self.value - self.floor == 0.5
    }

    /// With r the upper 24 bits of the word. The sum of a fraction below 2^-29 and any r > 0 reaches 1 from a negative v,
    /// which the limit of 2^24 - 1 preserves.
    // f64::clamp keeps a NaN; max and min do not.
    #[allow(clippy::manual_clamp)]
    #[inline(always)]
    fn carries(self) -> bool {
        let fraction = ((self.value - self.floor) * 16_777_216.0).min(16_777_215.0).max(0.0);
        // SAFETY: 0 ≤ fraction < 2^24; max(0) removes the NaN of an infinite v.
        let fraction: i32 = unsafe { fraction.to_int_unchecked() };
        fraction + (self.word >> 8) as i32 >= 1 << 24
    }
}

#[inline(always)]
fn round_float<M: Mode>(value: f64, word: u32) -> f64 {
    if let Some(rounded) = M::float(value) {
        return rounded;
    }
    let floor = value.floor();
    floor + if M::up(FloatParts { value, floor, word }) { 1.0 } else { 0.0 }
}

multiversion! {
    /// raw = limit(round(x · scale)); `words` is read by stochastic rounding only, but must be as
    /// long as `x` for every mode. The bounds are values of a word that i32 holds.
    pub(crate) fn quantise<T: RawInteger>(
        x: &[f32], words: &[u32], rounding: Rounding, scale: f64, bounds: Bounds, out: &mut [T],
    ) -> Limits {
        let mut total = Limits::default();
        for ((x, words), out) in
            x.chunks(BLOCK).zip(words.chunks(BLOCK)).zip(out.chunks_mut(BLOCK))
        {
            total += with_rounding!(rounding, M => {
                quantise_block(x, words, scale, bounds, out, round_float::<M>)
            });
        }
        total
    }
}

multiversion! {
    /// out = raw · step in float32.
    pub(crate) fn dequantise<T: StoredInteger>(raw: &[T], step: f32, out: &mut [f32]) {
        for (out, &raw) in out.iter_mut().zip(raw) {
            let value: f32 = raw.as_();
            *out = value * step;
        }
    }
}

multiversion! {
    /// Accumulators shifted left by `left` bits, plus bias, shifted right by `shift` (0 to 62;
    /// stochastic: 0 to 32) bits with rounding, then saturated to [min, max]; sums must not overflow
    /// i64. `bias` repeats every `bias.len()` elements.
    pub(crate) fn requantise_narrow<S: AsPrimitive<i64>, T: RawInteger>(
        sums: &[S], bias: &[i64], words: &[u32], rounding: Rounding, left: u32, shift: u32, min: i64,
        max: i64, out: &mut [T],
    ) -> Limits {
        let mut total = Limits::default();
        let columns = bias.len();
        for ((sums, words), out) in
            sums.chunks(columns).zip(words.chunks(columns)).zip(out.chunks_mut(columns))
        {
            let range = (min, max);
            let shifts = (left, shift);
            total += with_rounding!(rounding, M => {
                requantise_row::<M, _, _>(sums, bias, words, shifts, range, out)
            });
        }
        total
    }
}

#[inline(always)]
fn requantise_row<M: Mode, S: AsPrimitive<i64>, T: RawInteger>(
    sums: &[S],
    bias: &[i64],
    words: &[u32],
    (left, shift): (u32, u32),
    (min, max): (i64, i64),
    out: &mut [T],
) -> Limits {
    let (mut high, mut low, mut flushed, mut nonzero) = (0u64, 0u64, 0u64, 0u64);
    for (((&sum, &bias), &word), out) in sums.iter().zip(bias).zip(words).zip(out) {
        let value: i64 = (sum.as_() << left) + bias;
        // The top `shift` bits of the word; with stochastic rounding there are at most 32.
        let random = ((u64::from(word) << shift) >> 32) as i64;
        let parts = Shifted::new(value, shift, random);
        let rounded = parts.floor() + i64::from(M::up(parts));
        high += u64::from(rounded > max);
        low += u64::from(rounded < min);
        let raw = exact::<i32>(rounded.clamp(min, max));
        flushed += u64::from(value != 0 && raw == 0);
        nonzero += u64::from(raw != 0);
        *out = T::from_i32(raw);
    }
    Limits { high, low, flushed, nonzero, ..Limits::default() }
}

/// Σ|x|, Σx² and max|x|.
#[derive(Clone, Copy, Default)]
pub(crate) struct NormSums {
    pub(crate) one: f64,
    pub(crate) square: f64,
    pub(crate) largest: f64,
}

multiversion! {
    /// The sums of a slice, in eight lanes that are added up at the end: the same order everywhere.
    pub(crate) fn norm_sums<T: RawInteger>(values: &[T]) -> NormSums {
        const LANES: usize = 8;
        let (mut one, mut square, mut largest) = ([0f64; LANES], [0f64; LANES], [0f64; LANES]);
        let mut take = |values: &[T]| {
            let lanes = one.iter_mut().zip(&mut square).zip(&mut largest);
            for (((one, square), largest), &x) in lanes.zip(values) {
                let x = f64::from(x.to_i32()).abs();
                *one += x;
                *square += x * x;
                *largest = largest.max(x);
            }
        };
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        chunks.for_each(&mut take);
        take(rest);
        NormSums {
            one: one.iter().sum(),
            square: square.iter().sum(),
            largest: largest.iter().copied().fold(0.0, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::SimdLevel;
    use rand_core::Rng;

    #[test]
    fn many_lanes_equal_the_crate_one_by_one() {
        let mut generator = Pcg32::new(42, 54);
        for level in SimdLevel::available() {
            for length in [0, 1, 15, 16, 17, 100] {
                let mut words = vec![0; length];
                stochastic_words(level, &generator, &mut words);
                let mut one_by_one = generator.clone();
                assert!(
                    words.iter().all(|&word| word == one_by_one.next_u32()),
                    "{level} {length}"
                );
            }
        }
        generator.advance(1);
    }
}
