use super::super::Granularity;
use super::*;
use crate::array::MacArray;
use crate::{Accumulator, FixedTensor};
use proptest::prelude::*;

fn format(signed: bool, bits: u32) -> Format {
    match signed {
        true => Format::new(bits, 0).unwrap(),
        false => Format::unsigned(bits, 0).unwrap(),
    }
}

fn arrays() -> impl Iterator<Item = MacArray> {
    let accumulator = Accumulator::default();
    SimdLevel::available().into_iter().map(move |simd| MacArray { simd, accumulator })
}

/// A number of a sequence that only depends on its index.
fn word(seed: u64, index: usize, format: Format) -> i32 {
    let mixed = (seed + index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let (low, high) = (format.min_raw(), format.max_raw());
    let count = high - low + 1;
    (low + (mixed % count as u64) as i64) as i32
}

fn words(seed: u64, shape: &[usize], format: Format) -> FixedTensor {
    let raw: Vec<i32> =
        (0..shape.iter().product()).map(|index| word(seed, index, format)).collect();
    FixedTensor::from_raw(shape, format, &raw).unwrap()
}

fn at(words: &FixedTensor, index: usize) -> i128 {
    words.data().get(index).into()
}

/// Modulo 2^32.
fn wrapped(sum: i128) -> i32 {
    low(sum)
}

/// The sum of terms as an adder adds them, zero points taken off.
fn reference(adder: Adder, terms: &[(i128, i128)], left: i32, right: i32) -> i32 {
    let (left, right) = (i128::from(left), i128::from(right));
    let exact: i128 = terms.iter().map(|(a, b)| (a - left) * (b - right)).sum();
    let lost: i128 = match adder {
        Adder::Array => 0,
        Adder::SaturatedPairs => terms
            .chunks(2)
            .map(|pair| {
                let sum: i128 = pair.iter().map(|(a, b)| a * b).sum();
                sum.clamp(-32_768, 32_767) - sum
            })
            .sum(),
    };
    wrapped(exact + lost)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn matrix_products_are_their_definition(
        (m, k, n) in (1usize..4, 1usize..40, 1usize..6),
        (signed, bits) in (any::<[bool; 2]>(), [2u32..=16, 2..=16]),
        seed in 0u64..1 << 40,
        per_column: bool,
        zeros: bool,
    ) {
        let formats = [format(signed[0], bits[0]), format(signed[1], bits[1])];
        let (a, b) = (words(seed, &[m, k], formats[0]), words(seed + 77, &[k, n], formats[1]));
        let left = word(seed, 1000, formats[0]);
        let count = if per_column { n } else { 1 };
        let right: Vec<i32> =
            (0..count).map(|i| if zeros { 0 } else { word(seed, 2000 + i, formats[1]) }).collect();
        let bytes = bits.iter().all(|&bits| bits <= 8);
        for adder in [Adder::Array, Adder::SaturatedPairs] {
            if adder == Adder::SaturatedPairs && !bytes {
                continue;
            }
            for array in arrays() {
                let left = [left];
                let (x, y) = (Words::new(&a, &left).unwrap(), Words::new(&b, &right).unwrap());
                let found = matmul(&array, adder, x, y).unwrap();
                prop_assert_eq!([found.rows(), found.columns()], [m, n]);
                for row in 0..m {
                    for column in 0..n {
                        let terms: Vec<_> =
                            (0..k).map(|i| (at(&a, row * k + i), at(&b, i * n + column))).collect();
                        let want = reference(adder, &terms, left[0], right[column % count]);
                        prop_assert_eq!(found.sums()[row * n + column], want);
                    }
                }
                let by_column: Vec<i64> =
                    (0..k * n).map(|i| b.data().get(i % k * n + i / k)).collect();
                let w = FixedTensor::from_raw(&[n, k], formats[1], &by_column).unwrap();
                let w = Words::new(&w, &right).unwrap();
                prop_assert_eq!(linear(&array, adder, x, w).unwrap(), found);
            }
        }
    }

    #[test]
    fn convolutions_are_their_definition(
        size in [2usize..7, 2..7],
        kernel in [1usize..4, 1..4],
        stride in [1usize..3, 1..3],
        padding in [[0usize..3, 0..3], [0..3, 0..3]],
        dilation in [1usize..3, 1..3],
        (groups, channels, filters) in (1usize..4, 1usize..3, 1usize..3),
        (signed, seed) in (any::<[bool; 2]>(), 0u64..1 << 40),
        per_channel: bool,
    ) {
        let window = Window { stride, padding, dilation, groups };
        let formats = signed.map(|signed| format(signed, 8));
        let depth = groups * channels;
        let x = words(seed, &[2, size[0], size[1], depth], formats[0]);
        let w = words(seed + 5, &[groups * filters, kernel[0], kernel[1], channels], formats[1]);
        let left = [word(seed, 9000, formats[0])];
        let count = if per_channel { groups * filters } else { 1 };
        let right: Vec<i32> = (0..count).map(|i| word(seed, 9100 + i, formats[1])).collect();
        let padded = |axis: usize| size[axis] + padding[axis][0] + padding[axis][1];
        let reach = |axis: usize| (kernel[axis] - 1) * dilation[axis] + 1;
        let (x_words, w_words) = (Words::new(&x, &left).unwrap(), Words::new(&w, &right).unwrap());
        for adder in [Adder::Array, Adder::SaturatedPairs] {
            for array in arrays() {
                let found = convolve(&array, adder, x_words, w_words, window);
                if (0..2).any(|axis| padded(axis) < reach(axis)) {
                    prop_assert!(matches!(found, Err(AffineError::Shape(_))));
                    continue;
                }
                let found = found.unwrap();
                let out = [0, 1].map(|axis| (padded(axis) - reach(axis)) / stride[axis] + 1);
                prop_assert_eq!(found.rows(), 2 * out[0] * out[1]);
                for (index, &sum) in found.sums().iter().enumerate() {
                    let (row, filter) = (index / (groups * filters), index % (groups * filters));
                    let (image, y, x0) = (row / out[1] / out[0], row / out[1] % out[0], row % out[1]);
                    let mut terms = Vec::new();
                    for i in 0..kernel[0] {
                        for j in 0..kernel[1] {
                            for c in 0..channels {
                                let at_y = (y * stride[0] + i * dilation[0]).checked_sub(padding[0][0]);
                                let at_x = (x0 * stride[1] + j * dilation[1]).checked_sub(padding[1][0]);
                                let inside = at_y.zip(at_x).filter(|&(y, x)| y < size[0] && x < size[1]);
                                let a = inside.map_or(left[0].into(), |(y, x0)| {
                                    at(&x, ((image * size[0] + y) * size[1] + x0) * depth + filter / filters * channels + c)
                                });
                                let b = at(&w, ((filter * kernel[0] + i) * kernel[1] + j) * channels + c);
                                terms.push((a, b));
                            }
                        }
                    }
                    prop_assert_eq!(sum, reference(adder, &terms, left[0], right[filter % count]));
                }
            }
        }
    }
}

#[test]
fn sums_wrap_at_32_bits() {
    let k = 70_000;
    let a = FixedTensor::from_raw(&[1, k], format(false, 8), &vec![255; k]).unwrap();
    let b = FixedTensor::from_raw(&[k, 1], format(true, 8), &vec![127; k]).unwrap();
    for array in arrays() {
        let (x, y) = (Words::new(&a, &[0]).unwrap(), Words::new(&b, &[0]).unwrap());
        let mut found = matmul(&array, Adder::Array, x, y).unwrap();
        assert_eq!(found.sums(), [wrapped(70_000 * 255 * 127)]);
        found.add_bias(&[i32::MIN]).unwrap();
        assert_eq!(found.sums(), [wrapped(70_000 * 255 * 127 + i128::from(i32::MIN))]);
        assert!(matches!(found.add_bias(&[1, 2]), Err(AffineError::Count { .. })));
    }
}

#[test]
fn products_without_terms_rows_or_columns() {
    for (m, k, n) in [(2, 0, 3), (0, 2, 3), (2, 3, 0)] {
        let (a, b) = (words(1, &[m, k], format(false, 8)), words(2, &[k, n], format(true, 8)));
        let array = MacArray { simd: SimdLevel::PORTABLE, accumulator: Accumulator::default() };
        for adder in [Adder::Array, Adder::SaturatedPairs] {
            let (x, y) = (Words::new(&a, &[5]).unwrap(), Words::new(&b, &[-5]).unwrap());
            assert_eq!(matmul(&array, adder, x, y).unwrap().sums(), vec![0; m * n]);
        }
    }
    let x = words(1, &[1, 2, 2, 0], format(false, 8));
    let w = words(1, &[2, 1, 1, 0], format(true, 8));
    let array = MacArray { simd: SimdLevel::PORTABLE, accumulator: Accumulator::default() };
    let (x, w) = (Words::new(&x, &[5]).unwrap(), Words::new(&w, &[-5]).unwrap());
    let found = convolve(&array, Adder::Array, x, w, Window::DENSE).unwrap();
    assert_eq!(found.sums(), [0; 8]);
}

#[test]
fn accumulators_have_no_fraction() {
    let accumulator = Accumulator { fl: Some(2), ..Accumulator::default() };
    let array = MacArray { simd: SimdLevel::PORTABLE, accumulator };
    let a = words(1, &[1, 1], format(true, 8));
    let x = Words::new(&a, &[0]).unwrap();
    assert_eq!(matmul(&array, Adder::Array, x, x), Err(AffineError::Fraction(2)));
}

#[test]
fn bytes_stay_bytes_on_the_array() {
    let x = words(3, &[4, 4], format(false, 8));
    let signed = Words::new(&x, &[255]).unwrap().signed().unwrap();
    assert_eq!(signed.words.format(), format(true, 8));
    assert_eq!(signed.zero_points, [127]);
}

#[test]
fn only_unsigned_by_signed_bytes_are_added_in_pairs() {
    let (u8, s8) = (format(false, 8), format(true, 8));
    assert_eq!(Adder::without_vnni(u8, s8), Adder::SaturatedPairs);
    for (a, b) in [(u8, u8), (s8, s8), (s8, u8), (format(false, 4), s8), (u8, format(true, 16))] {
        assert_eq!(Adder::without_vnni(a, b), Adder::Array);
    }
}

#[test]
fn wrong_operands_are_errors() {
    let array = MacArray { simd: SimdLevel::PORTABLE, accumulator: Accumulator::default() };
    let tensor = |shape: &[usize]| words(1, shape, format(true, 8));
    let product = |left: &[usize], right: &[usize], za: &[i32], zb: &[i32]| {
        let (a, b) = (tensor(left), tensor(right));
        matmul(&array, Adder::Array, Words::new(&a, za)?, Words::new(&b, zb)?).map(|_| ())
    };
    assert_eq!(product(&[2, 3], &[3, 2], &[0], &[1, 2]), Ok(()));
    for (left, right) in [(&[2, 3][..], &[4, 2][..]), (&[6], &[6, 2]), (&[2, 3], &[3, 2, 1])] {
        assert!(matches!(product(left, right, &[0], &[0]), Err(AffineError::Shape(_))));
    }
    let count = |error| matches!(error, Err(AffineError::Count { .. }));
    assert!(count(product(&[2, 3], &[3, 2], &[0, 0], &[0])));
    assert!(count(product(&[2, 3], &[3, 2], &[0], &[0, 0, 0])));
    assert!(count(product(&[2, 3], &[3, 2], &[], &[0])));
    let outside = product(&[2, 3], &[3, 2], &[128], &[0]);
    assert!(matches!(outside, Err(AffineError::ZeroPoint { zero_point: 128, .. })));

    let (x, w) = (tensor(&[1, 3, 3, 2]), tensor(&[2, 2, 2, 1]));
    let two = Window { groups: 2, ..Window::DENSE };
    let convolved = |window| {
        let (x, w) = (Words::new(&x, &[0]).unwrap(), Words::new(&w, &[0]).unwrap());
        convolve(&array, Adder::Array, x, w, window).map(|_| ())
    };
    assert_eq!(convolved(two), Ok(()));
    let most = usize::MAX;
    for window in [
        Window::DENSE,
        Window { groups: 0, ..two },
        Window { stride: [0, 1], ..two },
        Window { dilation: [1, 0], ..two },
        Window { dilation: [3, 1], ..two },
        Window { dilation: [most, most], ..two },
        Window { padding: [[most, 0], [0, 0]], ..two },
        Window { padding: [[most / 8; 2], [0, 0]], ..two },
    ] {
        assert!(matches!(convolved(window), Err(AffineError::Shape(_))), "{window:?}");
    }
    let blocks =
        super::super::Quantisation::new(Granularity::Axis { axis: 1 }, vec![1.0; 3], vec![]);
    let tensor = AffineTensor::new(tensor(&[2, 3]), blocks.unwrap()).unwrap();
    assert!(Words::of(&tensor, 1).is_ok());
    assert!(matches!(Words::of(&tensor, 0), Err(AffineError::Granularity { axis: 0, .. })));
}

use super::super::AffineTensor;
