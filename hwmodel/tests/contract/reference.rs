//! The specified arithmetic in sign and magnitude: simple, and slow.

use hwmodel::random::{RandomAddress, RandomSource};
use hwmodel::{Format, Overflow, Rounding};
use rand_core::Rng;
use std::cmp::Ordering;

/// r = `numerator` / 2^`bits`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Random {
    pub(crate) numerator: u64,
    pub(crate) bits: u32,
}

impl Random {
    pub(crate) const ZERO: Self = Self { numerator: 0, bits: 0 };
}

/// What a quantiser counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) high: u64,
    pub(crate) low: u64,
    pub(crate) flushed: u64,
    pub(crate) nonzero: u64,
}

/// Compares a·2^p with b·2^q.
fn compare((a, p): (u128, u32), (b, q): (u128, u32)) -> Ordering {
    let length = |value: u128, power: u32| u128::BITS - value.leading_zeros() + power;
    match (a, b) {
        (0, _) | (_, 0) => a.cmp(&b),
        _ if length(a, p) != length(b, q) => length(a, p).cmp(&length(b, q)),
        // Both begin with the same power of two: left-aligned they compare as they are.
        _ => (a << a.leading_zeros()).cmp(&(b << b.leading_zeros())),
    }
}

/// n / 2^shift rounded to an integer; |n| < 2^127.
pub(crate) fn round(n: i128, shift: u32, rounding: Rounding, random: Random) -> i128 {
    let magnitude = n.unsigned_abs();
    let (whole, fraction) = match shift {
        0..=127 => (magnitude >> shift, magnitude % (1u128 << shift)),
        _ => (0, magnitude),
    };
    let half = compare((fraction, 1), (1, shift));
    let up = |condition: bool| whole + u128::from(condition);
    let rounded = match rounding {
        Rounding::TowardZero => whole,
        Rounding::AwayFromZero => up(fraction > 0),
        Rounding::Floor => up(n < 0 && fraction > 0),
        Rounding::Ceiling => up(n > 0 && fraction > 0),
        Rounding::NearestEven => {
            up(half == Ordering::Greater || (half == Ordering::Equal && whole % 2 == 1))
        }
        Rounding::NearestOdd => up(half == Ordering::Greater
            || (half == Ordering::Equal && whole % 2 == 0 && fraction > 0)),
        Rounding::NearestAway => up(half != Ordering::Less && fraction > 0),
        Rounding::NearestZero => up(half == Ordering::Greater),
        Rounding::HalfDown => {
            up(half == Ordering::Greater || (half == Ordering::Equal && n < 0 && fraction > 0))
        }
        Rounding::HalfUp => up(half == Ordering::Greater || (half == Ordering::Equal && n > 0)),
        Rounding::Stochastic => {
            let (r, bits) = (u128::from(random.numerator), random.bits);
            if n < 0 {
                // ⌊-m + r⌋ = -⌈m - r⌉: the fraction counts if it exceeds r.
                up(compare((fraction, bits), (r, shift)) == Ordering::Greater)
            } else {
                let rest = (1u128 << bits) - r;
                up(compare((fraction, bits), (rest, shift)) != Ordering::Less)
            }
        }
    };
    if n < 0 { -(rounded as i128) } else { rounded as i128 }
}

/// x · 2^FL rounded and fitted into `format`; x is a number.
pub(crate) fn quantise(
    x: f32,
    format: Format,
    (rounding, overflow): (Rounding, Overflow),
    random: Random,
    counts: &mut Counts,
) -> i64 {
    let (negative, exponent, significand) =
        (x.to_bits() >> 31 == 1, x.to_bits() >> 23 & 0xff, x.to_bits() & 0x7f_ffff);
    let (significand, power) = match exponent {
        0 => (significand, -149),
        _ => (significand | 0x80_0000, exponent as i32 - 150),
    };
    let power = power + format.fl();
    let sign = if negative { -1 } else { 1 };
    let rounded = |rounding, random| {
        if exponent == 255 {
            sign << 100
        } else if power > 60 {
            // At least 2^61, if it is not zero, and a multiple of it.
            i128::from(significand != 0) * (sign << 100)
        } else if power >= 0 {
            sign * (i128::from(significand) << power)
        } else {
            round(sign * i128::from(significand), power.unsigned_abs(), rounding, random)
        }
    };
    // An infinity has no bits to keep.
    let saturates = matches!(
        overflow,
        Overflow::Saturate | Overflow::SaturateSymmetric | Overflow::SaturateZero
    );
    let overflow = if exponent == 255 && !saturates { Overflow::Saturate } else { overflow };
    let values = [rounded(rounding, random), rounded(Rounding::Floor, Random::ZERO)];
    let raw = fit(values, Target::of(format), overflow, counts);
    counts.flushed += u64::from(x != 0.0 && raw == 0);
    raw
}

