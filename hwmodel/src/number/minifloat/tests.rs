use super::*;
use crate::random::Role;
use proptest::prelude::*;
use rand_core::Rng;

const ADDRESS: RandomAddress = RandomAddress::new(1, 2, 3, Role::Weight);

fn format(exponent_bits: u32, mantissa_bits: u32) -> Minifloat {
    Minifloat::new(exponent_bits, mantissa_bits).unwrap()
}

/// Every value of `format` that is not negative and finite in float32, ascending.
fn values(format: Minifloat) -> Vec<f64> {
    let m = format.mantissa_bits();
    let subnormal = (0..1u64 << m).map(|k| k as f64 * format.min_positive());
    let normal = (format.min_exponent()..=format.max_exponent().min(127)).flat_map(|exponent| {
        (0..1u64 << m).map(move |k| (1.0 + k as f64 / (1u64 << m) as f64) * exp2(exponent))
    });
    subnormal.chain(normal).collect()
}

#[test]
fn the_formats_of_the_papers_are_possible() {
    // papers/peppp.md section 4: total bits of format A and format B in their order.
    let a = [(3, 1..=4), (4, 1..=4), (5, 1..=3)];
    let a = a.into_iter().flat_map(|(e, ms)| ms.map(move |m| format(e, m).bits()));
    assert_eq!(a.collect::<Vec<_>>(), [5, 6, 7, 8, 6, 7, 8, 9, 7, 8, 9]);
    let b = [6, 7, 8].into_iter().flat_map(|e| [7, 9, 11].map(|m| format(e, m).bits()));
    assert_eq!(b.collect::<Vec<_>>(), [14, 16, 18, 15, 17, 19, 16, 18, 20]);
}

#[test]
fn limits_of_hand_worked_formats() {
    let f = format(3, 1);
    assert_eq!((f.min_exponent(), f.max_exponent()), (-2, 4));
    assert_eq!((f.max_value(), f.min_normal(), f.min_positive()), (24.0, 0.25, 0.125));
    // One exponent bit: one binade of normal numbers.
    let f = format(1, 2);
    assert_eq!((f.min_exponent(), f.max_exponent()), (1, 1));
    assert_eq!(values(f), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]);
    assert_eq!(f.max_value(), 3.5);
    assert_eq!(format(8, 7).max_value(), f64::from(f32::from_bits(0x7f7f_0000)));
    assert_eq!(format(8, 22).min_positive(), exp2(-148));
}

#[test]
fn impossible_formats_say_what_is_possible() {
    assert_eq!(Minifloat::new(0, 3), Err(MinifloatError::ExponentBits(0)));
    assert_eq!(Minifloat::new(9, 3), Err(MinifloatError::ExponentBits(9)));
    assert_eq!(Minifloat::new(5, 23), Err(MinifloatError::MantissaBits(23)));
    let error = Minifloat::new(5, 23).unwrap_err().to_string();
    assert_eq!(error, "23 mantissa bits are impossible: use 0 to 22");
    for text in ["", "5-2", "1-5", "1-5-2-1", "2-5-2", "1-x-2", "1--2"] {
        assert_eq!(text.parse::<Minifloat>(), Err(MinifloatError::Text(text.into())));
    }
    assert_eq!("1-9-2".parse::<Minifloat>(), Err(MinifloatError::ExponentBits(9)));
}

#[test]
fn names_and_fields_round_trip() {
    for (e, m) in [(1, 0), (5, 2), (8, 22)] {
        let f = format(e, m);
        assert_eq!(f.to_string().parse(), Ok(f));
        let json = serde_json::to_string(&f).unwrap();
        assert_eq!(json, format!("{{\"exponent_bits\":{e},\"mantissa_bits\":{m}}}"));
        assert_eq!(serde_json::from_str::<Minifloat>(&json).unwrap(), f);
    }
    let impossible = "{\"exponent_bits\":9,\"mantissa_bits\":1}";
    assert!(serde_json::from_str::<Minifloat>(impossible).is_err());
}

