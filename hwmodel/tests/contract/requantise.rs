//! Fixed → fixed and accumulator → fixed.

use crate::inputs::Inputs;
use crate::quantise::same_counts;
use crate::reference::{self, Counts, Random};
use hwmodel::array::{Product, Sums};
use hwmodel::number::requantise::Requantiser;
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, Rounding, SimdLevel};
use proptest::prelude::*;

/// The expected raw integers and counts of values that drop `shift` bits.
fn expected(values: &[i128], shift: i32, unit: &Requantiser) -> (Vec<i64>, Counts, u64) {
    let drops = shift.max(0).unsigned_abs();
    let stochastic = unit.rounding == Rounding::Stochastic && drops > 0;
    let randoms = if stochastic {
        reference::randoms(unit.address, Some(drops), values.len())
    } else {
        Vec::new()
    };
    let mut counts = Counts::default();
    let modes = (unit.rounding, unit.overflow);
    let raw = values.iter().enumerate().map(|(i, &value)| {
        let random = if stochastic { randoms[i] } else { Random::ZERO };
        reference::requantise(value, shift, unit.format, modes, random, &mut counts)
    });
    let raw = raw.collect();
    let bits = randoms.first().map_or(0, |random| random.bits);
    (raw, counts, bits.into())
}

fn any_unit(inputs: &mut Inputs, format: Format) -> Requantiser {
    Requantiser {
        simd: SimdLevel::PORTABLE,
        format,
        rounding: inputs.rounding(),
        overflow: inputs.any_overflow(),
        address: inputs.address(),
    }
}

/// A tensor of `length` elements from any format to any other; shifts of -128 to 128 bits, half of
/// them of at most 20.
pub(crate) fn tensor_batch(seed: u64, length: usize) -> u64 {
    let mut inputs = Inputs::new(seed);
    let near = inputs.flag();
    let range = if near { (-10, 10) } else { (-64, 64) };
    let [from, to] = [0; 2].map(|_| inputs.any_format(range.0, range.1));
    let shift = from.fl() - to.fl();
    let unit = any_unit(&mut inputs, to);
    let drops = shift.max(0).unsigned_abs();
    let values: Vec<i128> = (0..length)
        .map(|_| {
            if inputs.flag() {
                return inputs.word(from).into();
            }
            let value = inputs.sum(from.signed_bits(), drops);
            value.clamp(from.min_raw().into(), from.max_raw().into())
        })
        .collect();
    let raw: Vec<i64> = values.iter().map(|&value| value as i64).collect();
    let x = FixedTensor::from_raw(&[length], from, &raw).expect("in range");
    let (expected, counts, bits) = expected(&values, shift, &unit);
    for simd in SimdLevel::testable() {
        let (out, got) = Requantiser { simd, ..unit }.tensor(&x);
        let what = format!("{from} to {unit:?} {simd}");
        assert_eq!(out.data().to_i64(), expected, "{what}");
        same_counts(got, counts, length, bits);
    }
    length as u64
}

