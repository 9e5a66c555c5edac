//! Exact numbers between a sum and an output word.

use hwmodel::Rounding;
use std::fmt;

/// numerator · 2^-shift, exactly, with at most 126 fractional bits and at most 2^120 in magnitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    /// The number in units of 2^-shift.
    pub numerator: i128,
    /// Its fractional bits.
    pub shift: u32,
}

/// No word comes near it, and its low bits are those of any number with as many zeros at its end.
const LARGEST: i128 = 1 << 120;
/// The most fractional bits that [`Rounding::shift_right`] takes.
const MOST_BITS: i64 = 126;

impl Fraction {
    /// `numerator` · 2^-`shift` for any shift. Bits beyond the 126th after the point are put into it as one that says that
    /// there are some, which no rounding tells apart.
    pub(super) fn new(numerator: i128, shift: i64) -> Self {
        if shift > MOST_BITS {
            let extra = u32::try_from(shift - MOST_BITS).unwrap_or(u32::MAX).min(126);
            let rest = numerator & ((1 << extra) - 1);
            let numerator = (numerator >> extra) | i128::from(rest != 0);
            return Self { numerator, shift: 126 };
        }
        let Ok(shift) = u32::try_from(shift) else {
            let left = u32::try_from(-shift).unwrap_or(u32::MAX);
            let fits = left < 120 && numerator.unsigned_abs() <= 1u128 << (120 - left);
            let beyond = LARGEST * numerator.signum();
            return Self { numerator: if fits { numerator << left } else { beyond }, shift: 0 };
        };
        Self { numerator, shift }
    }

    /// A finite float exactly, an infinity as a number beyond every word.
    pub(super) fn of_float(value: f64) -> Self {
        if !value.is_finite() {
            let numerator = if value > 0.0 { LARGEST } else { -LARGEST };
            return Self { numerator, shift: 0 };
        }
        let bits = value.to_bits();
        let exponent = i64::from((bits >> 52) as u32 & 0x7ff);
        let mantissa = i128::from(bits & ((1 << 52) - 1)) | (i128::from(exponent != 0) << 52);
        let numerator = if value < 0.0 { -mantissa } else { mantissa };
        let zeros = mantissa.trailing_zeros().min(52);
        Self::new(numerator >> zeros, 1075 - exponent.max(1) - i64::from(zeros))
    }

    /// The integer below.
    pub(super) fn floor(self) -> i128 {
        self.numerator >> self.shift
    }

    /// Whether it is halfway between two integers.
    pub(super) fn is_tie(self) -> bool {
        self.shift > 0 && self.numerator & ((1i128 << self.shift) - 1) == 1i128 << (self.shift - 1)
    }

    /// Whether it is an integer.
    pub(super) fn is_whole(self) -> bool {
        self.numerator & ((1i128 << self.shift) - 1) == 0
    }

    /// The rounded integer.
    pub(super) fn round(self, rounding: Rounding) -> i128 {
        rounding.shift_right(self.numerator, self.shift, 0)
    }

    /// The sum with an integer.
    pub(super) fn plus(self, integer: i64) -> Self {
        let aligned = i128::from(integer).checked_shl(self.shift).filter(|_| self.shift < 64);
        match aligned {
            Some(aligned) => Self { numerator: self.numerator.saturating_add(aligned), ..self },
            // So many fractional bits leave the sum's digits to 62 of them, and one for the rest.
            None => {
                let extra = self.shift - 62;
                let rest = self.numerator & ((1 << extra) - 1);
                let numerator = (self.numerator >> extra) | i128::from(rest != 0);
                Self { numerator: numerator + (i128::from(integer) << 62), shift: 62 }
            }
        }
    }

    /// The sum with an integer of any size, beyond every word where it is that large.
    pub(super) fn moved(self, integer: i128) -> Self {
        match i64::try_from(integer) {
            Ok(integer) => self.plus(integer),
            Err(_) => {
                let aligned = integer.checked_mul(1i128 << self.shift);
                let sum = aligned.and_then(|aligned| self.numerator.checked_add(aligned));
                sum.map_or(self, |numerator| Self { numerator, ..self })
            }
        }
    }

    /// Limited to the integers `least` to `most`; the flag says whether it was outside.
    pub(super) fn clamp(self, least: i128, most: i128) -> (Self, bool) {
        let whole = |integer| Self { numerator: integer, shift: 0 };
        match self.floor() {
            floor if floor < least => (whole(least), true),
            floor if floor >= most => (whole(most), floor > most || !self.is_whole()),
            _ => (self, false),
        }
    }

