//! One ⟨WL, FL⟩ for integers that exist already: accumulators, or a tensor of another format.

use crate::array::{Product, Sums};
use crate::number::format::{Format, FormatError, MAX_FRACTIONAL_LENGTH};
use crate::number::tensor::FixedTensor;
use crate::parallel;
use crate::with_raw;

/// ⟨`wl`, FL⟩ whose range just holds the accumulators of `product`: the rule of
/// [`tensor_format`](super::tensor_format), exactly in integers.
///
/// FL is the largest with max·2^(FL - FLs) ≤ 2^(WL-1) - ½ and min·2^(FL - FLs) ≥ -2^(WL-1) - ½, where FLs is the
/// fractional length of the sums; 0 if every sum is zero. FL is limited to ±64.
///
/// # Errors
/// If `wl` is not 1 to 32 bits.
pub fn product_format(product: &Product, wl: u32) -> Result<Format, FormatError> {
    let (low, high) = match &product.sums {
        Sums::I32(sums) => extremes(sums),
        Sums::I64(sums) => extremes(sums),
        Sums::I128(sums) => extremes(sums),
    };
    format_of(low, high, product.fl, wl)
}

/// ⟨`wl`, FL⟩ whose range just holds the elements of `tensor`, by the rule of [`product_format`].
///
/// # Errors
/// If `wl` is not 1 to 32 bits.
pub fn raw_format(tensor: &FixedTensor, wl: u32) -> Result<Format, FormatError> {
    let (low, high) = with_raw!(tensor.data(), data => extremes(data));
    format_of(low, high, tensor.format().fl(), wl)
}

/// Smallest and largest element; zeros if there is none. The largest of negative ones takes part in the rule
/// as it is, as in [`tensor_format`](super::tensor_format).
fn extremes<T: Copy + Ord + Into<i128> + Send + Sync>(values: &[T]) -> (i128, i128) {
    let Some(&first) = values.first() else { return (0, 0) };
    let wider = |(low, high): (T, T), (less, more): (T, T)| (low.min(less), high.max(more));
    let of_chunk =
        |chunk: &[T]| chunk.iter().fold((first, first), |all, &value| wider(all, (value, value)));
    let (low, high) =
        parallel::map(values.chunks(1 << 14), of_chunk).into_iter().fold((first, first), wider);
    (low.into(), high.into())
}

fn format_of(low: i128, high: i128, fl: i32, wl: u32) -> Result<Format, FormatError> {
    let zero = Format::new(wl, 0)?;
    let largest = high.unsigned_abs().max(low.unsigned_abs());
    if largest == 0 {
        return Ok(zero);
    }
    // 2·high·2^s ≤ 2^WL - 1 and 2·|low|·2^s ≤ 2^WL + 1; the first s is too large by one at most.
    let bits = 128 - largest.leading_zeros();
    let mut shift = wl as i32 - bits as i32 + 1;
    let fits = |magnitude: u128, limit: u128, shift: i32| match u32::try_from(shift) {
        Ok(left) => magnitude << (left + 1) <= limit,
        // The range moves instead, rounded down, which compares the same with an integer.
        Err(_) => magnitude <= limit << (-shift) >> 1,
    };
    let (top, bottom) = ((1u128 << wl) - 1, (1u128 << wl) + 1);
    while !(fits(high.unsigned_abs(), top, shift) && fits(low.unsigned_abs(), bottom, shift)) {
        shift -= 1;
    }
    Format::new(wl, (fl + shift).clamp(-MAX_FRACTIONAL_LENGTH, MAX_FRACTIONAL_LENGTH))
}

#[cfg(test)]
mod tests {
    use super::super::tensor_format;
    use super::*;
    use crate::array::MacReport;
    use crate::array::accumulator::Accumulator;
    use proptest::prelude::*;

    fn product(sums: Sums, fl: i32) -> Product {
        let columns = sums.len();
        Product {
            rows: 1,
            columns,
            terms: 1,
            fl,
            accumulator: Accumulator::default(),
            sums,
            bound: u128::MAX,
            report: MacReport::default(),
        }
    }

    #[test]
    fn worked_examples() {
        let fl = |sums: &[i64], wl| {
            product_format(&product(Sums::I64(sums.to_vec()), 10), wl).unwrap().fl()
        };
        assert_eq!(fl(&[0, 0], 8), 0);
        // 127 and -128 fit at scale 1, 128 does not; -257 needs a halving, by which -257/2 = -128.5 fits.
        assert_eq!(fl(&[127, -128], 8), 10);
        assert_eq!(fl(&[128], 8), 9);
        assert_eq!(fl(&[-257, 0], 8), 9);
        // Of negative ones alone the largest must be inside 127.5, as the authors' code has it.
        assert_eq!(fl(&[-257], 8), 8);
        assert_eq!(fl(&[-258, 0], 8), 8);
        assert_eq!(fl(&[255], 8), 9);
        assert_eq!(fl(&[256], 8), 8);
        assert_eq!(fl(&[1], 8), 16);
        assert_eq!(fl(&[i64::MAX, i64::MIN], 1), 10 - 64);
        let huge = product(Sums::I128(vec![1 << 94]), 0);
        assert_eq!(product_format(&huge, 32).unwrap().fl(), -64);
        assert!(product_format(&huge, 0).is_err());
    }

    proptest! {
        #[test]
        fn floats_of_the_same_value_have_the_same_format(
            sums in prop::collection::vec(-(1i32 << 23)..=1 << 23, 1..9), fl in -20i32..20, wl in 2u32..=16,
        ) {
            let floats: Vec<f32> =
                sums.iter().map(|&sum| (f64::from(sum) * 2f64.powi(-fl)) as f32).collect();
            let expected = tensor_format(&floats, wl).unwrap();
            prop_assert_eq!(product_format(&product(Sums::I32(sums.clone()), fl), wl), Ok(expected));
            let tensor = FixedTensor::from_raw(&[sums.len()], Format::new(32, fl).unwrap(), &sums);
            prop_assert_eq!(raw_format(&tensor.unwrap(), wl), Ok(expected));
        }
    }
}
