//! `float_quantize`.

use super::{Draws, QpytorchError, elements, round_bits};
use crate::number::minifloat::Minifloat;

/// QPyTorch's `float_quantize(x, exp, man, rounding)` on float32.
///
/// The 23 - m random bits r, ½ of the last kept bit for nearest, are added to the bits of x and the lower
/// ones cut off. A subnormal x goes through x ± 2^emin, whose sum is rounded to float32 first. Beyond
/// the largest value the result is that one with the sign of x, also for ±∞ and NaN, unless e = 8.
///
/// ```
/// use hwmodel::number::minifloat::Minifloat;
/// use hwmodel::number::qpytorch::{Draws, float_quantize};
/// let y = float_quantize(&[1.125, f32::NAN], Minifloat::new(5, 2)?, Draws::Nearest)?;
/// assert_eq!(y, [1.25, 114688.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the random integers are not one an element and below 2^(23-m).
pub fn float_quantize(
    x: &[f32],
    format: Minifloat,
    draws: Draws<'_>,
) -> Result<Vec<f32>, QpytorchError> {
    let dropped = 23 - format.mantissa_bits();
    let unit = Unit::new(format);
    elements(x, draws, (dropped, 1 << (dropped - 1)), |_, x, r| unit.quantise(x, r))
}

#[derive(Clone, Copy)]
struct Unit {
    mantissa_bits: u32,
    /// Biased float32 exponents of the smallest and the largest normal number.
    min_field: u32,
    max_field: u32,
    /// The bits of the largest value.
    largest: u32,
}

impl Unit {
    fn new(format: Minifloat) -> Self {
        let mantissa_bits = format.mantissa_bits();
        let max_field = (127 + format.max_exponent()).unsigned_abs();
        let dropped = 23 - mantissa_bits;
        Self {
            mantissa_bits,
            min_field: (127 + format.min_exponent()).unsigned_abs(),
            max_field,
            largest: max_field << 23 | 0x007f_ffff >> dropped << dropped,
        }
    }

    fn quantise(self, x: f32, r: u32) -> f32 {
        let bits = x.to_bits();
        let sign = bits & 0x8000_0000;
        if (bits >> 23 & 0xff) < self.min_field {
            let shift = f32::from_bits(self.min_field << 23 | sign);
            return f32::from_bits(round_bits(x + shift, self.mantissa_bits, r)) - shift;
        }
        let rounded = round_bits(x, self.mantissa_bits, r);
        if rounded >> 23 & 0xff > self.max_field {
            return f32::from_bits(sign | self.largest);
        }
        f32::from_bits(rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stated_values() {
        let y = |x: &[f32], e, m| {
            float_quantize(x, Minifloat::new(e, m).unwrap(), Draws::Nearest).unwrap()
        };
        // Saturation with the sign, ties away from zero.
        let x = [f32::INFINITY, f32::NEG_INFINITY, 1.125, -1.125];
        assert_eq!(y(&x, 5, 2), [114688.0, -114688.0, 1.25, -1.25]);
        assert_eq!(y(&[f32::MAX, -f32::MAX], 8, 7), [f32::INFINITY, f32::NEG_INFINITY]);
        let zero = y(&[-0.0, -1e-30], 5, 2);
        assert!(zero.iter().all(|y| *y == 0.0 && y.is_sign_positive()));
        // 2^-17 (1 - 2^-24) is below the tie of the step 2^-16, but x + 2^-14 rounds up to the tie.
        let below_tie = f32::from_bits(2f32.powi(-17).to_bits() - 1);
        assert_eq!(y(&[below_tie, below_tie * 0.9], 5, 2), [2f32.powi(-16), 0.0]);
    }
}
