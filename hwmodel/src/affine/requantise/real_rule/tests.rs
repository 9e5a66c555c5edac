//! Every rule against a reference in exact rational numbers, written from the formula.

use crate::affine::WordRange;
use crate::affine::requantise::{
    DoubleRounding, Multiplier, Q15, Real, RealRule, Requantise, RequantiseRule, Scales,
    SingleRounding, TwiceUp,
};
use crate::{Format, SimdLevel, with_requantise_rule};
use proptest::prelude::*;

/// ⌊n/d + ½⌋.
fn half_up(n: i128, d: i128) -> i128 {
    (2 * n + d).div_euclid(2 * d)
}

/// The nearest integer to n/d, ties away from zero.
fn half_away(n: i128, d: i128) -> i128 {
    n.signum() * half_up(n.abs(), d)
}

/// The low 32 bits as a signed integer, without casts.
fn wrap32(value: i128) -> i128 {
    (value + (1 << 31)).rem_euclid(1 << 32) - (1 << 31)
}

fn power(exponent: i32) -> i128 {
    1 << exponent
}

/// Factors of every magnitude that a multiplier holds below 2^`most`: any, powers of two and ones with few bits, whose products
/// are often ties.
fn factors(most: i32) -> impl Strategy<Value = f64> {
    let exponent = -34..most;
    prop_oneof![
        (0.5f64..1.0, exponent.clone()).prop_map(|(f, e)| libm::ldexp(f, e)),
        (1u32..16, exponent).prop_map(|(f, e)| libm::ldexp(f.into(), e - 4)),
        Just(0.0),
    ]
}

/// Accumulators of every length; also ones close to a tie of the result of `factor`.
fn sums(factor: f64) -> impl Strategy<Value = i64> {
    let close = move |(result, off): (i32, i64)| {
        let at = (f64::from(result) + 0.5) / factor.max(1e-9);
        (crate::cast::toward_zero::<i64>(at.round()) + off)
            .clamp(i64::from(i32::MIN), i64::from(i32::MAX))
    };
    prop_oneof![
        any::<i32>().prop_map(i64::from),
        (any::<i32>(), 0u32..32).prop_map(|(sum, shift)| i64::from(sum >> shift)),
        ((-40_000i32..40_000), -1i64..=1).prop_map(close),
        prop::sample::select(vec![0, 1, -1, i32::MAX.into(), i32::MIN.into()]),
    ]
}

fn case(most: i32) -> impl Strategy<Value = (f64, i64)> {
    factors(most).prop_flat_map(|factor| (Just(factor), sums(factor)))
}

fn integers(factor: f64) -> (i128, i32) {
    let parts = Multiplier::new(factor).unwrap();
    (parts.multiplier().into(), parts.shift())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn double_rounding((factor, sum) in case(30)) {
        let (q, shift) = integers(factor);
        let (left, right) = (shift.max(0), (-shift).max(0));
        let high = half_up(wrap32(i128::from(sum) * power(left)) * q, power(31));
        let expected = half_away(high, power(right));
        let found = DoubleRounding::scaled(sum, DoubleRounding::of_real(factor).unwrap());
        prop_assert_eq!(i128::from(found), expected);
    }

    #[test]
    fn single_rounding((factor, sum) in case(30)) {
        let (q, shift) = integers(factor);
        let expected = half_up(i128::from(sum) * q, power(31 - shift));
        let found = SingleRounding::scaled(sum, SingleRounding::of_real(factor).unwrap());
        prop_assert_eq!(i128::from(found), expected);
    }

    #[test]
    fn twice_up((factor, sum) in case(30)) {
        let (q, shift) = integers(factor);
        let (left, right) = (shift.max(0), (-shift).max(0));
        let high = half_up(i128::from(sum) * power(left) * q, power(31));
        let expected = half_up(high, power(right));
        let found = TwiceUp::scaled(sum, TwiceUp::of_real(factor).unwrap());
        prop_assert_eq!(i128::from(found), expected);
    }

    #[test]
    fn q15((factor, sum) in case(6), long in -(1i64 << 47)..=1 << 47) {
        let (q, shift) = integers(factor);
        let reduced = if q < 0x7fff_0000 { (q + power(15)) >> 16 } else { 0x7fff };
        let factor = Q15::of_real(factor).unwrap();
        for sum in [sum, long] {
            let expected = half_up(i128::from(sum) * reduced, power(15 - shift));
            prop_assert_eq!(i128::from(Q15::scaled(sum, factor)), expected);
        }
    }

    /// The float64 product as an exact fraction.
    #[test]
    fn real((factor, sum) in case(30)) {
        let product = sum as f64 * factor;
        let (fraction, exponent) = libm::frexp(product);
        let whole = crate::cast::toward_zero::<i128>(fraction * libm::ldexp(1.0, 53));
        let expected = match exponent - 53 {
            up @ 0.. => whole * power(up),
            ..-110 => 0,
            down => half_away(whole, power(-down)),
        };
        prop_assert_eq!(i128::from(Real::scaled(sum, factor)), expected);
    }

    /// No rule is farther from the real number than its roundings explain.
    #[test]
    fn close_to_the_real_number((factor, sum) in case(6)) {
        let exact = sum as f64 * factor;
        // The multiplier is off by 2^-32 of the factor, of 15 bits by 2^-15; factors below 2^-32 are 0.
        let close = |scaled: i64, roundings: f64, relative: f64| {
            let slack = 0.5 * roundings + exact.abs() * relative + 0.51;
            (scaled as f64 - exact).abs() <= slack
        };
        fn scaled<R: RealRule>(sum: i64, factor: f64) -> i64 {
            R::scaled(sum, R::of_real(factor).unwrap())
        }
        prop_assert!(close(scaled::<SingleRounding>(sum, factor), 1.0, 1e-9));
        prop_assert!(close(scaled::<TwiceUp>(sum, factor), 2.0, 1e-9));
        prop_assert!(close(scaled::<Q15>(sum, factor), 1.0, 4e-5));
        prop_assert!(close(scaled::<Real>(sum, factor), 1.0, 0.0));
        // Where the left shift of 32 bits does not wrap.
        if sum.abs() <= 1 << 24 {
            prop_assert!(close(scaled::<DoubleRounding>(sum, factor), 2.0, 1e-9));
        }
    }

    /// Per tensor and per channel, in words of 8, 16 and 32 bits, at every SIMD level: the scalar rule, element by element.
    #[test]
    fn rows_at_every_level(
        sums in prop::collection::vec(any::<i32>(), 1..120), shift in 0u32..28,
        weights in prop::collection::vec(1e-4f32..0.05, 1..5), zero_point in -100i32..100,
    ) {
        let sums: Vec<i32> = sums.iter().map(|sum| sum >> shift).collect();
        let rows = sums.len() / weights.len();
        let sums = &sums[..rows * weights.len()];
        let of = |&weight: &f32| Scales { input: 0.02, weight, output: 0.05 };
        let scales: Vec<Scales> = weights.iter().map(of).collect();
        for bits in [8, 16, 24] {
            let format = Format::new(bits, 0).unwrap();
            let (lowest, highest) = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
            let range = WordRange { zero_point, lowest, highest };
            for rule in RequantiseRule::ALL {
                let expected: Vec<i32> = with_requantise_rule!(rule, R => {
                    let factors: Vec<_> = scales.iter().map(|&s| R::factor(s).unwrap()).collect();
                    let word = |(i, &sum): (usize, &i32)| R::word(sum.into(), factors[i % factors.len()], range);
                    sums.iter().enumerate().map(word).collect()
                });
                for simd in SimdLevel::available() {
                    let found = rule.words(simd, sums, &scales, range, format).unwrap();
                    prop_assert_eq!(found.to_i32(), expected.clone(), "{} {} {}", rule, simd, bits);
                }
            }
        }
    }
}

