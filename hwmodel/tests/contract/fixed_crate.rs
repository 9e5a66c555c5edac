//! A second oracle: the types of the `fixed` crate, whose formats are known when it is compiled.

use crate::inputs::Inputs;
use fixed::traits::Fixed;
use fixed::types::extra::{U0, U4, U7, U8, U12, U15, U16, U28, U31};
use fixed::types::{I1F31, I8F8, I16F16};
use fixed::{FixedI8, FixedI16, FixedI32};
use hwmodel::array::MacArray;
use hwmodel::number::quantise::quantise;
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, Rounding, SimdLevel};

const ADDRESS: RandomAddress = RandomAddress::new(1, 2, 3, Role::Weight);

fn format<F: Fixed>() -> Format {
    let fraction = F::FRAC_NBITS as i32;
    Format::new(F::INT_NBITS + F::FRAC_NBITS, fraction).expect("at most 32 bits")
}

/// The raw integers of `values`, by this crate at every level.
fn quantised<F: Fixed>(values: &[f32], rounding: Rounding) -> Vec<i32> {
    let by_level = SimdLevel::testable().into_iter().map(|simd| {
        quantise(simd, values, format::<F>(), rounding, ADDRESS).expect("numbers").0.to_i32()
    });
    let by_level: Vec<_> = by_level.collect();
    assert!(by_level.iter().all(|raw| *raw == by_level[0]));
    by_level[0].clone()
}

/// `fixed` converts floats to the nearest, ties to even, and saturates on request. Of a value with a
/// finer grid it takes the floor with `floor`, and so on.
fn conversions<F: Fixed<Bits: Into<i32>>>(seed: u64) {
    let mut inputs = Inputs::new(seed);
    let values: Vec<f32> =
        (0..4000).map(|_| inputs.float(format::<F>())).filter(|x| x.is_finite()).collect();
    let raw = quantised::<F>(&values, Rounding::NearestEven);
    for (x, raw) in values.iter().zip(raw) {
        assert_eq!(raw, F::saturating_from_num(*x).to_bits().into(), "{x:e} as {}", format::<F>());
    }
}

#[test]
fn floats_become_the_nearest_number() {
    for seed in 0..8 {
        conversions::<FixedI8<U0>>(seed);
        conversions::<FixedI8<U4>>(seed);
        conversions::<FixedI8<U7>>(seed);
        conversions::<FixedI8<U8>>(seed);
        conversions::<FixedI16<U0>>(seed);
        conversions::<I8F8>(seed);
        conversions::<FixedI16<U12>>(seed);
        conversions::<FixedI16<U15>>(seed);
        conversions::<FixedI32<U0>>(seed);
        conversions::<FixedI32<U4>>(seed);
        conversions::<I16F16>(seed);
        conversions::<FixedI32<U28>>(seed);
        conversions::<I1F31>(seed);
    }
}

/// To whole numbers: each mode is a method of `fixed`.
#[test]
fn fractions_round_as_the_methods_of_the_same_name() {
    type Source = FixedI32<U8>;
    let mut inputs = Inputs::new(3);
    let raw: Vec<i32> = (0..6000).map(|_| inputs.sum(28, 8) as i32).collect();
    let x = FixedTensor::from_raw(&[raw.len()], Format::new(32, 8).unwrap(), &raw).unwrap();
    type Method = fn(Source) -> Source;
    let modes: [(Rounding, Method); 5] = [
        (Rounding::NearestEven, Source::round_ties_even),
        (Rounding::NearestAway, Source::round),
        (Rounding::Floor, Source::floor),
        (Rounding::TowardZero, Source::round_to_zero),
        (Rounding::HalfUp, |x| (x + Source::from_bits(1 << 7)).floor()),
    ];
    for (rounding, method) in modes {
        for simd in SimdLevel::testable() {
            let (overflow, address) = (Overflow::Saturate, ADDRESS);
            let to = Format::new(32, 0).unwrap();
            let unit = Requantiser { simd, format: to, rounding, overflow, address };
            let (out, _) = unit.tensor(&x);
            for (&raw, got) in raw.iter().zip(out.data().to_i32()) {
                let expected: i32 = method(Source::from_bits(raw)).to_num();
                assert_eq!(got, expected, "{raw} / 256, {rounding}, {simd}");
            }
        }
    }
}

