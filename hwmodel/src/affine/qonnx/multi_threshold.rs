//! MultiThreshold: FINN's activations, which count the thresholds at or below x.

use super::super::AffineError;
use crate::parallel;

/// qonnx 1.0.0, `custom_op/general/multithreshold.py`.
///
/// ```text
/// value = f32(f32(out_scale · #{t : x ≥ t}) + out_bias)
/// ```
///
/// A value equal to a threshold counts, so ties go up. `T` is float32, or the integers of an accumulator.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiThreshold<T> {
    /// `[channel, threshold]`; one row if the channels share them.
    thresholds: Vec<T>,
    /// Thresholds of a channel.
    steps: usize,
    scale: f32,
    bias: f32,
}

impl<T: PartialOrd + Copy> MultiThreshold<T> {
    /// Thresholds `[channels, steps]` row-major, with 1 channel where all share them; they need not be sorted.
    ///
    /// # Errors
    /// If the thresholds do not fill the rows, there are none, or one is NaN.
    pub fn new(
        thresholds: Vec<T>,
        channels: usize,
        scale: f32,
        bias: f32,
    ) -> Result<Self, AffineError> {
        let steps = thresholds.len().checked_div(channels).unwrap_or(0);
        if steps == 0 || steps * channels != thresholds.len() {
            return Err(AffineError::Count {
                what: "thresholds",
                given: thresholds.len(),
                needed: channels,
                why: "the same number for each channel, at least one",
            });
        }
        if let Some(index) = thresholds.iter().position(|t| t.partial_cmp(t).is_none()) {
            return Err(AffineError::NotANumber { index });
        }
        Ok(Self { thresholds, steps, scale, bias })
    }

    /// The number of thresholds of `channel` that are at most `x`.
    ///
    /// # Panics
    /// If there is no such channel.
    #[inline]
    pub fn count(&self, channel: usize, x: T) -> u32 {
        let start = if self.thresholds.len() == self.steps { 0 } else { channel * self.steps };
        let thresholds = &self.thresholds[start..start + self.steps];
        thresholds.iter().map(|&t| u32::from(x >= t)).sum()
    }

    /// The result of the operator.
    ///
    /// ```
    /// use hwmodel::affine::qonnx::MultiThreshold;
    /// let relu = MultiThreshold::new(vec![1, 3, 5], 1, 0.5, -1.0)?;
    /// assert_eq!([0, 1, 4, 9].map(|x| relu.value(0, x)), [-1.0, -0.5, 0.0, 0.5]);
    /// # Ok::<(), hwmodel::affine::AffineError>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such channel.
    #[inline]
    pub fn value(&self, channel: usize, x: T) -> f32 {
        self.scale * self.count(channel, x) as f32 + self.bias
    }

    /// The results for x `[n, channels, inner]` (row-major).
    ///
    /// # Errors
    /// If x does not fill whole images, or the thresholds are those of other channels.
    pub fn values(&self, x: &[T], channels: usize, inner: usize) -> Result<Vec<f32>, AffineError>
    where
        T: Sync,
    {
        let of = self.thresholds.len() / self.steps;
        if of != 1 && of != channels {
            return Err(AffineError::Count {
                what: "rows of thresholds",
                given: of,
                needed: channels,
                why: "one for each channel, or one for all",
            });
        }
        let image = channels.checked_mul(inner).filter(|&image| image > 0);
        if image.is_none_or(|image| !x.len().is_multiple_of(image)) && !x.is_empty() {
            return Err(AffineError::Count {
                what: "elements",
                given: x.len(),
                needed: channels.saturating_mul(inner),
                why: "whole images of all channels",
            });
        }
        let mut out = vec![0.0; x.len()];
        let rows = x.chunks(inner.max(1)).zip(out.chunks_mut(inner.max(1))).enumerate();
        parallel::each(rows, |(row, (x, out))| {
            let channel = row % channels;
            out.iter_mut().zip(x).for_each(|(out, &x)| *out = self.value(channel, x));
        });
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_counts_and_order_does_not_matter() {
        let t =
            MultiThreshold::new(vec![0.5f32, 1.5, -1.0, 10.0, -10.0, 0.0], 2, 2.0, 1.0).unwrap();
        assert_eq!([-1.0, 0.5, 1.4999999].map(|x| t.count(0, x)), [1, 2, 2]);
        assert_eq!([f32::NEG_INFINITY, -10.0, 0.0, f32::NAN].map(|x| t.count(1, x)), [0, 1, 2, 0]);
        assert_eq!(t.values(&[0.5, -2.0, 11.0, -11.0], 2, 2).unwrap(), [5.0, 1.0, 7.0, 1.0]);
        assert_eq!(t.values(&[0.5, 11.0, -2.0, -11.0], 2, 1).unwrap(), [5.0, 7.0, 1.0, 1.0]);
    }

    #[test]
    fn wrong_rows_are_errors() {
        let new = |count: usize, channels| MultiThreshold::new(vec![0; count], channels, 1.0, 0.0);
        for (count, channels) in [(3, 2), (0, 1), (3, 0), (2, 3)] {
            assert!(matches!(new(count, channels), Err(AffineError::Count { .. })));
        }
        let t = new(4, 2).unwrap();
        for (count, channels, inner) in [(6, 3, 1), (5, 2, 1), (6, 2, 2), (6, 2, 0), (0, 0, 0)] {
            let error = t.values(&vec![1; count], channels, inner).unwrap_err();
            assert!(matches!(error, AffineError::Count { .. }));
        }
        assert!(new(4, 1).unwrap().values(&[1; 6], 3, 1).is_ok());
        assert!(new(4, 1).unwrap().values(&[1; 6], usize::MAX, 2).is_err());
        assert_eq!(t.values(&[], 2, 5).unwrap(), [0.0; 0]);
        let error = MultiThreshold::new(vec![0.0, f32::NAN], 1, 1.0, 0.0).unwrap_err();
        assert_eq!(error, AffineError::NotANumber { index: 1 });
    }
}
