//! The rules against exact rational numbers, which a test computes in its own way.

use super::qonnx::{IntQuant, QonnxRounding};
use super::quantise::QuantiseRule;
use super::requantise::{RequantiseRule, Scales, words};
use super::{AffineError, WordRange, requantise};
use crate::{Format, Rounding, SimdLevel};
use proptest::prelude::*;

/// Steps of 2^-40.
fn steps(x: f32) -> i128 {
    let steps = f64::from(x) * (1u64 << 40) as f64;
    assert_eq!(steps.fract(), 0.0);
    steps as i128
}

/// numerator / denominator rounded: doubled, so that ties and wholes are integers.
fn rounded(numerator: i128, denominator: i128, mode: Rounding) -> i128 {
    let floor = numerator.div_euclid(denominator);
    let double = 2 * numerator.rem_euclid(denominator);
    if double == 0 {
        return floor;
    }
    let (negative, up) = (numerator < 0, floor + 1);
    let nearest = |tie: i128| match double.cmp(&denominator) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal => tie,
        std::cmp::Ordering::Greater => up,
    };
    match mode {
        Rounding::Floor | Rounding::Stochastic => floor,
        Rounding::Ceiling => up,
        Rounding::TowardZero => {
            if negative {
                up
            } else {
                floor
            }
        }
        Rounding::AwayFromZero => {
            if negative {
                floor
            } else {
                up
            }
        }
        Rounding::HalfUp => nearest(up),
        Rounding::HalfDown => nearest(floor),
        Rounding::NearestAway => nearest(if negative { floor } else { up }),
        Rounding::NearestZero => nearest(if negative { up } else { floor }),
        Rounding::NearestEven => nearest(if floor & 1 == 0 { floor } else { up }),
        Rounding::NearestOdd => nearest(if floor & 1 == 0 { up } else { floor }),
    }
}

fn scale() -> impl Strategy<Value = f32> {
    prop_oneof![(-8i32..8).prop_map(|exponent| 2f32.powi(exponent)), 0.01f32..100.0]
}

/// Multiples of quarters and eighths of the scale, where ties are, and other numbers.
fn near(scale: f32) -> impl Strategy<Value = f32> {
    prop_oneof![
        (-1200i16..1200).prop_map(move |quarters| f32::from(quarters) / 4.0 * scale),
        (-300f32..300.0).prop_map(move |x| (x * scale * 65536.0).trunc() / 65536.0),
    ]
}

proptest! {
    #[test]
    fn quantised_words_are_the_rational_numbers_or_a_step_away(
        (scale, x) in scale().prop_flat_map(|scale| (Just(scale), near(scale))),
        (bits, signed, zero_point) in (2u32..=16, any::<bool>(), any::<prop::sample::Index>()),
    ) {
        prop_assume!((f64::from(x) * (1u64 << 40) as f64).fract() == 0.0);
        let (lowest, highest) = match signed {
            true => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            false => (0, (1i32 << bits) - 1),
        };
        let zero_point = lowest + zero_point.index(1 << bits) as i32;
        let range = WordRange { zero_point, lowest, highest };
        let exact = rounded(steps(x), steps(scale), Rounding::NearestEven) + i128::from(zero_point);
        let exact = exact.clamp(lowest.into(), highest.into()) as i32;
        prop_assert_eq!(QuantiseRule::Exact.word(x, scale, range), exact);
        for rule in QuantiseRule::ALL {
            prop_assert!((rule.word(x, scale, range) - exact).abs() <= 1, "{}", rule);
        }
    }

    #[test]
    fn integers_of_qonnx_are_the_rational_numbers(
        (scale, x) in scale().prop_flat_map(|scale| (Just(scale), near(scale))),
        (bits, signed, narrow) in (1u32..=32, any::<bool>(), any::<bool>()),
        halves in -20i16..20,
    ) {
        prop_assume!((f64::from(x) * (1u64 << 40) as f64).fract() == 0.0);
        let zero_point = f32::from(halves) / 2.0;
        for rounding in QonnxRounding::ALL {
            let quant = IntQuant::new(bits, signed, narrow, rounding).unwrap();
            let numerator = 2 * steps(x) + i128::from(halves) * steps(scale);
            let y = rounded(numerator, 2 * steps(scale), rounding.exact());
            let (low, high) = match (signed, bits) {
                (true, 1) => (-1, 1),
                (true, _) => (-(1i128 << (bits - 1)) + i128::from(narrow), (1 << (bits - 1)) - 1),
                (false, _) => (0, (1i128 << bits) - 1 - i128::from(narrow)),
            };
            let want = match (signed, bits) {
                (true, 1) => if numerator < 0 { -1 } else { 1 },
                _ => y.clamp(low, high),
            };
            prop_assert_eq!(i128::from(quant.exact_integer(x, scale, zero_point)), want, "{}", rounding);
        }
    }
}

#[test]
fn impossible_factors_are_refused() {
    let simd = SimdLevel::PORTABLE;
    let format = Format::new(8, 0).unwrap();
    let of = |rule: RequantiseRule, input, weight, output| {
        let scales = [Scales { input, weight, output }];
        rule.words(simd, &[1i32, 2], &scales, WordRange::int8(0), format).map(|_| ())
    };
    for rule in RequantiseRule::ALL {
        assert_eq!(of(rule, 1.0, 0.5, 2.0), Ok(()));
        for (index, scales) in
            [[0.0, 1.0, 1.0], [1.0, f32::NAN, 1.0], [1.0, 1.0, -1.0]].into_iter().enumerate()
        {
            let error = of(rule, scales[0], scales[1], scales[2]).unwrap_err();
            assert!(
                matches!(error, AffineError::Scale { index: i, .. } if i == index),
                "{rule}: {error}"
            );
        }
    }
    let tiny = f32::from_bits(1);
    for [input, weight, output] in [[tiny, tiny, 1.0], [f32::MAX, 1.0, tiny]] {
        let error = of(RequantiseRule::Float32Factor, input, weight, output).unwrap_err();
        assert!(matches!(error, AffineError::Factor { .. }), "{error}");
        assert_eq!(of(RequantiseRule::ExactFactor, input, weight, output), Ok(()));
    }
}

#[test]
fn factors_and_words_must_fit_the_sums() {
    let simd = SimdLevel::PORTABLE;
    let of = |sums: &[i32], factors: &[f32], bits| {
        let format = Format::new(bits, 0).unwrap();
        words::<requantise::Float32Factor, _>(simd, sums, factors, WordRange::int8(0), format)
    };
    assert_eq!(of(&[4, 6, 8, 10], &[1.0, 0.5], 8).unwrap().to_i32(), [4, 3, 8, 5]);
    assert!(of(&[], &[1.0], 8).unwrap().is_empty());
    for (sums, factors) in [(&[1, 2, 3][..], &[1.0, 2.0][..]), (&[1], &[])] {
        assert!(matches!(of(sums, factors, 8), Err(AffineError::Count { what: "factors", .. })));
    }
    assert!(of(&[1], &[1.0], 24).is_ok());
    assert!(matches!(of(&[1], &[1.0], 25), Err(AffineError::Word(_))));
}
