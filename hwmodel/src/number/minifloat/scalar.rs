//! The scalar definition of float32 → 1-e-m, in exact integers.

use super::{Minifloat, MinifloatError};
use crate::cast::nearest_f32;
use crate::number::format::exp2;
use crate::number::rounding::Rounding;

/// Quantises one number, the definition of [`quantise`](super::quantise) for a given random number.
///
/// With q = 2^(max(⌊log2|x|⌋, emin) - m) the result is round(x / q) · q, saturated to ±[`Minifloat::max_value`]
/// (e = 8: ±∞ from 2^128 on); a result of zero is +0. `r24` is read by [`Rounding::Stochastic`] only,
/// which rounds magnitudes: sign(x) · ⌊|x| / q + r⌋ · q with r the low 24 bits of `r24` divided by
/// 2^24. An even multiple of q is the even one of a tie.
///
/// ```
/// use hwmodel::Rounding;
/// use hwmodel::number::minifloat::{Minifloat, quantise_with};
/// let format = Minifloat::new(4, 3)?;
/// assert_eq!(quantise_with(1.0625, format, Rounding::NearestAway, 0)?, 1.125);
/// assert_eq!(quantise_with(1.0625, format, Rounding::NearestEven, 0)?, 1.0);
/// assert_eq!(quantise_with(1e9, format, Rounding::NearestAway, 0)?, 480.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `x` is NaN.
pub fn quantise_with(
    x: f32,
    format: Minifloat,
    rounding: Rounding,
    r24: u32,
) -> Result<f32, MinifloatError> {
    if x.is_nan() {
        return Err(MinifloatError::NotANumber { index: 0 });
    }
    let magnitude = if x.is_infinite() { f64::INFINITY } else { round(x, format, rounding, r24) };
    let saturated = match format.exponent_bits() {
        8 => magnitude,
        _ => magnitude.min(format.max_value()),
    };
    // A cast, which gives ∞ from 2^128 on, is exact for everything else on the grid.
    let magnitude = nearest_f32(saturated);
    Ok(if x < 0.0 && magnitude > 0.0 { -magnitude } else { magnitude })
}

/// |round(x / q) · q| of a finite `x`.
fn round(x: f32, format: Minifloat, rounding: Rounding, r24: u32) -> f64 {
    // |x| = mantissa · 2^exponent with a mantissa of at most 24 bits.
    let field = (x.to_bits() >> 23 & 0xff) as i32;
    let mantissa = x.to_bits() & 0x007f_ffff | if field > 0 { 0x0080_0000 } else { 0 };
    let mantissa = i128::from(mantissa);
    let exponent = field.max(1) - 150;
    let quantum = (exponent + 23).max(format.min_exponent()) - format.mantissa_bits() as i32;
    // At least 23 - m ≥ 1 bits are dropped.
    let shift = (quantum - exponent).unsigned_abs();
    let multiple = if rounding == Rounding::Stochastic {
        let fine = (mantissa << 24) >> shift.min(126);
        (fine + i128::from(r24 & 0x00ff_ffff)) >> 24
    } else {
        let signed = if x < 0.0 { -mantissa } else { mantissa };
        // Beyond 2^-100 only the sign of what is dropped matters.
        match shift {
            ..=100 => rounding.shift_right(signed, shift, 0),
            _ => rounding.shift_right(signed.signum(), 100, 0),
        }
        .abs()
    };
    multiple as f64 * exp2(quantum)
}
