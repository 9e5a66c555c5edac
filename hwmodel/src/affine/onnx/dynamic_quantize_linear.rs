//! DynamicQuantizeLinear: bytes with the scale of their tensor's range.

use super::super::quantise::QuantiseRule;
use super::super::{AffineError, AffineTensor, Quantisation};
use crate::cast::toward_zero;
use crate::parallel;
use crate::{Format, SimdLevel};

/// Elements a thread handles at a time.
const CHUNK: usize = 1 << 14;

/// Which implementation of DynamicQuantizeLinear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DynamicQuantise {
    /// ONNX Runtime 1.32.0: the scale is 1 where all values are 0.
    OnnxRuntime,
    /// The reference evaluator of onnx 1.23.2: the scale is f32(1 / 255) where all values are 0.
    ReferenceEvaluator,
}

/// The bytes (unsigned) of `x`.
///
/// ```text
/// low, high  = min(0, min x), max(0, max x)
/// scale      = f32(f32(high - low) / 255)
/// zero point = clamp(half_even(f32(0 - f32(low / scale))), 0, 255)
/// word       = QuantizeLinear(x, scale, zero point)
/// ```
///
/// ```
/// use hwmodel::SimdLevel;
/// use hwmodel::affine::onnx::{DynamicQuantise, dynamic_quantize_linear};
/// let rule = DynamicQuantise::OnnxRuntime;
/// let bytes = dynamic_quantize_linear(SimdLevel::best(), rule, &[-1.0, 0.0, 1.55], &[3])?;
/// assert_eq!(bytes.words().data().to_i32(), [0, 100, 255]);
/// assert_eq!(bytes.quantisation().scales(), [0.01]);
/// # Ok::<(), hwmodel::affine::AffineError>(())
/// ```
///
/// # Errors
/// If x does not have the elements of the shape, holds a NaN, or its range divided by 255 is not a float32 above 0.
pub fn dynamic_quantize_linear(
    simd: SimdLevel,
    rule: DynamicQuantise,
    x: &[f32],
    shape: &[usize],
) -> Result<AffineTensor, AffineError> {
    let ends = parallel::map(x.chunks(CHUNK), |x| {
        x.iter().fold((0f32, 0f32, false), |(low, high, nan), &x| {
            (if x < low { x } else { low }, if x > high { x } else { high }, nan | x.is_nan())
        })
    });
    if ends.iter().any(|(_, _, nan)| *nan) {
        let index = x.iter().position(|x| x.is_nan()).unwrap_or(0);
        return Err(AffineError::NotANumber { index });
    }
    let low = ends.iter().fold(0f32, |low, end| low.min(end.0));
    let high = ends.iter().fold(0f32, |high, end| high.max(end.1));
    let range = if high > low { high - low } else { 0.0 };
    let scale = match (range > 0.0, rule) {
        (false, DynamicQuantise::OnnxRuntime) => 1.0,
        (false, DynamicQuantise::ReferenceEvaluator) => 1.0 / 255.0,
        (true, _) => range / 255.0,
    };
    let zero_point = (0.0 - low / scale).round_ties_even().clamp(0.0, 255.0);
    let quantisation = Quantisation::per_tensor(scale, toward_zero(zero_point.into()))?;
    let bytes = Format::unsigned(8, 0).map_err(|_| AffineError::Bits(8))?;
    AffineTensor::quantise(simd, QuantiseRule::OnnxRuntime, x, shape, bytes, quantisation)
}
