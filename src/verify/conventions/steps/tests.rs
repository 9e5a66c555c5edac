use super::*;
use crate::verify::conventions::{Named, Requantiser};
use hwmodel::number::requantise::Requantiser as Words;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Rounding, SimdLevel};
use proptest::prelude::*;

fn output(wl: u32, fl: i32, zero_point: i64, factor: Option<f64>) -> Output {
    Output { format: Format::new(wl, fl).unwrap(), zero_point, factor }.checked().unwrap()
}

/// Words of `sums` with as many fractional bits as `output` has, times its factor.
fn words(name: &str, output: Output, sums: &[i128]) -> Vec<i128> {
    let stage =
        Stage::new(Named::find(name).unwrap(), output, output.format.fl(), output.format.fl());
    sums.iter().map(|&sum| stage.steps(sum).word).collect()
}

#[test]
fn every_tool_on_halves() {
    let sums = [-5, -3, -1, 1, 3, 5, 254, 255, 256, -256, -257, 400];
    let rows = [
        ("hwsim", [-2, -2, 0, 0, 2, 2, 127, 127, 127, -128, -128, 127]),
        ("hls4ml", [-3, -2, -1, 0, 1, 2, 127, 127, -128, -128, 127, -56]),
        ("hls4ml-rnd-sat", [-2, -1, 0, 1, 2, 3, 127, 127, 127, -128, -128, 127]),
        // 127.5 has nothing above the word to saturate, and is rounded up beyond it.
        ("saturate-first", [-2, -1, 0, 1, 2, 3, 127, -128, -128, -128, -128, -128]),
        ("onnxruntime", [-2, -2, 0, 0, 2, 2, 127, 127, 127, -128, -128, 127]),
        // The first rounding drops the only fractional bit.
        ("tflite", [-2, -1, 0, 1, 2, 3, 127, 127, 127, -128, -128, 127]),
        ("tflite-single", [-2, -1, 0, 1, 2, 3, 127, 127, 127, -128, -128, 127]),
    ];
    for (name, expected) in rows {
        assert_eq!(words(name, output(8, 0, 0, Some(0.5)), &sums), expected, "{name}");
    }
}

#[test]
fn a_zero_point_before_the_rounding_turns_ties() {
    let sums = [-3, -1, 1, 3, 5];
    let of = |name, zero_point| words(name, output(8, 0, zero_point, Some(0.5)), &sums);
    assert_eq!(of("onnxruntime", 1), [-1, 1, 1, 3, 3]);
    assert_eq!(of("onnx-reference", 1), [0, 0, 2, 2, 4]);
    assert_eq!(of("qonnx", 1), [0, 0, 2, 2, 4]);
    assert_eq!(of("onnx-reference", 0), of("onnxruntime", 0));
    assert_eq!(of("tflite", 127), [126, 127, 127, 127, 127]);
}

#[test]
fn two_roundings_differ_from_one() {
    // 5/8: the first rounding gives 3/4 of halves... in quarters 2.5 → 3, then 0.75 → 1; of 3/8 1.5 → 2, then ½ → 1.
    let sums = [3, 5, -3, -5];
    let of = |name| words(name, output(8, 0, 0, Some(0.125)), &sums);
    assert_eq!(of("hwsim"), [0, 1, 0, -1]);
    assert_eq!(of("tflite-single"), [0, 1, 0, -1]);
    assert_eq!(of("tflite"), [1, 1, 0, -1]);
    assert_eq!(of("tflite-twice-up"), [1, 1, 0, 0]);
}

#[test]
fn outputs_that_cannot_be_are_refused() {
    let format = Format::new(8, 0).unwrap();
    let explain = |zero_point, factor| {
        Output { format, zero_point, factor }.checked().unwrap_err().to_string()
    };
    insta::assert_snapshot!(explain(200, None), @"zero point 200 is outside the words -128 to 127 of the output format ⟨8, 0⟩");
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = explain(0, Some(factor));
        assert_eq!(
            error,
            format!("scale factor {factor} is impossible: use a finite number above 0")
        );
    }
}

