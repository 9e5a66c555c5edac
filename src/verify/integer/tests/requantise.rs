use super::format;
use crate::verify::integer::{
    ChannelRequantiser, ChannelScale, ProductRange, ProductRanges, ScaleReport,
};
use fixed::types::I1F31;
use hwmodel::array::Sums;
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::{FixedTensor, Overflow, Rounding, SimdLevel};
use proptest::prelude::*;

/// The definition, written out by division instead of shifts.
fn reference(
    (multiplier, shift, offset): (i32, u32, i128),
    accumulator: i128,
    rounding: Rounding,
) -> i128 {
    let product = accumulator * i128::from(multiplier) + offset;
    let unit = 1i128 << shift;
    let (floor, rest) = (product.div_euclid(unit), product.rem_euclid(unit));
    let half = unit - rest;
    let up = match rounding {
        Rounding::NearestEven => rest > half || (rest == half && floor % 2 != 0),
        Rounding::NearestAway => rest > half || (rest == half && product > 0),
        Rounding::HalfUp => rest >= half,
        Rounding::TowardZero => rest > 0 && product < 0,
        Rounding::Floor => false,
        Rounding::Ceiling => rest > 0,
        Rounding::Stochastic => unreachable!("not tested"),
    };
    floor + i128::from(up && rest > 0)
}

fn scale() -> impl Strategy<Value = (i32, u32, i128)> {
    let multiplier = prop_oneof![
        8 => 1i32 << 30..=i32::MAX,
        1 => Just(1 << 30),
        1 => 0i32..1 << 30,
    ];
    let shift = prop_oneof![8 => 28u32..62, 1 => 0u32..=2, 1 => 60u32..=91];
    (multiplier, any::<bool>(), shift, -200i128..200, any::<i64>(), 0u32..4).prop_map(
        |(multiplier, negative, shift, steps, low, kind)| {
            let multiplier = if negative { -multiplier } else { multiplier };
            let offset = match kind {
                0 => 0,
                // A tie for even accumulators.
                1 => (steps << shift) + (1i128 << shift) / 2,
                2 => (steps << shift) + i128::from(low),
                _ => i128::from(low) << 40,
            };
            (multiplier, shift, offset)
        },
    )
}

/// What accumulators outside `low..=high` become.
fn fitted(value: i128, (low, high): (i128, i128), overflow: Overflow) -> i128 {
    let period = high - low + 1;
    match overflow {
        _ if value >= low && value <= high => value,
        Overflow::Saturate if value < low => low,
        Overflow::Saturate => high,
        Overflow::Wrap => value - (value - low).div_euclid(period) * period,
    }
}