/// The definition of rounding between neighbours, by search in the list of all values.
fn by_search(x: f32, all: &[f64], rounding: Rounding, r24: u32) -> f64 {
    let magnitude = f64::from(x).abs();
    let above = all.partition_point(|&value| value <= magnitude);
    let lower = all[above - 1];
    let Some(&upper) = all.get(above) else { return lower };
    let share = (magnitude - lower) / (upper - lower);
    // Even multiples of the step are those at even positions of a binade, and 2^(e+1) of the one below.
    let odd = (lower / (upper - lower)) % 2.0 == 1.0;
    let up = match rounding {
        Rounding::Stochastic => share + f64::from(r24) / f64::from(1 << 24) >= 1.0,
        Rounding::NearestEven => share > 0.5 || (share == 0.5 && odd),
        Rounding::NearestAway => share >= 0.5,
        Rounding::HalfUp => share > 0.5 || (share == 0.5 && x > 0.0),
        Rounding::Floor => x < 0.0 && share > 0.0,
        Rounding::Ceiling => x > 0.0 && share > 0.0,
        Rounding::TowardZero => false,
        Rounding::AwayFromZero => share > 0.0,
        Rounding::NearestZero => share > 0.5,
        Rounding::NearestOdd => share > 0.5 || (share == 0.5 && !odd),
        Rounding::HalfDown => share > 0.5 || (share == 0.5 && x < 0.0),
    };
    if up { upper } else { lower }
}

