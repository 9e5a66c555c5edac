//! A real factor as an integer and a power of two.

use crate::affine::AffineError;
use crate::cast::{exact, toward_zero};
use crate::number::rounding::{Mode, Shifted};

/// A factor m ≈ q · 2^(shift - 31), with q of 31 bits whose highest is set, or q = shift = 0.
///
/// TFLite's `QuantizeMultiplier`, which TFLite Micro and CMSIS-NN's tools use too: m = f · 2^shift with ½ ≤ f < 1, q = f · 2^31
/// to the nearest integer, ties away from zero; where that is 2^31, q is halved and shift one more; below 2^-32 the factor
/// is 0.
///
/// ```
/// use hwmodel::affine::requantise::Multiplier;
/// let parts = |m| Multiplier::new(m).map(|m| (m.multiplier(), m.shift()));
/// assert_eq!(parts(0.75)?, (3 << 29, 0));
/// assert_eq!(parts(1.0 / 1024.0)?, (1 << 30, -9));
/// assert_eq!(parts(1e-10)?, (0, 0));
/// assert!(parts(f64::NAN).is_err());
/// # Ok::<(), hwmodel::affine::AffineError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Multiplier {
    multiplier: i32,
    shift: i32,
}

impl Multiplier {
    /// The longest left shift in bits; a 32-bit word shifted farther has only zeros left.
    pub const LONGEST_SHIFT: i32 = 30;

    /// The multiplier and shift of a factor.
    ///
    /// # Errors
    /// If the factor is negative, not a number, or 2^30 or more.
    pub fn new(factor: f64) -> Result<Self, AffineError> {
        let parts = Self::parts(factor)?;
        if parts.shift > Self::LONGEST_SHIFT {
            return Err(AffineError::Multiplier { factor, most: "2^30" });
        }
        Ok(parts)
    }

    /// The same as TFLite built for single rounding has it: 2^30 or more becomes the largest multiplier and shift.
    ///
    /// # Errors
    /// If the factor is negative or not finite.
    pub fn limited(factor: f64) -> Result<Self, AffineError> {
        let parts = Self::parts(factor)?;
        if parts.shift > Self::LONGEST_SHIFT {
            return Ok(Self { multiplier: i32::MAX, shift: Self::LONGEST_SHIFT });
        }
        Ok(parts)
    }

    fn parts(factor: f64) -> Result<Self, AffineError> {
        if !(factor.is_finite() && factor >= 0.0) {
            return Err(AffineError::Multiplier { factor, most: "2^30" });
        }
        let (fraction, mut shift) = libm::frexp(factor);
        // 53 bits, of which 31 stay; `round` takes ties away from zero.
        let mut multiplier = toward_zero::<i64>((fraction * f64::from(1u32 << 31)).round());
        if multiplier == 1 << 31 {
            multiplier /= 2;
            shift += 1;
        }
        if multiplier == 0 || shift < -31 {
            return Ok(Self { multiplier: 0, shift: 0 });
        }
        Ok(Self { multiplier: exact(multiplier), shift })
    }

    /// The integer q.
    pub const fn multiplier(self) -> i32 {
        self.multiplier
    }

    /// The power of two, -31 to 30: the product by q is shifted right by 31 - shift bits.
    pub const fn shift(self) -> i32 {
        self.shift
    }

    /// Bits of a left shift before the product.
    #[inline(always)]
    pub(super) const fn left(self) -> u32 {
        if self.shift > 0 { self.shift.cast_unsigned() } else { 0 }
    }

    /// Bits of a right shift after the doubled high half of the product.
    #[inline(always)]
    pub(super) const fn right(self) -> u32 {
        if self.shift < 0 { self.shift.unsigned_abs() } else { 0 }
    }
}

/// `value · 2^-shift` rounded; `shift` is 0 to 62 bits.
#[inline(always)]
pub(in crate::affine) fn shifted<M: Mode>(value: i64, shift: u32) -> i64 {
    let parts = Shifted::new(value, shift, 0);
    parts.floor() + i64::from(M::up(parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::rounding::modes::{HalfUp, NearestAway};
    use proptest::prelude::*;

    fn parts(factor: f64) -> (i32, i32) {
        let Multiplier { multiplier, shift } = Multiplier::new(factor).unwrap();
        (multiplier, shift)
    }

    #[test]
    fn hand_worked_factors() {
        assert_eq!(parts(1.0), (1 << 30, 1));
        assert_eq!(parts(0.5), (1 << 30, 0));
        assert_eq!(parts(40.0), (5 << 28, 6));
        // Rounds to 2^31 and is halved; the last but one does not.
        assert_eq!(parts(1.0 - 0.5f64.powi(33)), (1 << 30, 1));
        assert_eq!(parts(1.0 - 0.5f64.powi(31)), (i32::MAX, 0));
        // A tie goes away from zero.
        assert_eq!(parts(0.5 + 0.5f64.powi(32)), ((1 << 30) + 1, 0));
        assert_eq!(parts(0.5f64.powi(32)), (1 << 30, -31));
        assert_eq!(parts(0.5f64.powi(33)), (0, 0));
        assert_eq!(parts(0.0), (0, 0));
        assert_eq!(parts(f64::from_bits(1)), (0, 0));
    }

    #[test]
    fn large_factors() {
        let most = f64::from(1u32 << 30);
        assert_eq!(parts(most - 1.0).1, 30);
        for factor in [most, 1e300] {
            let error = Multiplier::new(factor).unwrap_err().to_string();
            assert!(error.contains("use 0 up to but not including 2^30"), "{error}");
            let limited = Multiplier::limited(factor).unwrap();
            assert_eq!((limited.multiplier, limited.shift), (i32::MAX, 30));
        }
        for factor in [-0.5, f64::NAN, f64::INFINITY] {
            assert!(Multiplier::new(factor).is_err() && Multiplier::limited(factor).is_err());
        }
    }

    proptest! {
        #[test]
        fn the_multiplier_is_the_nearest(fraction in 0.5f64..1.0, shift in -31i32..30) {
            let factor = libm::ldexp(fraction, shift);
            let (multiplier, shift) = parts(factor);
            prop_assert!(multiplier >= 1 << 30);
            let held = libm::ldexp(multiplier.into(), shift - 31);
            prop_assert!((held - factor).abs() <= libm::ldexp(0.5, shift - 31));
        }

        #[test]
        fn shifts_round_the_exact_quotient(value in -(1i64 << 62)..1 << 62, shift in 0u32..=62) {
            let unit = 1i128 << shift;
            let twice = 2 * i128::from(value) + unit;
            prop_assert_eq!(i128::from(shifted::<HalfUp>(value, shift)), twice.div_euclid(2 * unit));
            let away = (2 * i128::from(value).abs() + unit).div_euclid(2 * unit);
            let away = if value < 0 { -away } else { away };
            prop_assert_eq!(i128::from(shifted::<NearestAway>(value, shift)), away);
        }
    }
}
