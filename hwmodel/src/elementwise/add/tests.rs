use super::*;
use crate::number::requantise::Requantiser;
use crate::random::{Lfsr, RandomBits, RandomSource, Role, below, generator};
use proptest::prelude::*;
use rand_core::Rng;

const ADDRESS: RandomAddress = RandomAddress::new(3, 1, 4, Role::Output);

fn settings(format: Format, rounding: Rounding, overflow: Overflow) -> AddSettings {
    let simd = SimdLevel::best();
    AddSettings { simd, format, rounding, overflow, address: ADDRESS }
}

fn tensor(format: (u32, i32), raw: &[i64]) -> FixedTensor {
    FixedTensor::from_raw(&[raw.len()], Format::new(format.0, format.1).unwrap(), raw).unwrap()
}

/// Any raw integers of `format`, with its ends and small numbers among them.
fn raws(format: Format, seed: u64, length: usize) -> Vec<i64> {
    let mut generator = generator(seed, &[]);
    let (min, max) = (format.min_raw(), format.max_raw());
    (0..length)
        .map(|_| match below(&mut generator, 6) {
            0 => min,
            1 => max,
            2 => (i64::from(below(&mut generator, 7)) - 3).clamp(min, max),
            _ if format.is_signed() => {
                i64::from(generator.next_u32() as i32 >> (32 - format.wl())).clamp(min, max)
            }
            _ => i64::from(generator.next_u32() >> (32 - format.wl())).clamp(min, max),
        })
        .collect()
}

/// The definition in i128; no difference of fractional lengths above 95.
fn reference(
    first: &FixedTensor,
    second: &FixedTensor,
    settings: &AddSettings,
) -> (Vec<i64>, QuantiseCounts) {
    let length = first.len();
    let align = |value: i64, fl: i32, index: usize| {
        let shift = fl - settings.format.fl();
        if shift <= 0 {
            return i128::from(value) << -shift;
        }
        let shift = shift.unsigned_abs();
        let random = if shift <= 32 {
            u64::from(settings.address.at(index as u64).next_u32()) >> (32 - shift)
        } else {
            // Above 64 bits `Rounding::shift_right` itself puts the word at the top.
            settings.address.at(2 * index as u64).next_u64() >> (64 - shift.min(64))
        };
        settings.rounding.shift_right(value.into(), shift, random)
    };
    let drawn = [first, second].map(|operand| {
        let shift = (operand.format().fl() - settings.format.fl()).clamp(0, 64).unsigned_abs();
        let stochastic = settings.rounding == Rounding::Stochastic;
        if stochastic { u64::from(shift) } else { 0 }
    });
    let mut counts = QuantiseCounts {
        elements: length as u64,
        random_bits: length as u64 * (drawn[0] + drawn[1]),
        ..Default::default()
    };
    let (fl_first, fl_second) = (first.format().fl(), second.format().fl());
    let finest = fl_first.max(fl_second);
    let raw = (0..length).map(|i| {
        let (a, b) = (first.data().get(i), second.data().get(i));
        let sum = align(a, fl_first, length + i) + align(b, fl_second, i);
        let exact =
            (i128::from(a) << (finest - fl_first)) + (i128::from(b) << (finest - fl_second));
        let (raw, _) = settings.overflow.apply(sum, settings.format.word());
        counts.saturated_high += u64::from(sum > i128::from(settings.format.max_raw()));
        counts.saturated_low += u64::from(sum < i128::from(settings.format.min_raw()));
        counts.nonzero += u64::from(raw != 0);
        counts.flushed_to_zero += u64::from(raw == 0 && exact != 0);
        raw as i64
    });
    (raw.collect(), counts)
}