#[test]
fn neighbours_in_the_list_of_all_values() {
    for (e, m) in [(1, 0), (1, 2), (2, 0), (2, 1), (3, 1), (4, 0), (4, 3), (5, 2)] {
        let f = format(e, m);
        let all = values(f);
        let steps = 8;
        for pair in all.windows(2) {
            for i in 0..steps {
                let x = (pair[0] + (pair[1] - pair[0]) * f64::from(i) / f64::from(steps)) as f32;
                for x in [x, -x] {
                    for rounding in Rounding::ALL {
                        for r24 in [0, 1 << 22, 5 << 21, (1 << 24) - 1] {
                            let expected = by_search(x, &all, rounding, r24);
                            let found = quantise_with(x, f, rounding, r24).unwrap();
                            let signed = if x < 0.0 { -expected } else { expected };
                            assert_eq!(f64::from(found), signed, "{f} {x} {rounding} {r24}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn saturation_flushing_and_counts() {
    let f = format(4, 3);
    // Largest 480; 495.9 still rounds to it, 496 is the tie to 512. Smallest 2^-9.
    let x = [480.0, 495.9, 496.0, -496.0, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0];
    let (y, counts) = quantise(SimdLevel::best(), &x, f, Rounding::NearestAway, ADDRESS).unwrap();
    assert_eq!(y, [480.0, 480.0, 480.0, -480.0, 480.0, -480.0, 0.0, 0.0]);
    assert!(y[7].is_sign_positive());
    assert_eq!((counts.elements, counts.saturated_high, counts.saturated_low), (8, 2, 2));
    assert_eq!((counts.flushed_to_zero, counts.nonzero), (0, 6));
    let smallest = 2f32.powi(-9);
    let x = [smallest / 2.0, -smallest / 2.0, smallest * 0.49, -smallest * 0.49, 1e-45];
    let (y, counts) = quantise(SimdLevel::best(), &x, f, Rounding::NearestAway, ADDRESS).unwrap();
    assert_eq!(y, [smallest, -smallest, 0.0, 0.0, 0.0]);
    assert!(y[3].is_sign_positive());
    assert_eq!((counts.flushed_to_zero, counts.nonzero), (3, 2));
}

#[test]
fn eight_exponent_bits_overflow_to_infinity() {
    let f = format(8, 7);
    let x = [f32::MAX, -f32::MAX, f32::INFINITY, f32::from_bits(0x7f7f_0000)];
    let (y, counts) = quantise(SimdLevel::best(), &x, f, Rounding::NearestAway, ADDRESS).unwrap();
    assert_eq!(y, [f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY, x[3]]);
    assert_eq!((counts.saturated_high, counts.saturated_low), (2, 1));
}

#[test]
fn nan_is_an_error_that_says_where() {
    for x in [[1.0, f32::NAN], [1e-30, f32::NAN]] {
        for rounding in Rounding::ALL {
            let result = quantise(SimdLevel::best(), &x, format(5, 2), rounding, ADDRESS);
            assert_eq!(result.unwrap_err(), MinifloatError::NotANumber { index: 1 });
        }
    }
    assert!(quantise_with(f32::NAN, format(5, 2), Rounding::Floor, 0).is_err());
}

/// The well-known addition on the bits is another way to the same result.
#[test]
fn bfloat16_is_float32_cut_to_sixteen_bits() {
    let x: Vec<f32> = (0..2000).map(|i| (i as f32 - 1000.0) * 0.3717 + 0.0001).collect();
    let (y, _) =
        quantise(SimdLevel::best(), &x, format(8, 7), Rounding::NearestEven, ADDRESS).unwrap();
    for (x, y) in x.iter().zip(y) {
        let bits = x.to_bits();
        let rounded = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
        assert_eq!(y.to_bits(), rounded, "{x}");
    }
}

#[test]
fn chunks_continue_the_same_random_words() {
    let x: Vec<f32> = (0..2 * CHUNK + 5).map(|i| (i as f32 * 0.37).sin() * 0.01).collect();
    let f = format(4, 3);
    let (y, _) = quantise(SimdLevel::best(), &x, f, Rounding::Stochastic, ADDRESS).unwrap();
    let mut words = ADDRESS.at(0);
    for (index, (&x, y)) in x.iter().zip(y).enumerate() {
        let r24 = words.next_u32() >> 8;
        let expected = quantise_with(x, f, Rounding::Stochastic, r24).unwrap();
        assert_eq!(y, expected, "element {index}");
    }
}

#[test]
fn stochastic_rounding_has_the_right_mean() {
    let f = format(4, 2);
    for x in [1.1f32, -0.3, 2f32.powi(-8) * 0.3] {
        let n = 40_000;
        let (y, _) =
            quantise(SimdLevel::best(), &vec![x; n], f, Rounding::Stochastic, ADDRESS).unwrap();
        let mean = y.iter().map(|&y| f64::from(y)).sum::<f64>() / n as f64;
        let step = f64::from(x.abs()).max(f.min_normal()).log2().floor().exp2() / 4.0;
        assert!((mean - f64::from(x)).abs() < 0.01 * step, "{x}: {mean}");
    }
}

fn any_x() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits).prop_filter("numbers", |x| !x.is_nan()),
        (-1000i32..1000, 0u32..9).prop_map(|(n, bits)| n as f32 / (1u32 << bits) as f32),
        (any::<i16>(), -150i32..110).prop_map(|(n, e)| (f64::from(n) * exp2(e)) as f32),
    ]
}

proptest! {
    #[test]
    fn slices_equal_the_scalar_definition(
        x in proptest::collection::vec(any_x(), 0..300),
        e in 1u32..=8, m in 0u32..=22, seed in any::<u64>(), normal in any::<bool>(),
    ) {
        let f = format(e, m);
        // Without subnormal numbers the other loop runs.
        let keep = |x: &f32| !normal || *x == 0.0 || f64::from(x.abs()) >= f.min_normal();
        let x: Vec<f32> = x.into_iter().filter(keep).collect();
        let address = RandomAddress { seed, ..ADDRESS };
        for rounding in Rounding::ALL {
            let mut words = address.at(0);
            let expected: Vec<u32> = x.iter().map(|&x| {
                quantise_with(x, f, rounding, words.next_u32() >> 8).unwrap().to_bits()
            }).collect();
            for level in SimdLevel::testable() {
                let (y, counts) = quantise(level, &x, f, rounding, address).unwrap();
                let bits: Vec<u32> = y.iter().map(|y| y.to_bits()).collect();
                prop_assert_eq!(&bits, &expected, "{} {}", rounding, level);
                let zeros = |values: &[f32]| values.iter().filter(|v| **v == 0.0).count() as u64;
                prop_assert_eq!(counts.nonzero, y.len() as u64 - zeros(&y));
                prop_assert_eq!(counts.flushed_to_zero, zeros(&y) - zeros(&x));
            }
        }
    }

    #[test]
    fn results_are_values_of_the_format(x in any_x(), e in 1u32..=8, m in 0u32..=22) {
        let f = format(e, m);
        for rounding in Rounding::ALL {
            let y = quantise_with(x, f, rounding, 12345).unwrap();
            prop_assert!(y.is_infinite() || f64::from(y.abs()) <= f.max_value());
            // Every mode keeps what is on the grid.
            for again in Rounding::ALL {
                prop_assert_eq!(quantise_with(y, f, again, 54321).unwrap(), y);
            }
        }
    }
}