proptest! {
    /// A shift is what hwsim's own requantiser does.
    #[test]
    fn a_shift_is_the_requantiser(
        raw in proptest::collection::vec(any::<i32>(), 1..40),
        fl in -20i32..40, wl in 1u32..=32, out_fl in -20i32..40,
        rounding in proptest::sample::select(&Rounding::ALL[1..]),
        overflow in proptest::sample::select(&Overflow::PLAIN[..]),
    ) {
        let format = Format::new(wl, out_fl).unwrap();
        let address = RandomAddress::new(0, 0, 0, Role::Output);
        let to = Words { simd: SimdLevel::best(), format, rounding, overflow, address };
        let x = FixedTensor::from_raw(&[raw.len()], Format::new(32, fl).unwrap(), &raw).unwrap();
        let (expected, counts) = to.tensor(&x);
        let convention = Convention { rounding, overflow, ..Convention::default() };
        let stage = Stage::new(convention, output(wl, out_fl, 0, None), fl, fl);
        let steps: Vec<Steps> = raw.iter().map(|&raw| stage.steps(raw.into())).collect();
        for (index, steps) in steps.iter().enumerate() {
            prop_assert_eq!(steps.word, expected.data().get(index).into(), "{:?}", steps);
        }
        let limited = steps.iter().filter(|steps| steps.limited).count();
        prop_assert_eq!(limited as u64, counts.saturated());
    }

    /// Limits are integers: it does not matter whether a saturated word is limited before or after the rounding.
    #[test]
    fn a_saturated_word_does_not_know_when_it_was_limited(
        sum in -100_000i64..100_000, factor in 1e-4f64..2.0, zero_point in -128i64..128,
        requantiser in proptest::sample::select(&Requantiser::ALL[..]),
        rounding in proptest::sample::select(&Rounding::ALL[1..]),
        place in proptest::sample::select(&[ZeroPoint::After, ZeroPoint::Before][..]),
    ) {
        let of = |clip| {
            let convention = Convention {
                requantiser, rounding, clip, zero_point: place, ..Convention::default()
            };
            Stage::new(convention, output(8, 0, zero_point, Some(factor)), 0, 0).steps(sum.into())
        };
        let (after, before) = (of(Clip::After), of(Clip::Before));
        prop_assert_eq!(after.word, before.word);
        prop_assert!((-128..=127).contains(&after.word));
    }

    /// TFLite's rules as the files of golden vectors state them.
    #[test]
    fn integer_multipliers(sum in any::<i32>(), factor in 1e-9f64..1.9) {
        let (mantissa, shift) = libm::frexp(factor);
        let mut q = (mantissa * 2f64.powi(31)).round() as i128;
        let mut shift = shift;
        if q == 1 << 31 { (q, shift) = (q / 2, shift + 1); }
        if shift < -31 { (q, shift) = (0, 0); }
        let x = i128::from(sum);
        let half_up = |value: i128, bits: i32| (value + ((1 << bits) >> 1)) >> bits;
        let half_away = |value: i128, bits: i32| value.signum() * half_up(value.abs(), bits);
        let left = i128::from((x << shift.max(0)) as i32);
        let high = half_up(left * q, 31);
        let right = (-shift).max(0);
        let of = |name| words(name, output(32, 0, 0, Some(factor)), &[x])[0];
        let limit = |value: i128| value.clamp(i32::MIN.into(), i32::MAX.into());
        prop_assert_eq!(of("tflite"), limit(half_away(high, right)));
        prop_assert_eq!(of("tflite-twice-up"), limit(half_up(high, right)));
        prop_assert_eq!(of("tflite-single"), limit(half_up(x * q, 31 - shift)));
    }

    #[test]
    fn float32_factor(sum in any::<i32>(), factor in 1e-9f32..1.9, zero_point in -128i64..128) {
        let v = sum as f32 * factor;
        let expected = v.clamp((-128 - zero_point) as f32, (127 - zero_point) as f32).round_ties_even();
        let of = words("onnxruntime", output(8, 0, zero_point, Some(factor.into())), &[sum.into()]);
        prop_assert_eq!(of[0], i128::from(expected as i64 + zero_point));
    }

    #[test]
    fn nothing_overflows(
        sum in -(1i128 << 90)..(1i128 << 90), fl in -64i32..=64, product_fl in -128i32..=128,
        sum_fl in -128i32..=128, factor in proptest::option::of(1e-30f64..1e30),
        index in 0..crate::verify::conventions::NAMED.len(), zero_point in -8i64..8,
    ) {
        let convention = Named::find(crate::verify::conventions::NAMED[index].name).unwrap();
        let stage = Stage::new(convention, output(4, fl, zero_point, factor), product_fl, sum_fl);
        let steps = stage.steps(sum);
        prop_assert!((-8..8).contains(&steps.word));
        let _ = steps.value.to_string();
    }
}

/// The named conventions are the rules of [`hwmodel::affine`].
#[test]
fn affine_rules_are_the_named_conventions() {
    use hwmodel::affine::WordRange;
    use hwmodel::affine::requantise::{RequantiseRule, Scales};
    let format = Format::new(8, 0).unwrap();
    let sums: Vec<i64> = (-3000..3000).map(|i| i * 37 + i % 5).collect();
    let rules = [
        ("onnxruntime", RequantiseRule::Float32Factor),
        ("onnx-reference", RequantiseRule::ReferenceEvaluator),
        ("hwsim", RequantiseRule::ExactFactor),
        ("tflite", RequantiseRule::DoubleRounding),
        ("tflite-single", RequantiseRule::SingleRounding),
        ("tflite-twice-up", RequantiseRule::TwiceUp),
    ];
    for (name, rule) in rules {
        for (scale, zero_point) in [(0.5f32, 3), (0.001, -7), (0.013, 0), (0.25, 127)] {
            let scales = [Scales { input: scale, weight: 1.0, output: 1.0 }];
            let range = WordRange::int8(zero_point);
            let expected = rule.words(SimdLevel::best(), &sums, &scales, range, format).unwrap();
            let output = output(8, 0, zero_point.into(), Some(scale.into()));
            let wide: Vec<i128> = sums.iter().map(|&sum| sum.into()).collect();
            let expected: Vec<i128> = expected.to_i64().into_iter().map(i128::from).collect();
            assert_eq!(words(name, output, &wide), expected, "{name} {scale} {zero_point}");
        }
    }
}
