//! What is kept of the values of a tensor.

use super::sample::Sample;
use crate::precision::PrecisionError;
use hwmodel::Format;
use hwmodel::cast::nearest_f32;

/// Bits of a float32 that its magnitude class leaves out; the 7 upper bits of the significand stay.
const DROPPED: u32 = 16;
/// Classes of one sign.
const CLASSES: usize = 1 << (31 - DROPPED);

/// What of the values is kept besides their number and range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// How many there are by magnitude, in classes 1/128 wide: what a share of values beyond a limit is found from.
    pub magnitudes: bool,
    /// Size of a sample of them, 0 for none.
    pub sample: usize,
}

/// The values of one tensor over all batches: number, range, and what [`Keep`] says.
#[derive(Debug, Clone)]
pub struct Statistics {
    count: u64,
    low: f32,
    high: f32,
    /// By sign and class, empty if they are not kept.
    magnitudes: Vec<u64>,
    sample: Sample,
}

impl Statistics {
    /// Statistics of no values.
    pub fn new(keep: Keep) -> Self {
        let classes = if keep.magnitudes { 2 * CLASSES } else { 0 };
        Self {
            count: 0,
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
            magnitudes: vec![0; classes],
            sample: Sample::new(keep.sample),
        }
    }

    /// Adds values.
    ///
    /// # Errors
    /// If one is NaN or infinite.
    pub fn add(&mut self, values: &[f32]) -> Result<(), PrecisionError> {
        if !values.iter().all(|value| value.is_finite()) {
            return Err(PrecisionError::Weights);
        }
        self.count += values.len() as u64;
        for &value in values {
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
        if !self.magnitudes.is_empty() {
            values.iter().for_each(|&value| self.magnitudes[class(value)] += 1);
        }
        self.sample.add(values);
        Ok(())
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest and the largest value; (0, 0) of no values.
    pub fn range(&self) -> (f32, f32) {
        if self.count == 0 { (0.0, 0.0) } else { (self.low, self.high) }
    }

    /// The sample.
    pub(super) fn sample(&self) -> Vec<f32> {
        self.sample.values().collect()
    }

    /// Values that saturate in `format` when they are rounded to nearest even, its limits taken to 1/128: of the classes that they
    /// divide the upper one counts, the lower one, whose first value is the lowest of the format, does not.
    pub(super) fn saturating(&self, format: Format) -> u64 {
        // The largest integer of a word is odd, so that a tie above it goes up; the lowest is even.
        let first_high = nearest_f32((format.max_raw() as f64 + 0.5) * format.step());
        let last_low = (format.min_raw() as f64 - 0.5) * format.step();
        let high = &self.magnitudes[class(first_high)..CLASSES];
        let low = &self.magnitudes[(class(nearest_f32(last_low)) + 1).max(CLASSES + 1)..];
        high.iter().chain(low).sum()
    }
}

/// The class of a value: those of positive ones by magnitude, then those of negative ones.
fn class(value: f32) -> usize {
    (value.to_bits() >> DROPPED) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(values: &[f32]) -> Statistics {
        let mut statistics = Statistics::new(Keep { magnitudes: true, sample: 8 });
        statistics.add(values).unwrap();
        statistics
    }

    #[test]
    fn values_are_counted_by_what_saturates() {
        let all = statistics(&[0.0, 7.9, 7.97, 8.0, 100.0, -7.9, -8.0, -8.2, -1e30, 1e-40]);
        assert_eq!((all.count(), all.range()), (10, (-1e30, 100.0)));
        // ⟨8, 4⟩ holds -8 to 7.9375; 7.97 rounds to 8, whose class begins at the limit 7.96875.
        assert_eq!(all.saturating(Format::new(8, 4).unwrap()), 5);
        assert_eq!(all.saturating(Format::new(8, 3).unwrap()), 2);
        // u⟨8, 4⟩ holds 0 to 15.9375.
        assert_eq!(all.saturating(Format::unsigned(8, 4).unwrap()), 5);
        assert_eq!(all.saturating(Format::new(32, -64).unwrap()), 1);
    }

    #[test]
    fn batches_add_up_and_what_is_not_finite_is_refused() {
        let mut pieces = statistics(&[1.0]);
        pieces.add(&[]).unwrap();
        pieces.add(&[-2.0, 3.0]).unwrap();
        assert_eq!((pieces.count(), pieces.range(), pieces.sample().len()), (3, (-2.0, 3.0), 3));
        assert_eq!(pieces.add(&[1.0, f32::NAN]), Err(PrecisionError::Weights));
        assert_eq!(pieces.add(&[f32::INFINITY]), Err(PrecisionError::Weights));
        assert_eq!(statistics(&[]).range(), (0.0, 0.0));
    }
}