    /// Without zeros at its end: equal numbers are equal so.
    pub(super) fn reduced(self) -> Self {
        let zeros = self.numerator.trailing_zeros().min(self.shift);
        Self { numerator: self.numerator >> zeros, shift: self.shift - zeros }
    }
}

impl fmt::Display for Fraction {
    /// The decimal digits: exact up to 30 fractional bits, else a few with an ellipsis.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.numerator < 0 { "-" } else { "" };
        let magnitude = self.numerator.unsigned_abs();
        let mut rest = magnitude & ((1u128 << self.shift) - 1);
        let mut text = format!("{sign}{}", magnitude >> self.shift);
        // Ten times the rest must fit.
        let (mut shift, cut) = (self.shift, self.shift > 120);
        if cut {
            rest >>= self.shift - 120;
            shift = 120;
        }
        if rest != 0 {
            text.push('.');
        }
        let mut digits = 0;
        while rest != 0 && digits < 30 {
            rest *= 10;
            text.push(char::from(b'0' + u8::try_from(rest >> shift).unwrap_or(9)));
            rest &= (1u128 << shift) - 1;
            digits += 1;
        }
        if rest != 0 || cut {
            text.push('…');
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_print_exactly() {
        let text = |numerator, shift| Fraction::new(numerator, shift).to_string();
        assert_eq!(text(-2057, 4), "-128.5625");
        assert_eq!(text(3, 0), "3");
        assert_eq!(text(3, -2), "12");
        assert_eq!(text(-1, 1), "-0.5");
        assert_eq!(text(1, 30), "0.000000000931322574615478515625");
        assert!(text(1, 200).ends_with('…'));
    }

    #[test]
    fn ties_and_integers() {
        assert!(Fraction::new(-3, 1).is_tie() && !Fraction::new(-3, 2).is_tie());
        assert!(Fraction::new(8, 3).is_whole() && !Fraction::new(9, 3).is_whole());
        // Far below the 126th bit something is left: above a tie, and no integer.
        assert!(!Fraction::new(1, 190).is_whole());
        assert_eq!(Fraction::new(1, 190).round(Rounding::Ceiling), 1);
        assert_eq!(Fraction::new(-1, 190).round(Rounding::Floor), -1);
        assert_eq!(Fraction::new(-1, 190).round(Rounding::NearestEven), 0);
        assert_eq!(Fraction::new(1, -125).round(Rounding::Floor), 1 << 120);
    }

    proptest! {
        #[test]
        fn floats_are_exact(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            let fraction = Fraction::of_float(value);
            if (1e-20..1e30).contains(&value.abs()) {
                let back = fraction.numerator as f64 * 2f64.powi(-(fraction.shift as i32));
                prop_assert_eq!(back, value);
            }
            let floor = value.floor().clamp(-1e36, 1e36);
            if value.abs() < 1e15 {
                prop_assert_eq!(fraction.floor() as f64, floor);
            }
        }

        /// An integer that is added moves every rounding that does not look at the parity or the sign.
        #[test]
        fn an_integer_is_added_exactly(
            numerator in -(1i128 << 80)..(1i128 << 80), shift in 0i64..126, integer in -70_000i64..70_000
        ) {
            let fraction = Fraction::new(numerator, shift);
            let sum = fraction.plus(integer);
            for rounding in [Rounding::Floor, Rounding::Ceiling, Rounding::HalfUp, Rounding::HalfDown] {
                prop_assert_eq!(sum.round(rounding), fraction.round(rounding) + i128::from(integer));
            }
        }

        #[test]
        fn limits_are_integers(numerator in -100_000i128..100_000, shift in 0i64..12) {
            let fraction = Fraction::new(numerator, shift);
            let (limited, outside) = fraction.clamp(-8, 7);
            let scaled = numerator as f64 * 2f64.powi(-(shift as i32));
            prop_assert_eq!(outside, !(-8.0..=7.0).contains(&scaled));
            for rounding in Rounding::ALL.into_iter().filter(|mode| *mode != Rounding::Stochastic) {
                prop_assert_eq!(limited.round(rounding), fraction.round(rounding).clamp(-8, 7));
            }
        }
    }
}