/// A word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) bits: u32,
    pub(crate) signed: bool,
    pub(crate) narrow: bool,
}

impl Target {
    fn of(format: Format) -> Self {
        Self { bits: format.wl(), signed: format.is_signed(), narrow: format.is_narrow() }
    }
}

/// A rounded value, whose floor before rounding is given, in a word.
fn fit([value, floor]: [i128; 2], word: Target, overflow: Overflow, counts: &mut Counts) -> i64 {
    let (fitted, outside) = in_word(value, floor, word, overflow);
    counts.high += u64::from(outside && value > 0);
    counts.low += u64::from(outside && value < 0);
    counts.nonzero += u64::from(fitted != 0);
    fitted as i64
}

/// `value` in two's complement of `bits` bits, and whether it was outside the range.
pub(crate) fn overflow_of(value: i128, bits: u32, overflow: Overflow) -> (i128, bool) {
    in_word(value, value, Target { bits, signed: true, narrow: false }, overflow)
}

/// The rules of ap_fixed, bit by bit: the result for a rounded `value`, and whether it was outside the range.
pub(crate) fn in_word(value: i128, floor: i128, word: Target, overflow: Overflow) -> (i128, bool) {
    let (w, all) = (word.bits as usize, 1i128 << word.bits);
    let (least, most) = match word.signed {
        true => (-all / 2 + i128::from(word.narrow), all / 2 - 1),
        false => (0, all - 1 - i128::from(word.narrow)),
    };
    let inside = least <= value && value <= most;
    if overflow == Overflow::SaturateSymmetric {
        let least = if word.signed && w > 1 { -most } else { least };
        return (value.max(least).min(most), !inside);
    }
    if inside {
        return (value, false);
    }
    let negative = value < 0;
    let bit = |value: i128, at: usize| value.div_euclid(1 << at).rem_euclid(2) == 1;
    let mut bits: Vec<bool> = (0..w).map(|at| bit(value, at)).collect();
    match overflow {
        Overflow::Saturate | Overflow::SaturateSymmetric => {
            return (if negative { least } else { most }, true);
        }
        Overflow::SaturateZero => return (0, true),
        Overflow::Wrap => {}
        Overflow::WrapSaturated { bits: n } => {
            let n = usize::from(n).min(w);
            for bit in &mut bits[w - n..] {
                *bit = !word.signed || !negative;
            }
            if word.signed && n > 0 {
                bits[w - 1] = negative;
            }
        }
        // Nothing but a wrap where there is no sign.
        Overflow::WrapSignMagnitude { .. } if !word.signed => {}
        Overflow::WrapSignMagnitude { bits: n } => {
            let n = usize::from(n).min(w);
            let sign = if n == 0 { bit(floor, w) } else { negative };
            let flip = if n < 2 { bits[w - 1] != sign } else { bits[w - n] == sign };
            bits.iter_mut().for_each(|bit| *bit ^= flip);
            if n >= 2 {
                bits[w - n..w - 1].fill(!sign);
            }
            bits[w - 1] = sign;
        }
    }
    let unsigned: i128 = (0..w).map(|at| i128::from(bits[at]) << at).sum();
    let fitted = if word.signed && bits[w - 1] { unsigned - all } else { unsigned };
    // What a narrow range leaves out becomes its neighbour.
    (fitted.max(least).min(most), true)
}

/// value · 2^-shift in `format`; |value| < 2^126.
pub(crate) fn requantise(
    value: i128,
    shift: i32,
    format: Format,
    (rounding, overflow): (Rounding, Overflow),
    random: Random,
    counts: &mut Counts,
) -> i64 {
    let rounded = |rounding, random| {
        if shift >= 0 {
            return round(value, shift.unsigned_abs(), rounding, random);
        }
        let left = shift.unsigned_abs();
        let length = u128::BITS - value.unsigned_abs().leading_zeros();
        // Beyond 2^126 only the sign matters, and for wrapping the low 32 bits, which then are zero
        // as long as the value itself has fewer than 94 bits.
        if length + left <= 125 { value << left } else { value.signum() << 120 }
    };
    let values = [rounded(rounding, random), rounded(Rounding::Floor, Random::ZERO)];
    let raw = fit(values, Target::of(format), overflow, counts);
    counts.flushed += u64::from(value != 0 && raw == 0);
    raw
}

