//! FloatQuant: floats to small floats of any exponent, mantissa and bias.

use super::super::AffineError;
use super::QonnxRounding;
use crate::cast::nearest_f32;
use crate::number::format::exp2;

/// qonnx 1.0.0, `custom_op/general/floatquant.py`.
///
/// ```text
/// t     = f32(x / scale)
/// e     = max(⌊log2 f32(|t| + 2^-126)⌋ - M, 1 - bias - M)     exponent of the last place; underflow is gradual
/// q     = f32(round(f32(t / 2^e)) · 2^e)
/// top   = min((2 - 2^-M) · 2^(2^E - 1 - bias), max_val)       no code is kept for infinity or NaN
/// r     = clamp(q, -top, top); without saturation ±∞ beyond top if has_inf, else NaN
/// value = f32(r · scale)
/// ```
///
/// FP8 E4M3 needs `max_val` = 448. The tool takes log2 in float32, which differs from the exact one within 1e-4 of a power of
/// two; `has_subnormal` has no effect there and is not a field here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloatQuant {
    /// Exponent bits E, 1 to 8.
    pub exponent_bits: u32,
    /// Mantissa bits M, 0 to 23.
    pub mantissa_bits: u32,
    /// Bias of the exponent, -512 to 512.
    pub bias: i32,
    /// The largest magnitude, above 0.
    pub max_val: f32,
    /// Whether a value beyond the largest magnitude becomes ±∞ without saturation.
    pub has_inf: bool,
    /// Whether a value beyond the largest magnitude becomes that one.
    pub saturation: bool,
    /// The rounding mode.
    pub rounding: QonnxRounding,
}

impl FloatQuant {
    /// These settings, if they are possible.
    ///
    /// # Errors
    /// If a number of bits, the bias or the largest magnitude is impossible.
    pub fn checked(self) -> Result<Self, AffineError> {
        let possible = (1..=8).contains(&self.exponent_bits)
            && self.mantissa_bits <= 23
            && self.bias.abs() <= 512
            && self.max_val > 0.0;
        possible.then_some(self).ok_or(AffineError::FloatFormat {
            exponent_bits: self.exponent_bits,
            mantissa_bits: self.mantissa_bits,
            bias: self.bias,
            max_val: self.max_val,
        })
    }

    /// The result of the operator, of settings that are [`checked`](Self::checked) and a scale that is finite and above 0.
    ///
    /// ```
    /// use hwmodel::affine::qonnx::FloatQuant;
    /// let rounding = "ROUND".parse()?;
    /// let (has_inf, saturation) = (false, true);
    /// let e4m3 = FloatQuant { exponent_bits: 4, mantissa_bits: 3, bias: 7, max_val: 448.0, has_inf, saturation, rounding };
    /// let e4m3 = e4m3.checked()?;
    /// assert_eq!([1.0625, 1000.0, 0.001].map(|x| e4m3.value(x, 1.0)), [1.0, 448.0, 0.001953125]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn value(&self, x: f32, scale: f32) -> f32 {
        let mantissa = self.mantissa_bits.cast_signed();
        let t = x / scale;
        let exponent =
            (floor_log2(t.abs() + f32::MIN_POSITIVE) - mantissa).max(1 - self.bias - mantissa);
        // Powers of two: the division and the product round only what float32 cannot hold.
        let rounded = self.rounding.float32(nearest_f32(f64::from(t) * exp2(-exponent)));
        let q = nearest_f32(f64::from(rounded) * exp2(exponent));
        let top = (2.0 - exp2(-mantissa)) * exp2((1 << self.exponent_bits) - 1 - self.bias);
        let top = top.min(self.max_val.into());
        if f64::from(q.abs()) <= top || q.is_nan() {
            return q * scale;
        }
        let beyond = match (self.saturation, self.has_inf) {
            (true, _) => nearest_f32(top),
            (false, true) => f32::INFINITY,
            (false, false) => f32::NAN,
        };
        beyond.copysign(q) * scale
    }
}

/// ⌊log2 x⌋ of an x of at least 2^-126; 128 of infinity and NaN.
fn floor_log2(x: f32) -> i32 {
    (x.to_bits() >> 23 & 0xff).cast_signed() - 127
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quant(exponent_bits: u32, mantissa_bits: u32, bias: i32, max_val: f32) -> FloatQuant {
        let rounding = "ROUND".parse().unwrap();
        let (has_inf, saturation) = (false, true);
        FloatQuant { exponent_bits, mantissa_bits, bias, max_val, has_inf, saturation, rounding }
    }

    #[test]
    fn ties_subnormals_and_the_top() {
        let e2m1 = quant(2, 1, 1, f32::MAX).checked().unwrap();
        // 0, 0.5, 1, 1.5, 2, 3, 4, 6, and, since no code is kept, 8 and 12 do not exist: 2^(3-1) · 1.5 = 6.
        let found = [0.2, 0.25, 0.75, 1.25, 2.5, 5.0, 7.0, -1e9].map(|x| e2m1.value(x, 1.0));
        assert_eq!(found, [0.0, 0.0, 1.0, 1.0, 2.0, 4.0, 6.0, -6.0]);
        assert_eq!(e2m1.value(2.5, 2.0), 2.0);
        assert!(e2m1.value(f32::NAN, 1.0).is_nan());
        assert_eq!(e2m1.value(f32::INFINITY, 0.5), 3.0);
        let open = FloatQuant { saturation: false, ..e2m1 };
        assert!(open.value(9.0, 1.0).is_nan());
        assert_eq!(FloatQuant { has_inf: true, ..open }.value(-9.0, 1.0), f32::NEG_INFINITY);
    }

    #[test]
    fn exponents_beyond_float32() {
        let bfloat = quant(8, 7, 127, f32::MAX).checked().unwrap();
        assert_eq!(bfloat.value(f32::MAX, 1.0), f32::MAX);
        assert_eq!(bfloat.value(1.0, 1.0), 1.0);
        let tiny = quant(8, 23, 512, 1.0).checked().unwrap();
        assert_eq!(
            tiny.value(f32::from_bits(1), 1.0),
            0.0f32.max(tiny.value(f32::from_bits(1), 1.0))
        );
    }

    #[test]
    fn impossible_formats_are_refused() {
        for (e, m, bias, max) in [
            (0, 3, 1, 1.0),
            (9, 3, 1, 1.0),
            (4, 24, 1, 1.0),
            (4, 3, 513, 1.0),
            (4, 3, i32::MIN + 1, 1.0),
            (4, 3, 1, 0.0),
            (4, 3, 1, -1.0),
            (4, 3, 1, f32::NAN),
        ] {
            let error = quant(e, m, bias, max).checked().unwrap_err();
            assert!(matches!(error, AffineError::FloatFormat { .. }), "{error}");
        }
    }
}
