//! The requantiser against its definition.

use super::*;
use crate::array::{MacReport, Product, Sums};
use crate::number::accumulator::Accumulator;
use crate::random::Role;
use proptest::prelude::*;
use rand_core::Rng;

const ADDRESS: RandomAddress = RandomAddress::new(1, 2, 3, Role::Output);

fn product(sums: Sums, columns: usize, fl: i32, accumulator: Accumulator) -> Product {
    Product {
        rows: sums.len() / columns,
        columns,
        terms: 1,
        fl,
        accumulator,
        bound: u128::MAX,
        sums,
        report: MacReport::default(),
    }
}

fn sums_of(wide: bool, values: &[i64]) -> Sums {
    if wide {
        Sums::I64(values.to_vec())
    } else {
        Sums::I32(values.iter().map(|&v| (v >> 32) as i32).collect())
    }
}

proptest! {
    #[test]
    fn products_equal_the_scalar_definition(
        values in proptest::collection::vec(any::<i64>().prop_map(|v| v >> 2 >> (v & 61)), 1..60),
        wide: bool, columns in 1usize..5, fl in -20i32..70, wl in 1u32..=32, flo in -20i32..64,
        bias_fl in 0i32..20, wrap: bool, seed: u64, with_bias: bool, bounded: bool,
    ) {
        let columns = columns.min(values.len());
        let values = &values[..values.len() / columns * columns];
        let format = Format::new(wl, flo).unwrap();
        let overflow = if wrap { Overflow::Wrap } else { Overflow::Saturate };
        let mut product = product(sums_of(wide, values), columns, fl, Accumulator::default());
        if bounded {
            let magnitudes = (0..values.len()).map(|i| product.sums.get(i).unsigned_abs());
            product.bound = magnitudes.max().unwrap_or(0);
        }
        let bias_raw: Vec<i32> = (0..columns as i32).map(|i| i * 7 - 9).collect();
        let bias = FixedTensor::from_raw(&[columns], Format::new(8, bias_fl).unwrap(), &bias_raw)
            .unwrap();
        let bias = with_bias.then_some(&bias);
        let shift = fl - flo;
        for rounding in Rounding::ALL {
            let address = RandomAddress { seed, ..ADDRESS };
            let mut generator = address.at(0);
            let mut saturated = 0;
            let expected: Vec<i32> = (0..values.len()).map(|i| {
                let word = if shift > 32 { generator.next_u64() }
                    else { u64::from(generator.next_u32()) << 32 };
                let mut value = product.sums.get(i);
                if with_bias {
                    let raw = i128::from(bias_raw[i % columns]);
                    let up = fl - bias_fl;
                    value += if up >= 0 { raw << up }
                        else { Rounding::NearestEven.shift_right(raw, up.unsigned_abs(), 0) };
                }
                let rounded = if shift < -60 { value.signum() << 100 } else if shift <= 0 { value << -shift } else {
                    rounding.shift_right(value, shift as u32, (u128::from(word) >> (64 - shift.min(64))) as u64)
                };
                let (raw, outside) = overflow.apply(rounded, format.width());
                saturated += u64::from(outside);
                raw as i32
            }).collect();
            for simd in SimdLevel::testable() {
                let unit = Requantiser { simd, format, rounding, overflow, address };
                let (data, report) = unit.product(&product, bias).unwrap();
                prop_assert_eq!(&data.to_i32(), &expected, "{} {}", rounding, simd);
                prop_assert_eq!(report.counts.saturated(), saturated);
                prop_assert_eq!(report.counts.nonzero, data.nonzero());
            }
        }
    }

    #[test]
    fn tensors_equal_the_scalar_definition(
        raw in proptest::collection::vec(any::<i32>(), 0..50), wl in 1u32..=32,
        fl in -64i32..=64, wlo in 1u32..=32, flo in -64i32..=64, wrap: bool,
    ) {
        let raw: Vec<i32> = raw.iter().map(|raw| raw >> (32 - wl)).collect();
        let x = FixedTensor::from_raw(&[raw.len()], Format::new(wl, fl).unwrap(), &raw).unwrap();
        let overflow = if wrap { Overflow::Wrap } else { Overflow::Saturate };
        let format = Format::new(wlo, flo).unwrap();
        for rounding in [Rounding::NearestEven, Rounding::Floor, Rounding::TowardZero, Rounding::HalfUp] {
            let expected: Vec<i32> = raw.iter().map(|&raw| {
                let raw = i128::from(raw);
                let shift = fl - flo;
                let rounded = if shift >= 0 { rounding.shift_right(raw, shift.min(100) as u32, 0) }
                    else if shift > -90 { raw << -shift } else { (raw.signum()) << 100 };
                overflow.apply(rounded, format.width()).0 as i32
            }).collect();
            for simd in SimdLevel::testable() {
                let unit = Requantiser { simd, format, rounding, overflow, address: ADDRESS };
                let (out, counts) = unit.tensor(&x);
                prop_assert_eq!(out.data().to_i32(), expected.clone());
                prop_assert_eq!(counts.elements, raw.len() as u64);
            }
        }
    }
}

/// 2^100·2^-150 + r reaches 1 for the largest r; -2^-50 + r reaches 0 from r = 2^-50 on.
#[test]
fn shifts_beyond_127_bits_round_stochastically_as_shorter_ones() {
    let round = |value, random| shift_exactly(Rounding::Stochastic, value, 150, random);
    assert_eq!([u64::MAX, u64::MAX - (1 << 14)].map(|r| round(1 << 100, r)), [1, 0]);
    assert_eq!([0, (1 << 14) - 1, 1 << 14].map(|r| round(-1 << 100, r)), [-1, -1, 0]);
    assert_eq!([0, 1].map(|r| shift_exactly(Rounding::Stochastic, -1, 400, r)), [-1, 0]);
    assert_eq!(shift_exactly(Rounding::Stochastic, 1, 400, u64::MAX), 0);
}

#[test]
fn the_bias_is_added_in_the_accumulator() {
    let accumulator = Accumulator::new(AccumulatorWidth::bits(8).unwrap(), Overflow::Saturate);
    let product = product(Sums::I64(vec![120, -120, 5]), 1, 4, accumulator);
    let bias = FixedTensor::from_raw(&[1], Format::new(8, 2).unwrap(), &[3]).unwrap();
    let unit = Requantiser {
        simd: SimdLevel::best(),
        format: Format::new(8, 4).unwrap(),
        rounding: Rounding::NearestEven,
        overflow: Overflow::Saturate,
        address: ADDRESS,
    };
    let (data, report) = unit.product(&product, Some(&bias)).unwrap();
    assert_eq!(data.to_i32(), [127, -108, 17]);
    assert_eq!(report.accumulator_events, 1);
    assert_eq!(report.counts.saturated(), 0);
}