/// One addition of an accumulator of `bits` bits; `None` never overflows.
pub(crate) fn add(
    sum: &mut i128,
    term: i128,
    (bits, overflow): (Option<u32>, Overflow),
    events: &mut u64,
) {
    *sum += term;
    if let Some(bits) = bits {
        let (fitted, outside) = overflow_of(*sum, bits, overflow);
        *events += u64::from(outside);
        *sum = fitted;
    }
}

/// The random numbers of `count` elements of which each drops `shift` bits; `None` for floats.
pub(crate) fn randoms(address: RandomAddress, shift: Option<u32>, count: usize) -> Vec<Random> {
    let mut generator = address.at(0);
    match address.source {
        RandomSource::Pcg { bits: Some(bits) } => {
            let bits = u32::from(bits.get());
            let mut next = || u64::from(generator.next_u32()) >> (32 - bits);
            (0..count).map(|_| Random { numerator: next(), bits }).collect()
        }
        RandomSource::Pcg { bits: None } => (0..count)
            .map(|_| {
                let first = u64::from(generator.next_u32());
                match shift {
                    None => Random { numerator: first >> 8, bits: 24 },
                    Some(0) => Random::ZERO,
                    Some(shift @ 1..=32) => {
                        Random { numerator: first >> (32 - shift), bits: shift }
                    }
                    Some(shift) => {
                        let word = first | u64::from(generator.next_u32()) << 32;
                        let bits = shift.min(64);
                        Random { numerator: word >> (64 - bits), bits }
                    }
                }
            })
            .collect(),
        RandomSource::Lfsr(lfsr) => {
            let (width, steps) = (usize::from(lfsr.width()), usize::from(lfsr.steps()));
            let taps: Vec<usize> =
                (0..width).filter(|tap| lfsr.polynomial() >> tap & 1 == 1).collect();
            // The sequence itself: a(n + width) is the sum of a(n + tap), modulo 2.
            let load = lfsr.load(address);
            let mut sequence: Vec<bool> = (0..width).map(|bit| load >> bit & 1 == 1).collect();
            for n in 0..count * steps {
                let bit = taps.iter().fold(false, |sum, tap| sum ^ sequence[n + tap]);
                sequence.push(bit);
            }
            let bits = u32::from(lfsr.bits().get());
            let number = |element: usize| {
                let window = &sequence[element * steps..][..bits as usize];
                window.iter().rev().fold(0, |number, &bit| number << 1 | u64::from(bit))
            };
            (0..count).map(|element| Random { numerator: number(element), bits }).collect()
        }
    }
}

/// The reference itself, by hand.
#[test]
fn hand_worked_values() {
    use Rounding::*;
    let quarters = |n, rounding| round(n, 2, rounding, Random::ZERO);
    let all =
        |n| [NearestEven, NearestAway, HalfUp, Floor, TowardZero].map(|mode| quarters(n, mode));
    assert_eq!(all(-6), [-2, -2, -1, -2, -1]);
    assert_eq!(all(-5), [-1, -1, -1, -2, -1]);
    assert_eq!(all(2), [0, 1, 1, 0, 0]);
    assert_eq!(all(7), [2, 2, 2, 1, 1]);
    let with = |n, shift, numerator, bits| round(n, shift, Stochastic, Random { numerator, bits });
    // 1/4 + r reaches 1 from r = 3/4 on; -1/4 + r reaches 0 from r = 1/4 on.
    assert_eq!([0, 2, 3].map(|r| with(1, 2, r, 2)), [0, 0, 1]);
    assert_eq!([0, 1, 3].map(|r| with(-1, 2, r, 2)), [-1, 0, 0]);
    // 7/8 with a single random bit: 7/8 + 1/2 reaches 1.
    assert_eq!([0, 1].map(|r| with(7, 3, r, 1)), [0, 1]);
    assert_eq!([0, 1].map(|r| with(3, 3, r, 1)), [0, 0]);
    assert_eq!(with(1 << 100, 150, u64::MAX, 64), 1);
    assert_eq!(with(1 << 80, 150, u64::MAX, 64), 0);
    assert_eq!(overflow_of(130, 8, Overflow::Wrap), (-126, true));
    assert_eq!(overflow_of(-129, 8, Overflow::Wrap), (127, true));
    assert_eq!(overflow_of(-129, 8, Overflow::Saturate), (-128, true));
}