/// Accumulators of any width and size with or without a bias.
pub(crate) fn product_batch(seed: u64, rows: usize) -> u64 {
    let mut inputs = Inputs::new(seed);
    let columns = inputs.size(1, 9);
    let near = inputs.flag();
    let fl = if near { inputs.between(0, 20) } else { inputs.between(-128, 128) };
    let to = if near { inputs.any_format(-10, 10) } else { inputs.any_format(-64, 64) };
    let shift = fl - to.fl();
    let unit = any_unit(&mut inputs, to);
    let acc = (inputs.between(0, 2) > 0).then(|| inputs.between(1, 64) as u32);
    let overflow = inputs.overflow();
    let width = acc.map_or(AccumulatorWidth::Exact, |bits| AccumulatorWidth::bits(bits).unwrap());
    let accumulator = Accumulator::new(width, overflow);
    let kind = inputs.between(0, if acc.is_some() { 1 } else { 2 });
    let bits = [32, 62, 85][kind as usize].min(acc.unwrap_or(128));
    let drops = shift.max(0).unsigned_abs();
    let sums: Vec<i128> = (0..rows * columns).map(|_| inputs.sum(bits, drops)).collect();
    // A bias that the accumulator's fractional length moves by at most 60 bits to the left.
    let bias_fl = inputs.between((fl - 60).clamp(-64, 64), 64);
    let bias: Option<Vec<i32>> =
        inputs.flag().then(|| (0..columns).map(|_| inputs.raw(16)).collect());
    let mut events = 0;
    let values: Vec<i128> = sums
        .iter()
        .enumerate()
        .map(|(i, &sum)| {
            let Some(bias) = &bias else { return sum };
            let raw = i128::from(bias[i % columns]);
            let up = fl - bias_fl;
            let aligned = if up >= 0 {
                raw << up
            } else {
                reference::round(raw, up.unsigned_abs(), Rounding::NearestEven, Random::ZERO)
            };
            let mut value = sum;
            reference::add(&mut value, aligned, (acc, overflow), &mut events);
            value
        })
        .collect();
    let sums = match kind {
        0 => Sums::I32(sums.iter().map(|&sum| sum as i32).collect()),
        1 => Sums::I64(sums.iter().map(|&sum| sum as i64).collect()),
        _ => Sums::I128(sums.clone()),
    };
    let product = Product::from_sums(sums, columns, fl, accumulator).unwrap();
    let bias = bias.map(|raw| {
        FixedTensor::from_raw(&[columns], Format::new(16, bias_fl).unwrap(), &raw).unwrap()
    });
    let (expected, counts, random_bits) = expected(&values, shift, &unit);
    for simd in SimdLevel::testable() {
        let (data, report) = Requantiser { simd, ..unit }.product(&product, bias.as_ref()).unwrap();
        let what = format!("fl {fl}, {accumulator:?}, bias fl {bias_fl}, {unit:?} {simd}");
        assert_eq!(data.to_i64(), expected, "{what}");
        assert_eq!(report.accumulator_events, events, "{what}");
        same_counts(report.counts, counts, values.len(), random_bits);
    }
    (rows * columns) as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn tensors_equal_the_reference(seed: u64, length in 0usize..200) {
        tensor_batch(seed, length);
    }

    #[test]
    fn products_equal_the_reference(seed: u64, rows in 0usize..60) {
        product_batch(seed, rows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn chunks_and_threads_do_not_matter(seed: u64, rows in 1500usize..4000, threads in 1usize..6) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            tensor_batch(seed, 3 * rows);
            product_batch(seed, rows);
        });
    }
}

/// Every mode and policy at every shift, the words at the ends of their ranges among the values.
#[test]
fn every_shift_mode_and_policy() {
    let mut inputs = Inputs::new(1);
    for fl in -64..=64 {
        for to_fl in [-64, -31, 0, 5, 64] {
            for rounding in Rounding::ALL {
                let any = inputs.any_overflow();
                for overflow in [Overflow::Wrap, Overflow::Saturate, any] {
                    let raw: Vec<i32> = (0..12).map(|_| inputs.raw(32)).collect();
                    let values: Vec<i128> = raw.iter().map(|&raw| raw.into()).collect();
                    let from = Format::new(32, fl).unwrap();
                    let x = FixedTensor::from_raw(&[12], from, &raw).unwrap();
                    let unit = Requantiser {
                        simd: SimdLevel::best(),
                        format: Format::new(inputs.between(1, 32) as u32, to_fl).unwrap(),
                        rounding,
                        overflow,
                        address: inputs.address(),
                    };
                    let (expected, counts, bits) = expected(&values, fl - to_fl, &unit);
                    let (out, got) = unit.tensor(&x);
                    assert_eq!(out.data().to_i64(), expected, "{from} {unit:?}");
                    same_counts(got, counts, 12, bits);
                }
            }
        }
    }
}
