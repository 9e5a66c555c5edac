//! Exact rational numbers: what the rules with real-number arithmetic compute with.

use crate::Rounding;
use crate::cast::exact;
use crate::number::rounding::Parts;
use crate::with_rounding;

/// A finite float32 as `mantissa · 2^exponent`; a mantissa that is not 0 has 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Float {
    pub(super) mantissa: i128,
    pub(super) exponent: i32,
}

impl Float {
    /// The parts of a finite `x`.
    pub(super) fn new(x: f32) -> Self {
        let bits = x.to_bits();
        let field = exact::<i32>(bits >> 23 & 0xff);
        let magnitude = bits & 0x007f_ffff | if field > 0 { 0x0080_0000 } else { 0 };
        // 24 bits for subnormal numbers too.
        let missing = if magnitude == 0 { 0 } else { magnitude.leading_zeros() - 8 };
        let magnitude = i128::from(magnitude) << missing;
        let mantissa = if x.is_sign_negative() { -magnitude } else { magnitude };
        Self { mantissa, exponent: field.max(1) - 150 - missing.cast_signed() }
    }
}

/// A fraction whose denominator is above 0 and at most 2^125.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rational {
    numerator: i128,
    denominator: i128,
}

impl Rational {
    /// numerator · 2^exponent / denominator, of a numerator below 2^118 and a denominator below 2^56.
    ///
    /// What is below 2^-7 in magnitude and not 0 becomes another such number of the same sign, and what is above 2^40 another
    /// such number: every rounding and every word has the same result for both.
    pub(super) fn scaled(numerator: i128, denominator: i128, exponent: i32) -> Self {
        let sign = numerator.signum();
        let zeros = |value: i128| value.unsigned_abs().leading_zeros();
        let shift = exponent.unsigned_abs();
        match exponent {
            _ if sign == 0 => Self { numerator: 0, denominator: 1 },
            ..0 if shift + 3 <= zeros(denominator) => {
                Self { numerator, denominator: denominator << shift }
            }
            // Below 2^118 / 2^125.
            ..0 => Self { numerator: sign, denominator: 1 << 9 },
            0.. if shift + 2 <= zeros(numerator) => {
                Self { numerator: numerator << shift, denominator }
            }
            // Above 2^126 / 2^56.
            _ => Self { numerator: sign << 42, denominator: 1 },
        }
    }

    /// (factors[0] · scales[0] + factors[1] · scales[1]) / scales[2], of factors of at most 17 bits; what is far from every
    /// word as in [`Rational::scaled`].
    pub(super) fn sum_of_products(factors: [i32; 2], scales: [Float; 3]) -> Self {
        let [a, b, divisor] = scales;
        let terms = [(factors[0], a), (factors[1], b)]
            .map(|(factor, scale)| (i128::from(factor) * scale.mantissa, scale.exponent));
        // The term of the larger exponent first; a term of 0 has none.
        let (large, small) = match terms {
            [first, second] if second.0 == 0 || (first.0 != 0 && first.1 >= second.1) => {
                (first, second)
            }
            [first, second] => (second, first),
        };
        // Where the quotient is near a word, half of one is a multiple of 2^-34 in units of the first term: a second term
        // below 2^-34 of it only has a sign.
        let distance = if small.0 == 0 { 0 } else { large.1 - small.1 };
        let (shift, second) = match distance {
            0..=75 => (distance, small.0),
            _ => (75, small.0.signum()),
        };
        let numerator = (large.0 << shift) + second;
        Self::scaled(numerator, divisor.mantissa, large.1 - shift - divisor.exponent)
    }

    /// x / scale + zero_point of a finite `x`, a scale above 0, and a zero point that is a multiple of 2^-40 and at most 2^33
    /// in magnitude; what is far from every word as in [`Rational::scaled`].
    pub(super) fn affine(x: f32, scale: f32, zero_point: f64) -> Self {
        /// Fractional bits of a quotient that is not replaced by another one.
        const BITS: i32 = 46;
        let (x, scale) = (Float::new(x), Float::new(scale));
        let sign = x.mantissa.signum();
        let quotient = match x.exponent - scale.exponent {
            // Less than half of the zero point's last place.
            below if below < -BITS => sign * (scale.mantissa << 1),
            exponent @ ..=40 => x.mantissa << (exponent + BITS),
            _ => sign * (scale.mantissa << (BITS + 40)),
        };
        let fixed = exact::<i128>(zero_point * (1u64 << 30) as f64 * (1u64 << 10) as f64);
        Self {
            numerator: quotient + fixed * (scale.mantissa << (BITS - 40)),
            denominator: scale.mantissa << BITS,
        }
    }

