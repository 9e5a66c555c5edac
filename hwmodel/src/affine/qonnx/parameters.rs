//! Scales and zero points of a QONNX operator, which are floats.

use super::super::granularity::Granularity;
use super::super::quantisation::Parameters;
use super::super::requantise::zero_points_of;
use super::super::{AffineError, Quantisation};
use crate::cast::toward_zero;

/// Scales and zero points of a tensor. Unlike those of a [`Quantisation`] the zero points may have fractions.
#[derive(Debug, Clone, PartialEq)]
pub struct QonnxScales {
    granularity: Granularity,
    scales: Vec<f32>,
    zero_points: Vec<f32>,
}

impl QonnxScales {
    /// Scales and zero points of these elements; no zero points mean 0 everywhere.
    ///
    /// # Errors
    /// If a scale is 0, negative, infinite or NaN, a zero point is beyond ±2^32 or not a multiple of 2^-40, or there are more or
    /// fewer zero points than scales.
    pub fn new(
        granularity: Granularity,
        scales: Vec<f32>,
        zero_points: Vec<f32>,
    ) -> Result<Self, AffineError> {
        zero_points.iter().try_for_each(|&zero_point| check_zero_point(zero_point))?;
        let zero_points = zero_points_of(&scales, zero_points, 0.0)?;
        Ok(Self { granularity, scales, zero_points })
    }

    /// One scale and zero point for all elements.
    ///
    /// # Errors
    /// As [`QonnxScales::new`].
    pub fn per_tensor(scale: f32, zero_point: f32) -> Result<Self, AffineError> {
        Self::new(Granularity::Tensor, vec![scale], vec![zero_point])
    }

    /// The scales.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The zero points, one for each scale.
    pub fn zero_points(&self) -> &[f32] {
        &self.zero_points
    }

    /// The same scales and zero points for words.
    ///
    /// # Errors
    /// If a zero point has a fraction or does not fit 32 bits.
    pub fn integer(&self) -> Result<Quantisation, AffineError> {
        let whole = |&zero_point: &f32| {
            let word: i32 = toward_zero(zero_point.into());
            // i32 holds no float32 that differs from its own conversion.
            match f64::from(word) - f64::from(zero_point) == 0.0 {
                true => Ok(word),
                false => Err(AffineError::FloatZeroPoint(zero_point)),
            }
        };
        let zero_points = self.zero_points.iter().map(whole).collect::<Result<_, _>>()?;
        Quantisation::new(self.granularity, self.scales.clone(), zero_points)
    }

    /// Which element of a tensor of `shape` has which scale.
    pub(super) fn on(&self, shape: &[usize]) -> Result<Parameters<'_, f32>, AffineError> {
        Parameters::new(self.granularity, &self.scales, &self.zero_points, shape)
    }
}

/// Checks that exact arithmetic covers a zero point.
fn check_zero_point(zero_point: f32) -> Result<(), AffineError> {
    let scaled = f64::from(zero_point) * (1u64 << 40) as f64;
    let inside = zero_point.abs() <= 4_294_967_296.0 && scaled.trunc() - scaled == 0.0;
    inside.then_some(()).ok_or(AffineError::FloatZeroPoint(zero_point))
}
