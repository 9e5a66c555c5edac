//! Trunc: drops the last bits of quantised values, as after an average pool.

use super::super::AffineError;
use super::QonnxRounding;
use super::int_quant::{check_bits, clipped, limits};
use crate::cast::nearest_f32;
use crate::number::format::exp2;

/// qonnx 1.0.0, `custom_op/general/trunc.py`, version 1.
///
/// ```text
/// y     = half_even(f32(f32(x / scale) + zero point))
/// q     = round(f32(y / 2^(in_bits - out_bits)))
/// value = f32(f32(q - zero point) · scale)
/// ```
///
/// The scale stays that of the input, so that the value itself is divided, and nothing is limited to `out_bits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TruncV1 {
    dropped: u32,
    rounding: QonnxRounding,
}

impl TruncV1 {
    /// From `in_bits` to `out_bits` bits.
    ///
    /// # Errors
    /// If a width is more than 32 bits, `in_bits` is 0, or there are more bits after than before.
    pub fn new(in_bits: u32, out_bits: u32, rounding: QonnxRounding) -> Result<Self, AffineError> {
        check_bits(in_bits)?;
        match in_bits.checked_sub(out_bits) {
            Some(dropped) => Ok(Self { dropped, rounding }),
            None => Err(AffineError::Bits(out_bits)),
        }
    }

    /// The integer after the division, zero point included.
    pub fn integer(&self, x: f32, scale: f32, zero_point: f32) -> f32 {
        let y = (x / scale + zero_point).round_ties_even();
        self.rounding.float32(y / nearest_f32(exp2(self.dropped.cast_signed())))
    }

    /// The result of the operator.
    ///
    /// ```
    /// use hwmodel::affine::qonnx::TruncV1;
    /// // The mean of four values from their sum 7 · 0.5.
    /// let mean = TruncV1::new(10, 8, "FLOOR".parse()?)?;
    /// assert_eq!(mean.value(3.5, 0.5, 0.0), 0.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn value(&self, x: f32, scale: f32, zero_point: f32) -> f32 {
        (self.integer(x, scale, zero_point) - zero_point) * scale
    }
}

/// qonnx 1.0.0, `custom_op/general/trunc.py`, version 2; also brevitas 0.13.4's TruncIntQuant where `out_scale` is
/// scale · 2^(in_bits - out_bits).
///
/// ```text
/// d     = 2^(log2 f32(out_scale / scale), rounded to an integer)
/// y     = half_even(f32(f32(x / scale) + zero point))
/// q     = round(clamp(f32(y / d), limits of out_bits))
/// value = f32(f32(q - f32(zero point / d)) · out_scale)
/// ```
///
/// The limits are those of [`IntQuant`](super::IntQuant); `in_bits` is not used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruncV2 {
    scale: f32,
    out_scale: f32,
    /// d.
    divisor: f32,
    limits: (f32, f32),
    rounding: QonnxRounding,
}

impl TruncV2 {
    /// From words of `scale` to words of `out_scale` and `out_bits` bits.
    ///
    /// # Errors
    /// If the width is not 1 to 32 bits, or a scale or their quotient is not finite and above 0.
    pub fn new(
        scale: f32,
        out_scale: f32,
        (out_bits, signed, narrow): (u32, bool, bool),
        rounding: QonnxRounding,
    ) -> Result<Self, AffineError> {
        check_bits(out_bits)?;
        let ratio = out_scale / scale;
        super::super::requantise::check_scales(&[scale, out_scale, ratio])?;
        let divisor = nearest_f32(exp2(nearest_log2(ratio)));
        let limits = limits(out_bits, signed, narrow);
        Ok(Self { scale, out_scale, divisor, limits, rounding })
    }

    /// The integer after the division, in steps of `out_scale`, zero point included.
    pub fn integer(&self, x: f32, zero_point: f32) -> f32 {
        let y = (x / self.scale + zero_point).round_ties_even();
        self.rounding.float32(clipped(y / self.divisor, self.limits))
    }

