use super::super::product::{Adder, Window};
use super::super::requantise::{RequantiseRule, Scales};
use super::super::{AffineError, AffineTensor, Quantisation, WordRange};
use super::*;
use crate::array::MacArray;
use crate::{Accumulator, FixedTensor, Format, SimdLevel};
use proptest::prelude::*;

const SIGNED: Format = match Format::new(8, 0) {
    Ok(format) => format,
    Err(_) => panic!(),
};

fn tensor(
    format: Format,
    shape: &[usize],
    raw: &[i32],
    scale: f32,
    zero_point: i32,
) -> AffineTensor {
    let words = FixedTensor::from_raw(shape, format, raw).unwrap();
    AffineTensor::new(words, Quantisation::per_tensor(scale, zero_point).unwrap()).unwrap()
}

fn array(simd: SimdLevel) -> MacArray {
    MacArray { simd, accumulator: Accumulator::default() }
}

/// num / den · 2^exp rounded to the nearest integer, ties to even, by comparing with every candidate near it.
fn nearest_even(numerator: i128, denominator: i128) -> i128 {
    let floor = numerator.div_euclid(denominator);
    let rest = 2 * numerator.rem_euclid(denominator);
    floor + i128::from(rest > denominator || (rest == denominator && floor & 1 == 1))
}

/// A float32 in [2^-12, 2^12] as an integer of steps of 2^-40.
fn steps(x: f32) -> i128 {
    (f64::from(x) * (1u64 << 40) as f64) as i128
}

