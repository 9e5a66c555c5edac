//! Affine tensors: words with scales and zero points.

use super::quantisation::{Parameters, Quantisation, stored, word_range};
use super::quantise::{Quantise, QuantiseRule};
use super::{AffineError, WordRange};
use crate::{FixedTensor, Format, RawData, SimdLevel, with_quantise_rule, with_raw};
use num_traits::AsPrimitive;

/// A tensor of words whose value is (raw - zero point) · scale.
///
/// The words are those of a [`FixedTensor`] without fractional bits: signed words of 2 to 32 bits, unsigned ones of 2 to 31,
/// full or narrow.
///
/// ```
/// use hwmodel::affine::quantise::QuantiseRule;
/// use hwmodel::affine::{AffineTensor, Quantisation};
/// use hwmodel::{Format, SimdLevel};
/// let simd = SimdLevel::best();
/// let scales = Quantisation::per_axis(0, vec![0.5, 0.25], vec![0, 10])?;
/// let x = [1.0, -1.25, 100.0, 1.0, -1.25, 100.0];
/// let rule = QuantiseRule::OnnxRuntime;
/// let words = AffineTensor::quantise(simd, rule, &x, &[2, 3], Format::new(8, 0)?, scales)?;
/// assert_eq!(words.words().data().to_i32(), [2, -2, 127, 14, 5, 127]);
/// assert_eq!(words.dequantise(simd), [1.0, -1.0, 63.5, 1.0, -1.25, 29.25]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AffineTensor {
    words: FixedTensor,
    quantisation: Quantisation,
}

impl AffineTensor {
    /// Words with scales and zero points.
    ///
    /// # Errors
    /// If the format of the words has fractional bits or is too short or long, the number of scales does not fit the shape, or a
    /// zero point is not a word.
    pub fn new(words: FixedTensor, quantisation: Quantisation) -> Result<Self, AffineError> {
        quantisation.on(words.shape(), words.format())?;
        Ok(Self { words, quantisation })
    }

    /// The words for the floats `x` (row-major) by a rule.
    ///
    /// # Errors
    /// As [`AffineTensor::new`], and if there are more or fewer floats than the shape needs.
    pub fn quantise(
        simd: SimdLevel,
        rule: QuantiseRule,
        x: &[f32],
        shape: &[usize],
        format: Format,
        quantisation: Quantisation,
    ) -> Result<Self, AffineError> {
        let parameters = quantisation.on(shape, format)?;
        parameters.check_elements(x.len())?;
        let range = word_range(format, 0)?;
        let mut data = RawData::zeros(format, x.len());
        with_raw!(&mut data, out => with_quantise_rule!(rule, R => {
            words_of::<R, _>(simd, &parameters, range, x, out);
        }));
        Ok(Self { words: FixedTensor::new(shape, format, data)?, quantisation })
    }

    /// The values as DequantizeLinear has them: f32(f32(raw - zero point) · scale).
    ///
    /// ONNX Runtime 1.32.0 and the reference evaluator of onnx 1.23.2. Differences above 2^24 are rounded.
    pub fn dequantise(&self, simd: SimdLevel) -> Vec<f32> {
        let mut out = vec![0.0; self.words.len()];
        let Ok(parameters) = self.quantisation.on(self.words.shape(), self.words.format()) else {
            unreachable!("checked when the tensor was made");
        };
        // A difference of words of 31 bits fits 32.
        let wide = self.words.format().wl() > 31;
        with_raw!(self.words.data(), raw => dequantise(simd, &parameters, wide, raw, &mut out));
        out
    }

    /// The words.
    pub fn words(&self) -> &FixedTensor {
        &self.words
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        self.words.shape()
    }

    /// Scales and zero points.
    pub fn quantisation(&self) -> &Quantisation {
        &self.quantisation
    }

    /// The words as they are, for other scales.
    pub fn into_words(self) -> FixedTensor {
        self.words
    }
}

fn words_of<R: Quantise, T: num_traits::NumCast + Copy + Send + 'static>(
    simd: SimdLevel,
    parameters: &Parameters<'_>,
    range: WordRange,
    x: &[f32],
    out: &mut [T],
) where
    i32: AsPrimitive<T>,
{
    parameters.each(
        simd,
        x,
        out,
        #[inline(always)]
        |x, scale, zero_point| stored::<T>(R::word(x, scale, WordRange { zero_point, ..range })),
    );
}

fn dequantise<T: AsPrimitive<i32> + Sync>(
    simd: SimdLevel,
    parameters: &Parameters<'_>,
    wide: bool,
    raw: &[T],
    out: &mut [f32],
) {
    if wide {
        parameters.each(
            simd,
            raw,
            out,
            #[inline(always)]
            |raw, scale, zero_point| {
                let raw: i32 = raw.as_();
                (i64::from(raw) - i64::from(zero_point)) as f32 * scale
            },
        );
    } else {
        parameters.each(
            simd,
            raw,
            out,
            #[inline(always)]
            |raw, scale, zero_point| {
                let raw: i32 = raw.as_();
                (raw - zero_point) as f32 * scale
            },
        );
    }
}

#[cfg(test)]
mod tests;
