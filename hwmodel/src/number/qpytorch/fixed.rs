//! `fixed_point_quantize`.

use super::{Draws, QpytorchError, elements};
use crate::cast::nearest_f32;
use crate::number::format::{Format, exp2};

/// The arguments `clamp` and `symmetric` of `fixed_point_quantize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clamp {
    /// `clamp=False`: no limits.
    None,
    /// `clamp=True`: -2^(WL-FL-1) to 2^(WL-FL-1) - 2^-FL.
    Asymmetric,
    /// `clamp=True, symmetric=True`: the same without the lowest value.
    Symmetric,
}

impl Clamp {
    /// The limits as the library computes them: from WL = 26 on float32 cannot hold them and they are
    /// one step too large.
    fn limits(self, format: Format) -> (f32, f32) {
        let step = exp2(-format.fl());
        let min = nearest_f32(-exp2(format.wl() as i32 - format.fl() - 1));
        let max = nearest_f32(f64::from(-min) - step);
        match self {
            Self::None => (f32::NEG_INFINITY, f32::INFINITY),
            Self::Asymmetric => (min, max),
            Self::Symmetric => (nearest_f32(f64::from(min) + step), max),
        }
    }
}

/// QPyTorch's `fixed_point_quantize(x, wl, fl, clamp, symmetric, rounding)` on float32.
///
/// y = round(x · 2^FL + r - ½) · 2^-FL, nearest even, where the sum of x · 2^FL and r is rounded to
/// float32; r = ½ for nearest, else a 24-bit integer divided by 2^24. NaN stays NaN.
///
/// ```
/// use hwmodel::Format;
/// use hwmodel::number::qpytorch::{Clamp, Draws, fixed_point_quantize};
/// let format = Format::new(8, 0)?;
/// // The sum loses what is above the tie.
/// let y = fixed_point_quantize(&[1.5, 0.50000006], format, Clamp::Asymmetric, Draws::Nearest)?;
/// assert_eq!(y, [2.0, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the random integers are not one an element and below 2^24.
pub fn fixed_point_quantize(
    x: &[f32],
    format: Format,
    clamp: Clamp,
    draws: Draws<'_>,
) -> Result<Vec<f32>, QpytorchError> {
    let (min, max) = clamp.limits(format);
    let (scale, step) = (format.scale(), format.step());
    elements(x, draws, (24, 1 << 23), |_, x, r24| {
        let r = r24 as f32 / 16_777_216.0;
        let sum = nearest_f32(f64::from(x) * scale) + r;
        let y = nearest_f32((f64::from(sum) - 0.5).round_ties_even() * step);
        // In this order, so that NaN passes.
        if y > max {
            max
        } else if y < min {
            min
        } else {
            y
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(x: &[f32], wl: u32, fl: i32, clamp: Clamp) -> Vec<f32> {
        let format = Format::new(wl, fl).unwrap();
        fixed_point_quantize(x, format, clamp, Draws::Nearest).unwrap()
    }

    /// Values of the library that the README of the golden files states.
    #[test]
    fn stated_values() {
        let x = [0.5, 1.5, -2.5, f32::from_bits(0x3f00_0001), -f32::from_bits(0x3f00_0001)];
        assert_eq!(nearest(&x, 8, 0, Clamp::Asymmetric), [0.0, 2.0, -2.0, 0.0, -1.0]);
        let x = [8_388_609.0, 16_777_215.0];
        assert_eq!(nearest(&x, 32, 0, Clamp::None), [8_388_610.0, 16_777_216.0]);
        let limits = [f32::INFINITY, f32::NEG_INFINITY];
        assert_eq!(nearest(&limits, 8, 4, Clamp::Asymmetric), [7.9375, -8.0]);
        assert_eq!(nearest(&limits, 8, 4, Clamp::Symmetric), [7.9375, -7.9375]);
        assert_eq!(nearest(&limits, 8, 4, Clamp::None), limits);
        assert_eq!(nearest(&limits, 26, 0, Clamp::Asymmetric), [33_554_432.0, -33_554_432.0]);
        assert_eq!(nearest(&limits, 26, 0, Clamp::Symmetric)[1], -33_554_432.0);
        assert_eq!(nearest(&limits, 1, 0, Clamp::Symmetric), [0.0, 0.0]);
        assert!(nearest(&[f32::NAN], 8, 4, Clamp::Symmetric)[0].is_nan());
        let signs = nearest(&[-0.0, -0.1], 8, 0, Clamp::None);
        assert!(signs[0].is_sign_positive() && signs[1] == 0.0 && signs[1].is_sign_negative());
    }

    #[test]
    fn an_odd_integer_moves_with_the_extreme_random_numbers() {
        let format = Format::new(8, 0).unwrap();
        let y = |r| fixed_point_quantize(&[3.0], format, Clamp::None, Draws::Stochastic(&[r]));
        assert_eq!(y(0).unwrap(), [2.0], "3 - ½ is a tie to the even 2");
        assert_eq!(y(1 << 23).unwrap(), [3.0]);
        assert_eq!(y((1 << 24) - 1).unwrap(), [4.0], "3 + r becomes 4");
    }
}