fn scale() -> impl Strategy<Value = f32> {
    prop_oneof![(-6i32..6).prop_map(|exponent| 2f32.powi(exponent)), (0.001f32..8.0),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn exact_additions_and_products_are_the_rational_numbers(
        pairs in prop::collection::vec((-128i32..128, -128i32..128), 1..40),
        scales in [scale(), scale(), scale()],
        zero_points in [-128i32..128, -128i32..128, -128i32..128],
    ) {
        let shape = [pairs.len()];
        let (left, right): (Vec<i32>, Vec<i32>) = pairs.iter().copied().unzip();
        let [sa, sb, sc] = scales;
        let [za, zb, zc] = zero_points;
        let a = tensor(SIGNED, &shape, &left, sa, za);
        let b = tensor(SIGNED, &shape, &right, sb, zb);
        let output = Output::new(sc, zc, SIGNED).unwrap();
        let word = |rounded: i128| (rounded + i128::from(zc)).clamp(-128, 127) as i32;
        let (sum, product): (Vec<i32>, Vec<i32>) = pairs.iter().map(|&(p, q)| {
            let (p, q) = (i128::from(p - za), i128::from(q - zb));
            let sum = nearest_even(p * steps(sa) + q * steps(sb), steps(sc));
            let product = nearest_even(p * q * steps(sa) * steps(sb), steps(sc) << 40);
            (word(sum), word(product))
        }).unzip();
        for simd in SimdLevel::available() {
            let found = qlinear_add(simd, AddRule::Exact, [&a, &b], &output).unwrap();
            prop_assert_eq!(found.words().data().to_i32(), sum.clone());
            let found = qlinear_mul(simd, MulRule::Exact, [&a, &b], &output).unwrap();
            prop_assert_eq!(found.words().data().to_i32(), product.clone());
        }
        // ONNX Runtime's float32 is at most one step away.
        for simd in SimdLevel::available() {
            let found = qlinear_add(simd, AddRule::OnnxRuntime, [&a, &b], &output).unwrap();
            for (found, want) in found.words().data().to_i32().into_iter().zip(&sum) {
                prop_assert!((found - want).abs() <= 1);
            }
            let found = qlinear_mul(simd, MulRule::OnnxRuntime, [&a, &b], &output).unwrap();
            for (found, want) in found.words().data().to_i32().into_iter().zip(&product) {
                prop_assert!((found - want).abs() <= 1);
            }
        }
    }

    #[test]
    fn rules_of_sums_are_the_rational_numbers_or_a_step_away(
        sums in prop::collection::vec(-200_000i32..200_000, 1..60),
        scales in [scale(), scale(), scale()],
        zero_point in -128i32..128,
    ) {
        let [input, weight, output] = scales;
        let range = WordRange::int8(zero_point);
        let want: Vec<i32> = sums.iter().map(|&sum| {
            let rounded = nearest_even(i128::from(sum) * steps(input) * steps(weight), steps(output) << 40);
            (rounded + i128::from(zero_point)).clamp(-128, 127) as i32
        }).collect();
        // Rules with integer multipliers refuse some of these factors.
        let rules = [
            RequantiseRule::Float32Factor,
            RequantiseRule::ExactFactor,
            RequantiseRule::ReferenceEvaluator,
        ];
        for rule in rules {
            let mut levels = Vec::new();
            for simd in SimdLevel::available() {
                let scales = [Scales { input, weight, output }];
                let found = rule.words(simd, &sums, &scales, range, SIGNED).unwrap().to_i32();
                let exact = rule == RequantiseRule::ExactFactor;
                for (found, want) in found.iter().zip(&want) {
                    prop_assert!((found - want).abs() <= i32::from(!exact), "{}", rule);
                }
                levels.push(found);
            }
            prop_assert!(levels.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }

    #[test]
    fn means_are_the_rational_numbers(
        words in prop::collection::vec(-128i32..128, 12),
        scales in [scale(), scale()],
        zero_points in [-128i32..128, -128i32..128],
    ) {
        let x = tensor(SIGNED, &[1, 2, 2, 3], &words, scales[0], zero_points[0]);
        let output = Output::new(scales[1], zero_points[1], SIGNED).unwrap();
        let want: Vec<i32> = (0..3).map(|channel| {
            let sum: i32 = (0..4).map(|pixel| words[pixel * 3 + channel] - zero_points[0]).sum();
            let rounded = nearest_even(i128::from(sum) * steps(scales[0]), 4 * steps(scales[1]));
            (rounded + i128::from(zero_points[1])).clamp(-128, 127) as i32
        }).collect();
        let pool = |rule| qlinear_global_average_pool(SimdLevel::best(), rule, &x, &output);
        let exact = pool(RequantiseRule::ExactFactor).unwrap();
        prop_assert_eq!(exact.words().data().to_i32(), want.clone());
        prop_assert_eq!(exact.shape(), [1, 1, 1, 3]);
        let float = pool(RequantiseRule::Float32Factor).unwrap().words().data().to_i32();
        prop_assert!(float.iter().zip(&want).all(|(found, want)| (found - want).abs() <= 1));
        let refused = pool(RequantiseRule::ReferenceEvaluator);
        prop_assert!(matches!(refused, Err(AffineError::Rule { .. })), "{:?}", refused);
    }
}

#[test]
fn a_matrix_product_with_a_scale_for_each_column() {
    // (7 - 3) · 5 · 0.5 · 0.25 = 2.5 and (7 - 3) · (-6 - 1) · 0.5 · 0.5 = -7.
    let a = tensor(SIGNED, &[1, 1], &[7], 0.5, 3);
    let words = FixedTensor::from_raw(&[1, 2], SIGNED, &[5, -6]).unwrap();
    let columns = Quantisation::per_axis(1, vec![0.25, 0.5], vec![0, 1]).unwrap();
    let b = AffineTensor::new(words, columns).unwrap();
    let output = Output::new(1.0, -1, SIGNED).unwrap();
    for simd in SimdLevel::available() {
        let product = |rule| {
            let found = qlinear_mat_mul(&array(simd), Adder::Array, rule, [&a, &b], &output);
            found.unwrap().0.words().data().to_i32()
        };
        assert_eq!(product(RequantiseRule::Float32Factor), [1, -8]);
        assert_eq!(product(RequantiseRule::ExactFactor), [1, -8]);
        // 2.5 - 1 is rounded to even.
        assert_eq!(product(RequantiseRule::ReferenceEvaluator), [2, -8]);
    }
    let rows = Quantisation::per_axis(0, vec![0.25], vec![]).unwrap();
    let b = AffineTensor::new(b.into_words(), rows).unwrap();
    let rule = RequantiseRule::Float32Factor;
    let error = qlinear_mat_mul(&array(SimdLevel::PORTABLE), Adder::Array, rule, [&a, &b], &output);
    assert!(matches!(error, Err(AffineError::Granularity { .. })));
}

#[test]
fn a_convolution_with_bias() {
    let x = tensor(SIGNED, &[1, 1, 2, 1], &[10, 20], 0.5, 10);
    let words = FixedTensor::from_raw(&[2, 1, 2, 1], SIGNED, &[1, 2, -1, 4]).unwrap();
    let filters = Quantisation::per_axis(0, vec![1.0, 0.5], vec![]).unwrap();
    let weights = AffineTensor::new(words, filters).unwrap();
    let output = Output::new(1.0, 0, SIGNED).unwrap();
    let (adder, rule) = (Adder::Array, RequantiseRule::Float32Factor);
    let window = Window { padding: [[0, 0], [1, 0]], ..Window::DENSE };
    let layer = QLinearConv { weights: &weights, bias: &[3, -4], window, adder, rule, output };
    let (y, report) = qlinear_conv(&array(SimdLevel::best()), &layer, &x).unwrap();
    assert_eq!(y.shape(), [1, 1, 2, 2]);
    // Sums (0, 0) + bias, then (20, 40) + bias, times 0.5 and 0.25.
    assert_eq!(y.words().data().to_i32(), [2, -1, 12, 9]);
    assert_eq!(report.macs, 8);
    let short = QLinearConv { bias: &[3], ..layer };
    let error = qlinear_conv(&array(SimdLevel::best()), &short, &x).unwrap_err();
    assert_eq!(error.to_string(), "1 bias values, but 2 are needed: one for each output channel");
}

#[test]
fn dynamic_scales() {
    let quantise =
        |rule, x: &[f32]| dynamic_quantize_linear(SimdLevel::best(), rule, x, &[x.len()]);
    let of = |rule, x: &[f32]| {
        let tensor = quantise(rule, x).unwrap();
        let (scale, zero_point) =
            (tensor.quantisation().scales()[0], tensor.quantisation().zero_points()[0]);
        (scale, zero_point, tensor.words().data().to_i32())
    };
    let (runtime, reference) = (DynamicQuantise::OnnxRuntime, DynamicQuantise::ReferenceEvaluator);
    assert_eq!(of(runtime, &[0.0, -0.0]), (1.0, 0, vec![0, 0]));
    assert_eq!(of(reference, &[0.0, -0.0]), (1.0 / 255.0, 0, vec![0, 0]));
    for rule in [runtime, reference] {
        assert_eq!(of(rule, &[51.0, 255.0]), (1.0, 0, vec![51, 255]));
        assert_eq!(of(rule, &[-255.0, -0.5]), (1.0, 255, vec![0, 255]));
        assert!(matches!(
            quantise(rule, &[1.0, f32::NAN]),
            Err(AffineError::NotANumber { index: 1 })
        ));
        for x in [[f32::INFINITY, 0.0], [f32::MAX, -f32::MAX], [f32::from_bits(1), 0.0]] {
            assert!(matches!(quantise(rule, &x), Err(AffineError::Scale { .. })));
        }
        assert!(quantise(rule, &[]).is_ok());
    }
}

#[test]
fn wrong_operands_are_errors() {
    let simd = SimdLevel::PORTABLE;
    let output = Output::new(1.0, 0, SIGNED).unwrap();
    let a = tensor(SIGNED, &[2], &[1, 2], 1.0, 0);
    let add =
        |b: &AffineTensor| qlinear_add(simd, AddRule::OnnxRuntime, [&a, b], &output).map(|_| ());
    assert_eq!(add(&a), Ok(()));
    let other = tensor(SIGNED, &[2, 1], &[1, 2], 1.0, 0);
    assert!(matches!(add(&other), Err(AffineError::Operands { .. })));
    let long = tensor(Format::new(17, 0).unwrap(), &[2], &[1, 2], 1.0, 0);
    assert!(matches!(add(&long), Err(AffineError::LongWord(_))));
    let far = tensor(SIGNED, &[2], &[1, 2], f32::MAX, 0);
    let tiny = Output::new(0.25, 0, SIGNED).unwrap();
    assert!(matches!(
        qlinear_add(simd, AddRule::OnnxRuntime, [&a, &far], &tiny),
        Err(AffineError::Scale { index: 1, .. })
    ));
    assert!(matches!(
        qlinear_mul(simd, MulRule::OnnxRuntime, [&a, &far], &tiny),
        Err(AffineError::Factor { .. })
    ));
    let words = FixedTensor::from_raw(&[2], SIGNED, &[1, 2]).unwrap();
    let channels = Quantisation::per_axis(0, vec![1.0; 2], vec![]).unwrap();
    assert!(matches!(
        add(&AffineTensor::new(words, channels).unwrap()),
        Err(AffineError::Count { .. })
    ));
    for (scale, zero_point, bits) in [(0.0, 0, 8), (f32::NAN, 0, 8), (1.0, 128, 8), (1.0, 0, 1)] {
        assert!(Output::new(scale, zero_point, Format::new(bits, 0).unwrap()).is_err());
    }
    let pool = |x: &AffineTensor| {
        qlinear_global_average_pool(simd, RequantiseRule::ExactFactor, x, &output).map(|_| ())
    };
    assert!(matches!(pool(&a), Err(AffineError::Count { what: "dimensions", .. })));
    let empty = tensor(SIGNED, &[1, 0, 3, 2], &[], 1.0, 0);
    assert!(matches!(pool(&empty), Err(AffineError::Count { what: "words", .. })));
}
