//! The factor as a real number.

use super::{Requantise, Scales};
use crate::Rounding;
use crate::affine::rational::{Float, Rational};
use crate::affine::{AffineError, WordRange};
use crate::cast::exact;

/// What the scales say, rounded once: what every other rule approximates.
///
/// ```text
/// word = clamp(half_even(sum · input · weight / output) + zero point, lowest, highest)
/// ```
///
/// The float32 scales are taken as exact rational numbers and nothing is rounded on the way.
#[derive(Debug)]
pub struct ExactFactor;

/// numerator · 2^exponent / denominator: a product of float32 scales divided by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// At most 48 bits.
    numerator: i64,
    /// At most 55 bits.
    denominator: i64,
    exponent: i32,
}

impl Ratio {
    /// input · weight / output.
    ///
    /// # Errors
    /// If a scale is not finite and above 0.
    pub fn new(scales: Scales) -> Result<Self, AffineError> {
        let Scales { input, weight, output } = scales.checked()?;
        let [input, weight, output] = [input, weight, output].map(Float::new);
        Ok(Self {
            numerator: exact(input.mantissa * weight.mantissa),
            denominator: exact(output.mantissa),
            exponent: input.exponent + weight.exponent - output.exponent,
        })
    }

    /// input / (output · count): the factor of a mean of `count` words.
    ///
    /// # Errors
    /// If a scale is not finite and above 0, or the count is not 1 to 2^31.
    pub fn mean(input: f32, output: f32, count: usize) -> Result<Self, AffineError> {
        if count == 0 || count > 1 << 31 {
            let why = "the factor of a mean is held for 1 to 2^31 words";
            return Err(AffineError::Count { what: "words", given: count, needed: 1, why });
        }
        let ratio = Self::new(Scales { input, weight: 1.0, output })?;
        Ok(Self { denominator: ratio.denominator * exact::<i64>(count), ..ratio })
    }

    /// sum · ratio, rounded; beyond 2^33 any number beyond it.
    #[inline]
    pub fn rounded(self, sum: i64, rounding: Rounding) -> i64 {
        let numerator = i128::from(sum) * i128::from(self.numerator);
        let value = Rational::scaled(numerator, self.denominator.into(), self.exponent);
        let most = i128::from(i64::MAX >> 1);
        exact(value.round(rounding).clamp(-most, most))
    }
}

impl Requantise for ExactFactor {
    const NAME: &'static str = "exact";
    type Factor = Ratio;

    fn factor(scales: Scales) -> Result<Ratio, AffineError> {
        Ratio::new(scales)
    }

    #[inline]
    fn word(sum: i64, factor: Ratio, range: WordRange) -> i32 {
        let rounded = factor.rounded(sum, Rounding::NearestEven);
        range.limit(rounded + i64::from(range.zero_point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(sum: i64, [input, weight, output]: [f32; 3], range: WordRange) -> i32 {
        let factor = ExactFactor::factor(Scales { input, weight, output }).unwrap();
        ExactFactor::word(sum, factor, range)
    }

    #[test]
    fn one_rounding_of_the_real_number() {
        let range = WordRange::int8(1);
        assert_eq!([-3, -1, 1, 3].map(|sum| word(sum, [0.5, 1.0, 1.0], range)), [-1, 1, 1, 3]);
        // Just above a tie, which float32 does not see.
        let scale = 0.5f32.powi(25);
        assert_eq!(word((1 << 24) + 1, [scale, 1.0, 1.0], WordRange::int8(0)), 1);
        // 3 / 10 in float32 is above 0.3: 5 of it are above 1.5.
        assert_eq!(word(5, [0.3, 1.0, 1.0], WordRange::int8(0)), 2);
    }

    #[test]
    fn scales_of_any_magnitude() {
        let (least, most) = (f32::from_bits(1), f32::MAX);
        let range = WordRange::uint8(9);
        for sum in [1, -1, i64::from(i32::MAX), i64::MIN + 1, i64::MAX] {
            let beyond = if sum > 0 { 255 } else { 0 };
            assert_eq!(word(sum, [least, least, most], range), 9);
            assert_eq!(word(sum, [most, most, least], range), beyond);
        }
        assert_eq!(word(3, [least, 1.0, least], range), 12);
        assert_eq!(word(-3, [most, least, least], WordRange::int8(0)), -128);
        assert_eq!(word(0, [most, most, least], range), 9);
    }
}
