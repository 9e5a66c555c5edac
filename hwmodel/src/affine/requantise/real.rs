//! The factor in float64.

use super::RealRule;
use crate::affine::AffineError;
use crate::cast::toward_zero;

/// LiteRT's reference FULLY_CONNECTED, and any FULLY_CONNECTED with int64 biases.
///
/// ```text
/// scaled = half_away(f64(f64(sum) · factor))
/// ```
///
/// f64(·) is the nearest float64, ties to even.
#[derive(Debug)]
pub struct Real;

/// The largest magnitude of a result, beyond every word; a zero point can be added to it.
const MOST: f64 = (1u64 << 62) as f64;

impl RealRule for Real {
    const RULE: &'static str = "real";
    const ALSO: &'static [&'static str] = &["float64", "litert-fully-connected"];
    type Factor = f64;

    fn of_real(factor: f64) -> Result<f64, AffineError> {
        match factor.is_finite() && factor >= 0.0 {
            true => Ok(factor),
            false => Err(AffineError::Multiplier { factor, most: "infinity" }),
        }
    }

    #[inline(always)]
    #[allow(clippy::cast_precision_loss, reason = "the rule rounds")]
    fn scaled(sum: i64, factor: f64) -> i64 {
        let product = sum as f64 * factor;
        // Without a library call, unlike `round`: the fraction is exact.
        let whole = product.trunc();
        let away = if (product - whole).abs() >= 0.5 { 1.0f64.copysign(product) } else { 0.0 };
        toward_zero((whole + away).clamp(-MOST, MOST))
    }
}