    /// The result of the operator.
    pub fn value(&self, x: f32, zero_point: f32) -> f32 {
        (self.integer(x, zero_point) - zero_point / self.divisor) * self.out_scale
    }
}

/// The integer nearest to log2 of a positive `x`; no x is halfway, since √2 is irrational.
fn nearest_log2(x: f32) -> i32 {
    // ⌊log2 x + ½⌋ = ⌊log2(2x²) / 2⌋, and a float64 holds 2x² exactly.
    let square = 2.0 * f64::from(x) * f64::from(x);
    let exponent = (square.to_bits() >> 52 & 0x7ff).cast_signed();
    let exponent: i32 = crate::cast::exact(exponent - 1023);
    exponent.div_euclid(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(name: &str) -> QonnxRounding {
        name.parse().unwrap()
    }

    #[test]
    fn logarithms_round_at_the_root_of_two() {
        use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};
        // Both constants are just below the irrational number.
        let below = [SQRT_2, 2.0 * SQRT_2, FRAC_1_SQRT_2];
        assert_eq!(below.map(nearest_log2), [0, 1, -1]);
        assert_eq!(below.map(|x| nearest_log2(x.next_up())), [1, 2, 0]);
        assert_eq!([1.0, 0.75, 1.5].map(nearest_log2), [0, 0, 1]);
        assert_eq!([f32::from_bits(1), f32::MAX].map(nearest_log2), [-149, 128]);
    }

    #[test]
    fn version_one_keeps_scale_and_range() {
        let trunc = TruncV1::new(8, 4, mode("FLOOR")).unwrap();
        assert_eq!(trunc.integer(127.0, 1.0, 0.0), 7.0);
        // Nothing is limited to 4 bits: 16 is beyond them.
        assert_eq!(trunc.integer(256.0, 1.0, 0.0), 16.0);
        assert_eq!(trunc.value(40.0, 0.5, 8.0), (5.0 - 8.0) * 0.5);
        // 2.5 · scale is an integer of 2 before the division.
        assert_eq!(TruncV1::new(8, 8, mode("CEIL")).unwrap().integer(2.5, 1.0, 0.0), 2.0);
        assert_eq!(TruncV1::new(8, 7, mode("HALF_UP")).unwrap().integer(-3.0, 1.0, 0.0), -2.0);
    }

    #[test]
    fn version_two_limits_and_rescales() {
        let trunc = TruncV2::new(0.5, 8.0, (4, true, false), mode("FLOOR")).unwrap();
        assert_eq!(trunc.integer(1000.0, 0.0), 7.0);
        assert_eq!(trunc.value(-33.0, 0.0), -40.0);
        assert_eq!(trunc.value(4.0, 8.0), (1.0 - 0.5) * 8.0);
        // 1.2 · 16 is 16 to the nearest power of two.
        let near = TruncV2::new(0.5, 9.6, (4, true, true), mode("ROUND")).unwrap();
        assert_eq!(near.value(-1000.0, 0.0), -7.0 * 9.6);
    }

    #[test]
    fn impossible_operators_are_refused() {
        assert_eq!(TruncV1::new(8, 9, mode("FLOOR")), Err(AffineError::Bits(9)));
        assert_eq!(TruncV1::new(33, 9, mode("FLOOR")), Err(AffineError::Bits(33)));
        assert!(TruncV1::new(8, 0, mode("FLOOR")).is_ok());
        let v2 = |scale, out_scale, bits| {
            TruncV2::new(scale, out_scale, (bits, true, false), mode("FLOOR"))
        };
        for (scale, out_scale) in [
            (0.0, 1.0),
            (1.0, f32::NAN),
            (-1.0, 1.0),
            (f32::MAX, f32::from_bits(1)),
            (1.0, f32::INFINITY),
        ] {
            assert!(matches!(v2(scale, out_scale, 8), Err(AffineError::Scale { .. })));
        }
        assert_eq!(v2(1.0, 1.0, 0), Err(AffineError::Bits(0)));
    }
}