    /// Whether it is at least 0.
    pub(super) fn is_nonnegative(self) -> bool {
        self.numerator >= 0
    }

    /// Rounded to an integer; stochastic rounding gives the integer below.
    pub(super) fn round(self, rounding: Rounding) -> i128 {
        let floor = self.numerator.div_euclid(self.denominator);
        let up = with_rounding!(rounding, M => <M as crate::number::rounding::Mode>::up(self));
        floor + i128::from(up)
    }

    fn remainder(self) -> i128 {
        self.numerator.rem_euclid(self.denominator)
    }
}

impl Parts for Rational {
    fn negative(self) -> bool {
        self.numerator < 0
    }

    fn odd(self) -> bool {
        self.numerator.div_euclid(self.denominator) & 1 != 0
    }

    fn whole(self) -> bool {
        self.remainder() == 0
    }

    fn above_half(self) -> bool {
        2 * self.remainder() > self.denominator
    }

    fn at_half(self) -> bool {
        2 * self.remainder() == self.denominator
    }

    fn carries(self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_24_bits() {
        let parts = |x: f32| {
            let Float { mantissa, exponent } = Float::new(x);
            (mantissa, exponent)
        };
        assert_eq!(parts(1.0), (1 << 23, -23));
        assert_eq!(parts(-1.5), (-(3 << 22), -23));
        assert_eq!(parts(f32::from_bits(1)), (1 << 23, -172));
        assert_eq!(parts(f32::MAX), ((1 << 24) - 1, 104));
        assert_eq!(parts(0.0).0, 0);
    }

    #[test]
    fn rounding_at_ties_and_at_the_ends() {
        let even = Rounding::NearestEven;
        let half = |n: i128| Rational::scaled(n << 23, 1 << 23, -1);
        assert_eq!([-3, -1, 1, 3, 5].map(|n| half(n).round(even)), [-2, 0, 0, 2, 2]);
        assert_eq!(Rational::scaled(-1, 1 << 23, -200).round(Rounding::Floor), -1);
        assert_eq!(Rational::scaled(1, 1 << 23, -200).round(even), 0);
        assert_eq!(Rational::scaled(-1, 1 << 23, 200).round(even), -(1 << 42));
        assert_eq!(Rational::affine(f32::from_bits(1), f32::MAX, 0.5).round(even), 1);
        assert_eq!(Rational::affine(-f32::from_bits(1), f32::MAX, 0.5).round(even), 0);
        assert_eq!(Rational::affine(0.0, 1.0, 0.5).round(even), 0);
        assert!(Rational::affine(f32::MAX, f32::from_bits(1), -4e9).round(even) > 1 << 39);
        assert_eq!(Rational::affine(-7.5, 3.0, -4.0).round(even), -6);
    }

    #[test]
    fn sums_of_far_apart_scales() {
        let round = |factors, scales: [f32; 3]| {
            Rational::sum_of_products(factors, scales.map(Float::new)).round(Rounding::NearestEven)
        };
        let least = f32::from_bits(1);
        assert_eq!(round([1, 0], [0.5, least, 1.0]), 0);
        assert_eq!(round([1, 1], [0.5, least, 1.0]), 1);
        assert_eq!(round([1, -1], [0.5, least, 1.0]), 0);
        assert_eq!(round([-1, 3], [least, 0.5, 1.0]), 1);
        assert_eq!(round([3, -3], [0.1, 0.1, f32::MAX]), 0);
        assert_eq!(round([5, 7], [0.1, 0.2, 0.1]), 19);
        assert_eq!(round([0, 3], [f32::MAX, least, least]), 3);
        assert!(round([1, -1], [f32::MAX, least, least]) > 1 << 33);
    }
}
