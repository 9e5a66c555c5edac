use super::*;
use crate::elementwise::{ProductRange, ProductRanges};
use proptest::prelude::*;

fn format(wl: u32, fl: i32) -> Format {
    Format::new(wl, fl).unwrap()
}

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
        Rounding::HalfDown => rest > half,
        Rounding::NearestZero => rest > half || (rest == half && product < 0),
        Rounding::NearestOdd => rest > half || (rest == half && floor % 2 == 0),
        Rounding::AwayFromZero => product > 0,
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
        _ => value - (value - low).div_euclid(period) * period,
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
            .map(|&(m, s, b)| ChannelScale::new(m, s, b).unwrap())
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
                ChannelRequantiser::new(format(wl, 3), rounding, rectifies, channels.clone()).unwrap();
            let unit = if limited { unit.within(product_ranges.clone()).unwrap() } else { unit };
            for simd in SimdLevel::available() {
                let (data, counts) = unit.sums(simd, &sums).unwrap();
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
            .map(|&(m, s, b)| ChannelScale::new(m, s, b).unwrap());
        let rounding = Rounding::NearestEven;
        let unit = ChannelRequantiser::new(format(out, 3), rounding, false, channels.collect()).unwrap();
        let exact: Vec<i128> = raw.into_iter().map(i128::from).collect();
        let expected = run(&scales, None, &exact, (out, false, rounding));
        let (data, counts) = unit.words(SimdLevel::best(), &x).unwrap();
        prop_assert_eq!((data.to_i32(), counts), expected);
    }
}

#[test]
fn impossible_scales_are_refused() {
    use crate::elementwise::ChannelScaleError;
    let refused = |multiplier, shift, offset| ChannelScale::new(multiplier, shift, offset);
    assert_eq!(refused(i32::MIN, 31, 0), Err(ChannelScaleError::Multiplier));
    assert_eq!(refused(0, 92, 0), Err(ChannelScaleError::Shift(92)));
    let offset = -(1 << 124) - 1;
    assert_eq!(refused(0, 31, offset), Err(ChannelScaleError::Offset(offset)));
    assert!(ChannelScale::new(i32::MAX, 91, 1 << 124).is_ok());
}

#[test]
fn what_does_not_fit_is_refused() {
    let scale = ChannelScale::new(1 << 30, 31, 0).unwrap();
    let make =
        |rounding, channels| ChannelRequantiser::new(format(8, 0), rounding, false, channels);
    let refused = make(Rounding::Stochastic, vec![scale]);
    assert_eq!(refused, Err(ChannelRequantiseError::Stochastic));
    assert_eq!(make(Rounding::Floor, vec![]), Err(ChannelRequantiseError::NoChannels));
    let unit = make(Rounding::Floor, vec![scale; 2]).unwrap();
    let refused = unit.sums(SimdLevel::best(), &Sums::I32(vec![1; 3])).unwrap_err();
    insta::assert_snapshot!(refused, @"3 values are no rows of 2 channels");
    let range = ProductRange::new(-1, 1).unwrap();
    let ranges = ProductRanges { overflow: Overflow::Saturate, channels: vec![range] };
    insta::assert_snapshot!(unit.within(ranges).unwrap_err(), @"1 ranges for 2 channels: use one a channel");
}

#[test]
fn the_widest_sums_and_offsets_stay_inside_128_bits() {
    let scale = ChannelScale::new(i32::MAX, 91, ChannelScale::LARGEST_OFFSET).unwrap();
    let largest = ProductRange::LARGEST;
    for accumulator in [largest, -largest] {
        for rounding in Rounding::ALL.into_iter().filter(|r| *r != Rounding::Stochastic) {
            // The offset alone is 2^33 steps: the sum saturates every word on its side.
            assert!(scale.apply(accumulator, rounding) > 1 << 32);
        }
    }
}
