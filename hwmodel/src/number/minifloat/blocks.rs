//! The element loops, plain enough for the compiler to vectorise.

use super::Minifloat;
use crate::cast::{exact, low, nearest_f32};
use crate::kernels::Limits;
use crate::number::format::exp2;
use crate::number::rounding::{Mode, Parts, Rounding};
use crate::with_rounding;

/// Elements looked at together; counts inside fit u32.
const BLOCK: usize = 256;

const SIGN: u32 = 0x8000_0000;
const INFINITY: u32 = 0x7f80_0000;
/// ½ in units of 2^-24.
const HALF: u32 = 1 << 23;

/// A magnitude between two values of the format, and what else decides which of them it becomes.
#[derive(Clone, Copy)]
struct Between {
    /// 1 if the lower value is an odd multiple of its step.
    odd: u32,
    /// How far above the lower value, in units of 2^-24 of a step, rounded down.
    fraction: u32,
    /// 1 if `fraction` is not exact.
    sticky: u32,
    /// 1 for a negative number.
    negative: u32,
    /// The random number in units of 2^-24.
    r24: u32,
}

/// Quantises `values` in place; `words` is read by stochastic rounding only, but must be as long as
/// `values` for every mode. NaN is counted and stays.
pub(super) fn quantise(
    values: &mut [f32],
    words: &[u32],
    format: Minifloat,
    rounding: Rounding,
) -> Limits {
    let loops = Loops::new(format);
    with_rounding!(rounding, M => loops.run(values, words, Between::up::<M>))
}

/// The signed number: where its magnitude is above a value of the format, a negative number is above the one of the next
/// larger magnitude.
impl Parts for Between {
    #[inline(always)]
    fn negative(self) -> bool {
        self.negative != 0
    }

    #[inline(always)]
    fn odd(self) -> bool {
        self.odd != self.negative
    }

    #[inline(always)]
    fn whole(self) -> bool {
        self.fraction | self.sticky == 0
    }

    #[inline(always)]
    fn above_half(self) -> bool {
        if self.negative() { self.fraction < HALF } else { self.fraction + self.sticky > HALF }
    }

    #[inline(always)]
    fn at_half(self) -> bool {
        (self.fraction == HALF) & (self.sticky == 0)
    }

    /// Of magnitudes: r makes them larger.
    #[inline(always)]
    fn carries(self) -> bool {
        ((self.fraction + self.r24) >> 24 != 0) != self.negative()
    }
}

impl Between {
    /// 1 if the magnitude goes up.
    #[inline(always)]
    fn up<M: Mode>(self) -> u32 {
        // A negative number goes up if its magnitude does not.
        let up = if self.negative() { !M::up(self) & !self.whole() } else { M::up(self) };
        u32::from(up)
    }
}

/// A format in the terms of float32's bits.
#[derive(Clone, Copy)]
struct Loops {
    mantissa_bits: u32,
    /// Mantissa bits that float32 has in addition.
    dropped: u32,
    /// Biased float32 exponent of the smallest normal number.
    min_field: u32,
    /// 1 if the implicit bit is the lowest one of a significand.
    implicit: u32,
    /// The largest finite value.
    largest: u32,
    /// What larger results become.
    beyond: u32,
}

impl Loops {
    fn new(format: Minifloat) -> Self {
        let mantissa_bits = format.mantissa_bits();
        let largest = nearest_f32(format.max_value()).to_bits();
        Self {
            mantissa_bits,
            dropped: 23 - mantissa_bits,
            min_field: (127 + format.min_exponent()).unsigned_abs(),
            implicit: u32::from(mantissa_bits == 0),
            largest,
            beyond: if format.exponent_bits() == 8 { INFINITY } else { largest },
        }
    }

    #[inline(always)]
    fn run(self, values: &mut [f32], words: &[u32], up: impl Fn(Between) -> u32) -> Limits {
        let mut total = Limits::default();
        for (values, words) in values.chunks_mut(BLOCK).zip(words.chunks(BLOCK)) {
            let smallest = self.min_field << 23;
            let subnormal = values.iter().fold(false, |any, x| {
                // Zero wraps to the largest integer.
                any | ((x.to_bits() & !SIGN).wrapping_sub(1) < smallest - 1)
            });
            total += if subnormal {
                self.block(values, words, |bits, r24| self.any(bits, r24, &up))
            } else {
                self.block(values, words, |bits, r24| self.normal(bits, r24, &up))
            };
        }
        total
    }

    /// The rounded magnitude of a number that is normal in the format, or zero: its bits are cut.
    #[inline(always)]
    fn normal(self, bits: u32, r24: u32, up: impl Fn(Between) -> u32) -> u32 {
        let magnitude = bits & !SIGN;
        let kept = magnitude >> self.dropped;
        let between = Between {
            odd: (kept | self.implicit) & 1,
            fraction: (magnitude << (self.mantissa_bits + 1)) & 0x00ff_ffff,
            sticky: 0,
            negative: bits >> 31,
            r24,
        };
        // A carry out of the mantissa is the next exponent.
        (kept + up(between)) << self.dropped
    }

    /// The rounded magnitude of any number.
    #[inline(always)]
    fn any(self, bits: u32, r24: u32, up: impl Fn(Between) -> u32) -> u32 {
        let magnitude = bits & !SIGN;
        let field = magnitude >> 23;
        let significand = magnitude & 0x007f_ffff | u32::from(field > 0) << 23;
        let field = field.max(1);
        let wide = u64::from(significand) << (self.mantissa_bits + 1);
        let shift = self.min_field.saturating_sub(field).min(63);
        let shifted = wide >> shift;
        let multiple = exact::<u32>(shifted >> 24);
        let between = Between {
            odd: multiple & 1,
            fraction: low::<u32>(shifted) & 0x00ff_ffff,
            sticky: u32::from(shifted << shift != wide),
            negative: bits >> 31,
            r24,
        };
        let exponent = field.max(self.min_field) as i32 - 127 - self.mantissa_bits as i32;
        let value = f64::from(multiple + up(between)) * exp2(exponent);
        nearest_f32(value).to_bits()
    }

    /// One block; `round` gives the rounded magnitude from bits and random number.
    #[inline(always)]
    fn block(self, values: &mut [f32], words: &[u32], round: impl Fn(u32, u32) -> u32) -> Limits {
        let (mut high, mut low, mut flushed, mut nonzero, mut nan) = (0u32, 0u32, 0u32, 0u32, 0u32);
        for (value, &word) in values.iter_mut().zip(words) {
            let bits = value.to_bits();
            let is_nan = bits & !SIGN > INFINITY;
            let rounded = round(bits, word >> 8);
            let over = u32::from(rounded > self.largest);
            high += over & !(bits >> 31);
            low += over & (bits >> 31);
            nan += u32::from(is_nan);
            let magnitude = if over == 1 { self.beyond } else { rounded };
            flushed += u32::from(bits & !SIGN != 0 && magnitude == 0);
            nonzero += u32::from(magnitude != 0);
            let sign = if magnitude == 0 { 0 } else { bits & SIGN };
            *value = if is_nan { *value } else { f32::from_bits(sign | magnitude) };
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
}
