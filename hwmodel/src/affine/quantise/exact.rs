//! QuantizeLinear with real numbers.

use super::{Quantise, WordRange};
use crate::Rounding;
use crate::affine::rational::Rational;
use crate::cast::exact;

/// What QuantizeLinear's definition says of real numbers.
///
/// ```text
/// word = clamp(half_even(x / scale) + zero point, lowest, highest)
/// ```
///
/// The quotient of the two float32 numbers is not rounded. A NaN becomes the lowest word, and ±∞ saturates, as in ONNX Runtime.
#[derive(Debug)]
pub struct Exact;

impl Quantise for Exact {
    const NAME: &'static str = "exact";

    fn word(x: f32, scale: f32, range: WordRange) -> i32 {
        if !x.is_finite() {
            return if x > 0.0 { range.highest } else { range.lowest };
        }
        let rounded = Rational::affine(x, scale, 0.0).round(Rounding::NearestEven);
        range.limit(exact::<i64>(rounded) + i64::from(range.zero_point))
    }
}