/// Narrower types: `fixed` drops the low bits (floor) and saturates or wraps.
#[test]
fn narrower_words_saturate_and_wrap() {
    let mut inputs = Inputs::new(4);
    let raw: Vec<i32> = (0..6000).map(|_| inputs.sum(32, 8) as i32).collect();
    let x = FixedTensor::from_raw(&[raw.len()], Format::new(32, 16).unwrap(), &raw).unwrap();
    let convert = |format, overflow| {
        let (simd, rounding) = (SimdLevel::best(), Rounding::Floor);
        Requantiser { simd, format, rounding, overflow, address: ADDRESS }.tensor(&x)
    };
    let (saturated, counts) = convert(Format::new(16, 8).unwrap(), Overflow::Saturate);
    let (wrapped, _) = convert(Format::new(16, 8).unwrap(), Overflow::Wrap);
    let (bytes, _) = convert(Format::new(8, 4).unwrap(), Overflow::Wrap);
    let mut outside = 0;
    for (i, &raw) in raw.iter().enumerate() {
        let value = I16F16::from_bits(raw);
        assert_eq!(saturated.data().get(i), i64::from(I8F8::saturating_from_num(value).to_bits()));
        assert_eq!(wrapped.data().get(i), i64::from(I8F8::wrapping_from_num(value).to_bits()));
        let byte = FixedI8::<U4>::wrapping_from_num(value).to_bits();
        assert_eq!(bytes.data().get(i), i64::from(byte));
        outside += u64::from(I8F8::overflowing_from_num(value).1);
    }
    assert!(outside > 100);
    assert_eq!(counts.saturated(), outside);
}

/// An accumulator of 16 bits is an I8F8 whose products are exact: A of 4 fractional bits times B of 4.
#[test]
fn sums_saturate_and_wrap_as_in_a_loop() {
    let mut inputs = Inputs::new(5);
    let (m, k, n) = (9, 60, 11);
    let word = Format::new(8, 4).unwrap();
    let mut tensor = |shape: [usize; 2]| {
        let raw: Vec<i32> = (0..shape[0] * shape[1]).map(|_| inputs.raw(8)).collect();
        FixedTensor::from_raw(&shape, word, &raw).unwrap()
    };
    let (a, b) = (tensor([m, k]), tensor([k, n]));
    for overflow in [Overflow::Saturate, Overflow::Wrap] {
        let mut events = 0;
        let mut sums = Vec::new();
        for at in 0..m * n {
            let mut sum = I8F8::ZERO;
            for term in 0..k {
                let (x, y) = (a.data().get(at / n * k + term), b.data().get(term * n + at % n));
                let (x, y) = (FixedI8::<U4>::from_bits(x as i8), FixedI8::<U4>::from_bits(y as i8));
                let product: I8F8 = x.wide_mul(y);
                let (next, outside) = sum.overflowing_add(product);
                events += u64::from(outside);
                sum = match overflow {
                    Overflow::Saturate => sum.saturating_add(product),
                    _ => next,
                };
            }
            sums.push(i128::from(sum.to_bits()));
        }
        assert!(events > 100);
        for simd in SimdLevel::testable() {
            let width = AccumulatorWidth::bits(16).unwrap();
            let array = MacArray { simd, accumulator: Accumulator::new(width, overflow) };
            let product = array.matmul(&a, &b).unwrap();
            let got: Vec<i128> = (0..m * n).map(|i| product.sums().get(i)).collect();
            assert_eq!(got, sums, "{overflow} {simd}");
            assert_eq!(product.report().accumulator_events, events);
        }
    }
}

/// The same types name the same numbers.
#[test]
fn formats_are_the_types() {
    assert_eq!(format::<I8F8>(), Format::new(16, 8).unwrap());
    assert_eq!(format::<FixedI32<U31>>(), Format::new(32, 31).unwrap());
    assert_eq!(format::<FixedI32<U16>>().max_value(), I16F16::MAX.to_num::<f64>());
}