fn run(
    scales: &[(i32, u32, i128)],
    ranges: Option<(&[(i128, i128)], Overflow)>,
    values: &[i128],
    (wl, rectifies, rounding): (u32, bool, Rounding),
) -> (Vec<i32>, ScaleReport) {
    let format = format(wl, 3);
    let mut counts = QuantiseCounts::default();
    let mut outside = 0;
    let raw = values.iter().enumerate().map(|(index, &value)| {
        let (multiplier, shift, offset) = scales[index % scales.len()];
        let value = match ranges {
            None => value,
            Some((ranges, overflow)) => {
                let fitted = fitted(value, ranges[index % ranges.len()], overflow);
                outside += u64::from(fitted != value);
                fitted
            }
        };
        let rounded = reference((multiplier, shift, offset), value, rounding);
        let (min, max) = (format.min_raw().into(), format.max_raw().into());
        let raw = rounded.clamp(min, max) as i32;
        counts.elements += 1;
        counts.saturated_high += u64::from(rounded > max);
        counts.saturated_low += u64::from(rounded < min);
        let exact = value * i128::from(multiplier) + offset;
        counts.flushed_to_zero += u64::from(exact != 0 && raw == 0);
        counts.nonzero += u64::from(raw != 0);
        if rectifies { raw.max(0) } else { raw }
    });
    let raw = raw.collect();
    (raw, ScaleReport { counts, outside })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_fused_path_is_the_scalar_formula(
        scales in proptest::collection::vec(scale(), 1..20),
        words in proptest::collection::vec((any::<i64>(), 0u32..63), 1..80),
        wl in 1u32..=32, rectifies: bool, container in 0usize..3,
        ends in proptest::collection::vec((any::<i64>(), any::<i64>(), 8u32..60), 20),
        limited: bool, wrap: bool,
    ) {
        let rows = words.len().div_ceil(scales.len());
        let values = (0..rows * scales.len()).map(|i| words[i % words.len()]);
        let values: Vec<i64> = values.map(|(word, shift)| word >> shift).collect();
        let sums = match container {
            0 => Sums::I32(values.iter().map(|&v| (v >> 32) as i32).collect()),
            1 => Sums::I64(values.clone()),
            _ => Sums::I128(values.iter().map(|&v| i128::from(v) << 27).collect()),
        };
        let exact: Vec<i128> = (0..sums.len()).map(|i| sums.get(i)).collect();
        let channels: Vec<ChannelScale> = scales
            .iter()
            .map(|&(m, s, b)| ChannelScale::new(I1F31::from_bits(m), s, b).unwrap())
            .collect();
        let overflow = if wrap { Overflow::Wrap } else { Overflow::Saturate };
        let ranges: Vec<(i128, i128)> = ends[..scales.len()]
            .iter()
            // Mostly around 0, as ranges are.
            .map(|&(a, b, shift)| {
                let (a, b) = (i128::from(a >> shift), i128::from(b >> shift));
                if shift % 8 == 0 { (a.min(b), a.max(b)) } else { (-a.abs(), b.abs()) }
            })
            .collect();
        let each = ranges.iter().map(|&(low, high)| ProductRange::new(low, high).unwrap()).collect();
        let product_ranges = ProductRanges { overflow, channels: each };
        let ranges = limited.then_some((&ranges[..], overflow));
        for rounding in Rounding::ALL.into_iter().filter(|r| *r != Rounding::Stochastic) {
            let expected = run(&scales, ranges, &exact, (wl, rectifies, rounding));
            let unit =
                ChannelRequantiser::new(format(wl, 3), rounding, rectifies, channels.clone());
            let unit = if limited { unit.within(product_ranges.clone()) } else { unit };
            for simd in SimdLevel::available() {
                let (data, counts) = unit.sums(simd, &sums);
                prop_assert_eq!(&data.to_i32(), &expected.0, "{} {}", rounding, simd);
                prop_assert_eq!(counts, expected.1);
            }
        }
    }

    #[test]
    fn words_are_scaled_like_sums(
        scales in proptest::collection::vec(scale(), 3), words in proptest::collection::vec(any::<i32>(), 30),
        wl in 1u32..=32, out in 1u32..=32,
    ) {
        let raw: Vec<i32> = words.iter().map(|word| word >> (32 - wl)).collect();
        let x = FixedTensor::from_raw(&[10, 3], format(wl, 0), &raw).unwrap();
        let channels = scales
            .iter()
            .map(|&(m, s, b)| ChannelScale::new(I1F31::from_bits(m), s, b).unwrap());
        let rounding = Rounding::NearestEven;
        let unit = ChannelRequantiser::new(format(out, 3), rounding, false, channels.collect());
        let exact: Vec<i128> = raw.into_iter().map(i128::from).collect();
        let expected = run(&scales, None, &exact, (out, false, rounding));
        let (data, counts) = unit.words(SimdLevel::best(), &x);
        prop_assert_eq!((data.to_i32(), counts), expected);
    }
}

#[test]
fn impossible_scales_are_refused() {
    assert_eq!(ChannelScale::new(I1F31::MIN, 31, 0), None);
    assert_eq!(ChannelScale::new(I1F31::ZERO, 92, 0), None);
    assert_eq!(ChannelScale::new(I1F31::ZERO, 31, -(1 << 124) - 1), None);
    assert!(ChannelScale::new(I1F31::MAX, 91, 1 << 124).is_some());
}

#[test]
fn the_widest_sums_and_offsets_stay_inside_128_bits() {
    let scale = ChannelScale::new(I1F31::MAX, 91, ChannelScale::LARGEST_OFFSET).unwrap();
    let largest = ProductRange::LARGEST;
    for accumulator in [largest, -largest] {
        for rounding in Rounding::ALL.into_iter().filter(|r| *r != Rounding::Stochastic) {
            // The offset alone is 2^33 steps: the sum saturates every word on its side.
            assert!(scale.apply(accumulator, rounding) > 1 << 32);
        }
    }
}
