//! A format for the accumulators of a product, chosen from their values.

use super::{Product, Sums};
use crate::number::block_float::{extremes, format_of_range};
use crate::number::format::{Format, FormatError};

/// ⟨`wl`, FL⟩ whose range just holds the accumulators of `product`: the rule of
/// [`raw_format`](crate::number::block_float::raw_format) with the fractional length of the sums.
///
/// # Errors
/// If `wl` is not 1 to 32 bits.
pub fn product_format(product: &Product, wl: u32) -> Result<Format, FormatError> {
    let (low, high) = match &product.sums {
        Sums::I32(sums) => extremes(sums),
        Sums::I64(sums) => extremes(sums),
        Sums::I128(sums) => extremes(sums),
    };
    format_of_range(low, high, product.fl, wl)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::MacReport;
    use crate::number::accumulator::Accumulator;
    use crate::number::block_float::{raw_format, tensor_format};
    use crate::number::tensor::FixedTensor;
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
        // Of negative ones alone the largest must be inside 127.5, as in the authors' code.
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