fn check(
    formats: [Format; 3],
    seed: u64,
    length: usize,
) -> Result<(), proptest::test_runner::TestCaseError> {
    let make = |format: Format, seed| {
        FixedTensor::from_raw(&[length], format, &raws(format, seed, length)).unwrap()
    };
    let (first, second) = (make(formats[0], seed), make(formats[1], seed ^ 1));
    for rounding in Rounding::ALL {
        let others = [Overflow::WrapSaturated { bits: 2 }, Overflow::WrapSignMagnitude { bits: 3 }];
        for overflow in Overflow::PLAIN.into_iter().chain(others) {
            let settings = settings(formats[2], rounding, overflow);
            let (sum, counts) = residual_add(&first, &second, &settings).unwrap();
            let (want, want_counts) = reference(&first, &second, &settings);
            prop_assert_eq!(sum.data().to_i64(), want, "{} {}", rounding, overflow);
            prop_assert_eq!(counts, want_counts, "{} {}", rounding, overflow);
            prop_assert_eq!(sum.format(), formats[2]);
        }
    }
    Ok(())
}

fn format(fl: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = Format> {
    (1u32..=32, fl, 0..4).prop_map(|(wl, fl, kind)| match kind {
        0 | 1 => Format::new(wl, fl).unwrap(),
        2 => Format::unsigned(wl, fl).unwrap(),
        _ => Format::unsigned(wl, fl).unwrap().narrow(),
    })
}

proptest! {
    #[test]
    fn every_mode_equals_the_integers(
        first in format(-47..=48), second in format(-47..=48), result in format(-47..=48),
        seed in any::<u64>(), length in 0usize..40,
    ) {
        check([first, second, result], seed, length)?;
    }

    #[test]
    fn close_formats_equal_the_integers(
        first in format(0..=8), second in format(0..=8), result in format(0..=8),
        seed in any::<u64>(), length in 0usize..40,
    ) {
        check([first, second, result], seed, length)?;
    }
}

/// Adding zero is requantising, for any two formats.
#[test]
fn a_zero_first_operand_leaves_the_requantiser() {
    let mut generator = generator(9, &[]);
    for _ in 0..200 {
        let [wl, result_wl] = [0; 2].map(|_| below(&mut generator, 32) + 1);
        let [fl, result_fl] = [0; 2].map(|_| below(&mut generator, 129) as i32 - 64);
        let (format, result) =
            (Format::new(wl, fl).unwrap(), Format::new(result_wl, result_fl).unwrap());
        let raw = raws(format, generator.next_u64(), 50);
        let (zero, second) = (tensor((8, result_fl), &[0; 50]), tensor((wl, fl), &raw));
        for rounding in Rounding::ALL {
            for overflow in [Overflow::Wrap, Overflow::Saturate] {
                let settings = settings(result, rounding, overflow);
                let requantiser = Requantiser {
                    simd: SimdLevel::best(),
                    format: result,
                    rounding,
                    overflow,
                    address: ADDRESS,
                };
                assert_eq!(
                    residual_add(&zero, &second, &settings).unwrap(),
                    requantiser.tensor(&second),
                    "{format} to {result} {rounding} {overflow}"
                );
            }
        }
    }
}

#[test]
fn lengths_around_blocks_and_chunks_equal_the_integers() {
    let formats = [(8, 4), (10, 7), (8, 3)].map(|(wl, fl)| Format::new(wl, fl).unwrap());
    for length in [BLOCK - 1, BLOCK, BLOCK + 1, CHUNK + BLOCK + 3] {
        check(formats, 5, length).unwrap();
    }
}

#[test]
fn every_sum_of_two_bytes() {
    let bytes: Vec<i64> = (-128..128).collect();
    let first: Vec<i64> = bytes.iter().flat_map(|&a| [a; 256]).collect();
    let second: Vec<i64> = bytes.iter().cycle().take(65536).copied().collect();
    let settings = settings(Format::new(8, 4).unwrap(), Rounding::NearestEven, Overflow::Saturate);
    let (sum, counts) =
        residual_add(&tensor((8, 4), &first), &tensor((8, 4), &second), &settings).unwrap();
    let want: Vec<i64> = first.iter().zip(&second).map(|(a, b)| (a + b).clamp(-128, 127)).collect();
    assert_eq!(sum.data().to_i64(), want);
    // Above 127: b takes a values for each a of 1 to 127. Below -128: -a values for each a of -128 to -1.
    assert_eq!((counts.saturated_high, counts.saturated_low), (8128, 8256));
    assert_eq!((counts.elements, counts.nonzero, counts.flushed_to_zero), (65536, 65536 - 255, 0));
}

#[test]
fn the_widest_differences_by_hand() {
    let add = |a: (u32, i32, i32), b: (u32, i32, i32), result: (u32, i32), rounding, overflow| {
        let settings = settings(Format::new(result.0, result.1).unwrap(), rounding, overflow);
        let (first, second) =
            (tensor((a.0, a.1), &[a.2.into()]), tensor((b.0, b.1), &[b.2.into()]));
        let (sum, counts) = residual_add(&first, &second, &settings).unwrap();
        (
            sum.data().get(0) as i32,
            counts.saturated_high,
            counts.saturated_low,
            counts.flushed_to_zero,
        )
    };
    use Overflow::*;
    use Rounding::*;
    let max = i32::MAX;
    // 1 · 2^64 in steps of 2^-64 is 2^128; the other operand cannot bring it back.
    assert_eq!(add((32, -64, 1), (32, 64, -max), (32, 64), Floor, Saturate), (max, 1, 0, 0));
    assert_eq!(add((32, -64, 1), (32, 64, -max), (32, 64), Floor, Wrap), (-max, 1, 0, 0));
    assert_eq!(add((32, 64, 5), (32, -64, -1), (8, 64), Floor, Saturate), (-128, 0, 1, 0));
    assert_eq!(add((32, 64, 5), (32, -64, -1), (8, 64), Floor, Wrap), (5, 0, 1, 0));
    // Both far to the left of the result: equal and opposite cancel, otherwise the finer one decides.
    assert_eq!(add((8, -64, 3), (8, -64, -3), (8, 64), Floor, Saturate), (0, 0, 0, 0));
    assert_eq!(add((8, -64, 3), (8, -64, -2), (8, 64), Floor, Saturate), (127, 1, 0, 0));
    assert_eq!(add((8, -64, 3), (8, -64, -2), (8, 64), Floor, Wrap), (0, 1, 0, 1));
    assert_eq!(add((8, -63, -2), (8, -64, 1), (8, 64), Floor, Saturate), (0, 0, 0, 0));
    assert_eq!(add((8, -63, -3), (8, -64, 1), (8, 64), Floor, Saturate), (-128, 0, 1, 0));
    // Both far to the right.
    assert_eq!(add((32, 64, -1), (32, 64, 1), (8, -64), Floor, Saturate), (-1, 0, 0, 0));
    assert_eq!(add((32, 64, -1), (32, 64, -1), (8, -64), Floor, Saturate), (-2, 0, 0, 0));
    assert_eq!(add((32, 64, max), (32, 64, 1), (8, -64), NearestEven, Saturate), (0, 0, 0, 1));
    assert_eq!(add((32, 64, -5), (32, 64, 5), (8, -64), HalfUp, Saturate), (0, 0, 0, 0));
    // ⌊-ε + r⌋ is 0 for every r > 0, ⌊ε + r⌋ is 0.
    assert_eq!(add((32, 64, i32::MIN), (8, 64, 1), (8, -64), Stochastic, Saturate), (0, 0, 0, 1));
}

#[test]
fn stochastic_rounding_is_unbiased_and_addressed() {
    let length = 60_000;
    let ones = vec![5; length];
    let zeros = vec![0; length];
    let settings = settings(Format::new(8, 0).unwrap(), Rounding::Stochastic, Overflow::Saturate);
    // 5/16 as either operand: the words of the two are different.
    let (a, b) = (tensor((8, 0), &zeros), tensor((8, 4), &ones));
    let (second, counts) = residual_add(&a, &b, &settings).unwrap();
    let (first, _) = residual_add(&b, &a, &settings).unwrap();
    assert_ne!(first, second);
    for counts in [second.data().nonzero(), first.data().nonzero()] {
        assert!((counts as f64 / length as f64 - 5.0 / 16.0).abs() < 0.008, "{counts}");
    }
    assert_eq!(counts.flushed_to_zero, length as u64 - counts.nonzero);
    // Element i rounds up where the top 4 bits of its word plus 5 carry.
    let mut words = ADDRESS.at(0);
    assert!(
        second.data().to_i32().iter().all(|&raw| raw == (5 + (words.next_u32() >> 28) as i32) >> 4)
    );
}

/// Both operands drop bits: 3 of the first, 40 of the second, by a register's 6 bits.
#[test]
fn a_register_rounds_each_operand_by_its_own_numbers() {
    let length = CHUNK + 300;
    let lfsr = Lfsr::new(16, RandomBits::new(6).unwrap(), 6).unwrap();
    let address = RandomAddress { source: RandomSource::Lfsr(lfsr), ..ADDRESS };
    let format = |wl, fl| Format::new(wl, fl).unwrap();
    let make = |format, seed| {
        FixedTensor::from_raw(&[length], format, &raws(format, seed, length)).unwrap()
    };
    let (first, second) = (make(format(12, 6), 1), make(format(32, 43), 2));
    let settings = AddSettings {
        address,
        ..settings(format(16, 3), Rounding::Stochastic, Overflow::Saturate)
    };
    let (sum, counts) = residual_add(&first, &second, &settings).unwrap();
    let mut state = lfsr.load(address);
    let numbers: Vec<i128> = (0..2 * length)
        .map(|_| {
            let number = lfsr.number(state);
            (0..6).for_each(|_| state = lfsr.step(state));
            number.into()
        })
        .collect();
    for i in 0..length {
        // ⌊v/2^shift + r/2^6⌋ over the common denominator 2^(shift + 6).
        let round =
            |v: i64, shift: u32, r: i128| ((i128::from(v) << 6) + (r << shift)) >> (shift + 6);
        let a = round(first.data().get(i), 3, numbers[length + i]);
        let b = round(second.data().get(i), 40, numbers[i]);
        assert_eq!(i128::from(sum.data().get(i)), a + b, "element {i}");
    }
    assert_eq!(counts.random_bits, 2 * 6 * length as u64);
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let formats = [(12, 6), (16, 12), (8, 4)].map(|(wl, fl)| Format::new(wl, fl).unwrap());
    let length = 5 * CHUNK + 17;
    let make = |format, seed| {
        FixedTensor::from_raw(&[length], format, &raws(format, seed, length)).unwrap()
    };
    let (first, second) = (make(formats[0], 1), make(formats[1], 2));
    let settings = settings(formats[2], Rounding::Stochastic, Overflow::Wrap);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| residual_add(&first, &second, &settings).unwrap())
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn plain_formats_take_the_narrow_lanes() {
    let lane = |a: (u32, i32), b: (u32, i32), result: (u32, i32)| {
        let format = |(wl, fl)| Format::new(wl, fl).unwrap();
        let settings = settings(format(result), Rounding::NearestEven, Overflow::Saturate);
        Plan::new(format(a), format(b), &settings).lane()
    };
    assert_eq!(lane((8, 4), (8, 4), (8, 4)), Lane::I32);
    assert_eq!(lane((16, 12), (16, 8), (16, 10)), Lane::I32);
    assert_eq!(lane((32, 16), (32, 16), (32, 16)), Lane::I64);
    assert_eq!(lane((32, 30), (32, 2), (32, 30)), Lane::I64);
    assert_eq!(lane((32, -64), (32, 64), (32, 0)), Lane::I128);
}

#[test]
fn different_shapes_are_an_error() {
    let settings = settings(Format::new(8, 0).unwrap(), Rounding::Floor, Overflow::Wrap);
    let first = tensor((8, 0), &[1, 2]);
    let second = tensor((8, 0), &[1, 2]).reshaped(&[2, 1]).unwrap();
    assert_eq!(
        residual_add(&first, &second, &settings),
        Err(AddError::Shapes { first: vec![2], second: vec![2, 1] })
    );
}
