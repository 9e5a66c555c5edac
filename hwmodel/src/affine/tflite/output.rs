//! The result of an operator.

use super::operand::check_type;
use super::{Activation, TfliteError};
use crate::affine::quantisation::{check_zero_points, word_range};
use crate::affine::{AffineTensor, Quantisation, WordRange};
use crate::{FixedTensor, Format, RawData};

/// Type, scale and zero point of an operator's result, and the activation merged into it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Output {
    /// int8 or int16: 8 or 16 bits without fractional bits.
    pub format: Format,
    /// The scale.
    pub scale: f32,
    /// The zero point, 0 of int16.
    pub zero_point: i32,
    /// The activation.
    pub activation: Activation,
}

impl Output {
    /// The words that a result may be.
    ///
    /// # Errors
    /// If the type is neither int8 nor int16, the scale is not finite and above 0, or the zero point is not a word or, of int16,
    /// not 0.
    pub fn range(&self) -> Result<WordRange, TfliteError> {
        check_type(self.format, self.zero_point, "an int16 result")?;
        let quantisation = Quantisation::per_tensor(self.scale, self.zero_point)?;
        let range = word_range(self.format, self.zero_point)?;
        check_zero_points(quantisation.zero_points(), range)?;
        Ok(self.activation.limit(range, self.scale))
    }

    /// A tensor of words of this result.
    pub(super) fn tensor(
        &self,
        shape: &[usize],
        words: RawData,
    ) -> Result<AffineTensor, TfliteError> {
        let words = FixedTensor::new(shape, self.format, words)
            .map_err(crate::affine::AffineError::from)?;
        let quantisation = Quantisation::per_tensor(self.scale, self.zero_point)?;
        Ok(AffineTensor::new(words, quantisation)?)
    }
}
