//! Bitwise comparison of float32 results.

use hwmodel::cast::toward_zero;
use std::fmt;

/// A float32 that is equal to another one with the same bits; every NaN equals every other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits(pub(super) f32);

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits() || (self.0.is_nan() && other.0.is_nan())
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x} ({:e})", self.0.to_bits(), self.0)
    }
}

/// `value` / `step`, a power of two, if that is an integer.
pub(super) fn multiple(value: f32, step: f64) -> Option<i64> {
    let multiple = f64::from(value) / step;
    let integer = multiple.abs() < 9e15 && multiple.fract() == 0.0;
    integer.then_some(toward_zero::<i64>(multiple))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_integers() {
        assert!(Bits(0.0) != Bits(-0.0) && Bits(f32::NAN) == Bits(-f32::NAN));
        assert_eq!(Bits(-1.5).to_string(), "bfc00000 (-1.5e0)");
        assert_eq!(multiple(1.5, 0.25), Some(6));
        for none in [0.3, f32::NAN, f32::INFINITY] {
            assert_eq!(multiple(none, 0.25), None);
        }
    }
}