#[test]
fn ties_by_hand() {
    // 0.25 and 2^-10: sums whose quotient is halfway between two integers.
    fn all(sum: i64, factor: f64) -> [i64; 5] {
        fn scaled<R: RealRule>(sum: i64, factor: f64) -> i64 {
            R::scaled(sum, R::of_real(factor).unwrap())
        }
        [
            scaled::<DoubleRounding>(sum, factor),
            scaled::<SingleRounding>(sum, factor),
            scaled::<TwiceUp>(sum, factor),
            scaled::<Q15>(sum, factor),
            scaled::<Real>(sum, factor),
        ]
    }
    assert_eq!(all(-6, 0.25), [-2, -1, -1, -1, -2]);
    assert_eq!(all(6, 0.25), [2; 5]);
    // 2^-10 · 512 is a tie; -513 / 1024 is not, but its high half is -256.5, rounded to -256: a tie then.
    assert_eq!(all(-512, 0.5f64.powi(10)), [-1, 0, 0, 0, -1]);
    assert_eq!(all(-513, 0.5f64.powi(10)), [-1, -1, 0, -1, -1]);
    assert_eq!(all(511, 0.5f64.powi(10)), [1, 0, 1, 0, 0]);
}

/// The left shift has 32 bits in gemmlowp's rule, and no limit in ruy's.
#[test]
fn a_left_shift_of_32_bits_wraps() {
    let factor = |m| DoubleRounding::of_real(m).unwrap();
    assert_eq!(DoubleRounding::scaled(1 << 20, factor(1.0)), 1 << 20);
    assert_eq!(DoubleRounding::scaled(1 << 30, factor(1.0)), -(1 << 30));
    assert_eq!(TwiceUp::scaled(1 << 30, factor(1.0)), 1 << 30);
    // Of 33 bits the low 32 remain.
    assert_eq!(TwiceUp::scaled((1 << 32) + 5, factor(1.0)), 5);
    assert_eq!(SingleRounding::scaled((1 << 32) + 5, factor(1.0)), 5);
    assert!(Q15::of_real(128.0).is_err() && Q15::of_real(127.9).is_ok());
    assert!(Real::of_real(-1.0).is_err() && Real::of_real(f64::INFINITY).is_err());
    let range = WordRange::int8(5);
    assert_eq!(<Real as Requantise>::word(i64::MAX, 1e300, range), 127);
    assert_eq!(Q15::word(i64::MIN, Q15::of_real(1.0).unwrap(), range), -128);
}

#[test]
fn names_and_aliases_find_their_rule() {
    for rule in RequantiseRule::ALL {
        for name in rule.aliases().iter().chain([&rule.name()]) {
            assert_eq!(name.parse(), Ok(rule), "{name}");
        }
    }
    for (name, rule) in [
        ("double_rounding", RequantiseRule::DoubleRounding),
        ("tflite", RequantiseRule::DoubleRounding),
        ("cmsis-nn", RequantiseRule::DoubleRounding),
        ("ruy-avx2", RequantiseRule::TwiceUp),
        ("xnnpack", RequantiseRule::Float32Factor),
    ] {
        assert_eq!(name.parse(), Ok(rule));
    }
    let error = "neon".parse::<RequantiseRule>().unwrap_err();
    assert!(error.starts_with("unknown requantiser `neon`: use one of "), "{error}");
}
