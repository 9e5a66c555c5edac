//! A bias added to raw accumulators, for callers that need the sums before requantisation.

use super::requantise::check_bias;
use super::{Product, ShapeError, Sums};
use crate::cast::exact;
use crate::number::accumulator::AccumulatorWidth;
use crate::number::requantise::aligned;
use crate::number::tensor::FixedTensor;
use crate::parallel;

impl Product {
    /// Adds `bias` (one value a column), aligned to the fractional length of the sums as
    /// [`Requantiser::product`](crate::number::requantise::Requantiser::product) aligns it, to every row in the
    /// accumulators. Returns the additions that left their range.
    ///
    /// # Errors
    /// If the bias does not have one value a column.
    pub fn add_bias(&mut self, bias: &FixedTensor) -> Result<u64, ShapeError> {
        check_bias(Some(bias), self.columns)?;
        let aligned = aligned(Some(bias), self.fl, self.columns);
        let largest = aligned.iter().map(|bias| bias.unsigned_abs()).max().unwrap_or(0);
        if largest == 0 || self.sums.is_empty() {
            return Ok(0);
        }
        let accumulator = self.accumulator;
        let add = |sum: i128, bias: i128| match accumulator.width {
            AccumulatorWidth::Exact => (sum + bias, false),
            AccumulatorWidth::Bits(bits) => accumulator.overflow.apply(sum + bias, bits),
        };
        self.bound = self.bound.saturating_add(largest);
        let fits_i64 = self.bound < 1 << 62;
        let columns = self.columns;
        let value = |sums: &Sums, index: usize| add(sums.get(index), aligned[index % columns]);
        let sums = std::mem::replace(&mut self.sums, Sums::I32(Vec::new()));
        let value = |index| value(&sums, index);
        let (all, events) = if fits_i64 {
            let (all, events) = collected(sums.len(), |index| {
                let (sum, outside) = value(index);
                (exact::<i64>(sum), outside)
            });
            (Sums::I64(all), events)
        } else {
            let (all, events) = collected(sums.len(), value);
            (Sums::I128(all), events)
        };
        self.sums = all;
        Ok(events)
    }
}

/// Collects the first results of `value` for every index, and counts the true second ones.
fn collected<S: Copy + Default + Send>(
    length: usize,
    value: impl Fn(usize) -> (S, bool) + Sync,
) -> (Vec<S>, u64) {
    const CHUNK: usize = 1 << 12;
    let mut all = vec![S::default(); length];
    let events = parallel::sum(all.chunks_mut(CHUNK).enumerate(), |(chunk, all)| {
        let mut events = 0;
        for (index, sum) in (chunk * CHUNK..).zip(all) {
            let outside;
            (*sum, outside) = value(index);
            events += u64::from(outside);
        }
        events
    });
    (all, events)
}

#[cfg(test)]
mod tests {
    use crate::array::MacArray;
    use crate::kernels::SimdLevel;
    use crate::number::accumulator::{Accumulator, AccumulatorWidth};
    use crate::number::format::Format;
    use crate::number::overflow::Overflow;
    use crate::number::requantise::Requantiser;
    use crate::number::rounding::Rounding;
    use crate::number::tensor::FixedTensor;
    use crate::random::{RandomAddress, Role};

    #[test]
    fn requantising_with_the_bias_inside_gives_the_same_bits() {
        let format = |wl, fl| Format::new(wl, fl).unwrap();
        let x = FixedTensor::from_raw(&[2, 2], format(8, 3), &[100, -50, 7, 120]).unwrap();
        let w = FixedTensor::from_raw(&[2, 2], format(8, 2), &[90, 3, -128, 100]).unwrap();
        for (bias_format, raw) in [(format(8, 2), [100, -128]), (format(32, 9), [1 << 30, -77])] {
            let bias = FixedTensor::from_raw(&[2], bias_format, &raw).unwrap();
            for width in [AccumulatorWidth::Exact, AccumulatorWidth::bits(14).unwrap()] {
                for overflow in [Overflow::Saturate, Overflow::Wrap] {
                    let simd = SimdLevel::best();
                    let array = MacArray { simd, accumulator: Accumulator::new(width, overflow) };
                    let mut product = array.linear(&x, &w).unwrap();
                    let requantiser = Requantiser {
                        simd,
                        format: format(12, 1),
                        rounding: Rounding::Stochastic,
                        overflow: Overflow::Saturate,
                        address: RandomAddress::new(1, 2, 3, Role::Output),
                    };
                    let expected = requantiser.product(&product, Some(&bias)).unwrap();
                    let events = product.add_bias(&bias).unwrap();
                    let (data, report) = requantiser.product(&product, None).unwrap();
                    assert_eq!(data, expected.0);
                    assert_eq!(report.counts, expected.1.counts);
                    assert_eq!(events, expected.1.accumulator_events);
                    if width == AccumulatorWidth::bits(14).unwrap() && bias_format.wl() == 32 {
                        assert!(events > 0);
                    }
                }
            }
        }
    }

    #[test]
    fn a_bias_of_another_length_is_an_error() {
        let words = Format::new(8, 0).unwrap();
        let tensor =
            |shape: &[usize], raw: &[i32]| FixedTensor::from_raw(shape, words, raw).unwrap();
        let (x, w, bias) = (tensor(&[1, 1], &[2]), tensor(&[2, 1], &[3, 4]), tensor(&[3], &[0; 3]));
        let simd = SimdLevel::best();
        let array = MacArray { simd, accumulator: Accumulator::default() };
        let mut product = array.linear(&x, &w).unwrap();
        let error = product.add_bias(&bias).unwrap_err().to_string();
        let expected =
            "a bias of shape [3] does not fit a product of 2 columns: it needs one value a column";
        assert_eq!(error, expected);
        let requantiser = Requantiser {
            simd,
            format: words,
            rounding: Rounding::Floor,
            overflow: Overflow::Saturate,
            address: RandomAddress::new(1, 2, 3, Role::Output),
        };
        assert!(requantiser.product(&product, Some(&bias)).is_err());
    }
}
