use super::*;
use crate::affine::requantise::RequantiseRule;
use crate::affine::{AffineTensor, Quantisation, WordRange};
use crate::{FixedTensor, Format, SimdLevel};
use proptest::prelude::*;

fn format(bits: u32) -> Format {
    Format::new(bits, 0).unwrap()
}

fn tensor(bits: u32, shape: &[usize], raw: &[i32], scale: f32, zero_point: i32) -> AffineTensor {
    let words = FixedTensor::from_raw(shape, format(bits), raw).unwrap();
    AffineTensor::new(words, Quantisation::per_tensor(scale, zero_point).unwrap()).unwrap()
}

fn output(bits: u32, scale: f32, zero_point: i32) -> Output {
    Output { format: format(bits), scale, zero_point, activation: Activation::None }
}

fn words(tensor: &AffineTensor) -> Vec<i32> {
    tensor.words().data().to_i32()
}

fn best() -> SimdLevel {
    SimdLevel::best()
}

#[test]
fn activations_narrow_the_range() {
    let limits = |activation: Activation, zero_point, scale| {
        let range = activation.limit(WordRange::int8(zero_point), scale);
        (range.lowest, range.highest)
    };
    assert_eq!(limits(Activation::None, 3, 0.1), (-128, 127));
    assert_eq!(limits(Activation::Relu, 3, 0.1), (3, 127));
    assert_eq!(limits(Activation::Relu6, 3, 0.1), (3, 63));
    // 6 / 0.01 is beyond the type; 6 / 12 = 0.5 goes away from zero.
    assert_eq!(limits(Activation::Relu6, -100, 0.01), (-100, 127));
    assert_eq!(limits(Activation::Relu6, 0, 12.0), (0, 1));
    assert_eq!(limits(Activation::Relu6, 0, 1e-45), (0, 127));
}

#[test]
fn a_tie_by_hand_in_every_operator() {
    use KernelSet::{Optimised, Reference, Xnnpack};
    // -2 · 0.25: to -1 away from zero, to 0 upward and to even.
    let x = tensor(8, &[1, 17], &[-2; 17], 0.25, 0);
    let y = |kernels| words(&quantize(best(), kernels, &x, &output(8, 1.0, 0)).unwrap());
    assert_eq!(y(Reference), [-1; 17]);
    // One run of 16, and one element after it.
    assert_eq!(y(Optimised), [[0; 16].as_slice(), &[-1]].concat());
    assert_eq!(y(Xnnpack), [0; 17]);
    // (1 + 1)·(-1) = -2, times 0.25.
    let (a, b) = (tensor(8, &[1], &[1], 0.5, -1), tensor(8, &[1], &[0], 0.5, 1));
    let y = |kernels| words(&multiply(best(), kernels, &a, &b, &output(8, 1.0, 7)).unwrap());
    assert_eq!((y(Reference), y(Optimised), y(Xnnpack)), (vec![6], vec![6], vec![7]));
    // -1·0.25 - 1·0.25 = -0.5.
    let (a, b) = (tensor(8, &[1], &[-1], 0.25, 0), tensor(8, &[1], &[-1], 0.25, 0));
    let y = |kernels| words(&add(best(), kernels, &a, &b, &output(8, 1.0, 0)).unwrap());
    assert_eq!((y(Reference), y(Optimised), y(Xnnpack)), (vec![-1], vec![-1], vec![0]));
}

#[test]
fn a_multiplier_of_eight_bits_is_coarse() {
    // 1 / 300 of 256 is 0.85, rounded to 1: 1 / 256.
    let x = tensor(8, &[2], &[127, -128], 1.0, 0);
    let y = |kernels| words(&quantize(best(), kernels, &x, &output(8, 1.0 / 2.51, 0)).unwrap());
    assert_eq!(y(KernelSet::Reference), [127, -128]);
    let y = |kernels| words(&quantize(best(), kernels, &x, &output(8, 3.1, 0)).unwrap());
    // 127 / 3.1 = 40.97 and 127 · 83 / 256 = 41.2; -128 / 3.1 = -41.29, rounded to -82.5 / 2 first.
    assert_eq!((y(KernelSet::Reference), y(KernelSet::Xnnpack)), (vec![41, -42], vec![41, -41]));
    let y = |kernels| words(&quantize(best(), kernels, &x, &output(8, 300.0, 0)).unwrap());
    assert_eq!((y(KernelSet::Reference), y(KernelSet::Xnnpack)), (vec![0, 0], vec![0, 0]));
}

#[test]
fn means_go_away_from_zero_at_ties() {
    // A row of 3 pixels, windows of 2, the last one cut.
    let x = tensor(8, &[1, 1, 3, 1], &[-3, -2, 5], 0.1, 7);
    let pool = |padding, stride, activation| {
        words(&average_pool(&x, [1, 2], [1, stride], padding, activation).unwrap())
    };
    assert_eq!(pool(PoolPadding::Same, 1, Activation::None), [-3, 2, 5]);
    assert_eq!(pool(PoolPadding::Valid, 1, Activation::None), [-3, 2]);
    assert_eq!(pool(PoolPadding::Same, 2, Activation::None), [-3, 5]);
    assert_eq!(pool(PoolPadding::Same, 2, Activation::Relu), [7, 7]);
    let huge = average_pool(&x, [usize::MAX, 1], [1, 1], PoolPadding::Same, Activation::None);
    assert_eq!(words(&huge.unwrap()), [-3, -2, 5]);
}

#[test]
fn depthwise_is_a_convolution_of_each_channel() {
    let raw: Vec<i32> = (0..2 * 3 * 3 * 2).map(|i| (i * 37) % 251 - 125).collect();
    let x = tensor(8, &[2, 3, 3, 2], &raw, 0.02, -7);
    let filters: Vec<i32> = (0..8).map(|i| 5 * i - 17).collect();
    let depthwise = tensor(8, &[1, 2, 2, 2], &filters, 0.01, 0);
    fn layer<'a>(operator: LayerOperator, weights: &'a AffineTensor, bias: &'a [i64]) -> Layer<'a> {
        let (bias_type, output) = (BiasType::Int32, output(8, 0.05, 3));
        Layer { operator, weights, bias, bias_type, output }
    }
    let (stride, padding) = ([1, 1], [1, 1]);
    let both = layer(LayerOperator::Depthwise { stride, padding }, &depthwise, &[100, -50]);
    let sums = both.sums(best(), &x).unwrap();
    for channel in 0..2 {
        let only =
            |raw: &[i32]| -> Vec<i32> { raw.iter().skip(channel).step_by(2).copied().collect() };
        let x = tensor(8, &[2, 3, 3, 1], &only(&raw), 0.02, -7);
        let filter = tensor(8, &[1, 2, 2, 1], &only(&filters), 0.01, 0);
        let operator = LayerOperator::Convolution { stride, padding };
        let bias = [[100, -50][channel]];
        let one = layer(operator, &filter, &bias).sums(best(), &x).unwrap();
        let expected: Vec<i64> = sums.iter().skip(channel).step_by(2).copied().collect();
        assert_eq!(one, expected);
    }
    // A corner of padding: only one pixel counts, less the zero point.
    let first = i64::from(raw[0] + 7) * i64::from(filters[6]) + 100;
    assert_eq!(sums[0], first);
}

#[test]
fn sums_of_32_bits_wrap_and_of_64_do_not() {
    let x = tensor(16, &[1, 1], &[1], 1.0, 0);
    let weights = tensor(8, &[1, 1], &[1], 1.0, 0);
    let sums = |bias_type| {
        let layer = Layer {
            operator: LayerOperator::FullyConnected,
            weights: &weights,
            bias: &[i64::from(i32::MAX)],
            bias_type,
            output: output(16, 1.0, 0),
        };
        layer.sums(best(), &x).unwrap()
    };
    assert_eq!(sums(BiasType::Int32), [i64::from(i32::MIN)]);
    assert_eq!(sums(BiasType::Int64), [1 << 31]);
}

#[test]
fn every_operator_says_what_is_wrong() {
    let message = |result: Result<AffineTensor, TfliteError>| result.unwrap_err().to_string();
    let a = tensor(8, &[2], &[1, 2], 0.5, 0);
    let short = tensor(8, &[1], &[1], 0.5, 0);
    let long = tensor(16, &[2], &[1, 2], 0.5, 0);
    let odd = tensor(12, &[2], &[1, 2], 0.5, 0);
    let offset = tensor(16, &[2], &[1, 2], 0.5, 4);
    let (simd, set) = (best(), KernelSet::Xnnpack);
    let to = output(8, 1.0, 0);
    for (result, expected) in [
        (add(simd, set, &a, &short, &to), "1 words of the second operand, but 2 are needed"),
        (add(simd, set, &a, &long, &to), "ADD of ⟨8, 0⟩ and ⟨16, 0⟩: use one type"),
        (multiply(simd, set, &odd, &odd, &output(12, 1.0, 0)), "⟨12, 0⟩ is not a type of TFLite"),
        (quantize(simd, set, &offset, &to), "zero point 4 of the input: use 0"),
        (quantize(simd, set, &a, &output(8, 0.0, 0)), "scale 0 is 0: use a finite number above 0"),
        (quantize(simd, set, &a, &output(8, 1.0, 128)), "zero point 0 is 128: use -128 to 127"),
        (
            quantize(simd, set, &a, &output(8, 1e-30, 0)),
            "a scale ratio of 5e29: XNNPACK's QUANTIZE takes",
        ),
        (
            add(simd, set, &a, &a, &output(8, 1e-30, 0)),
            "a scale ratio of 5e29: XNNPACK's ADD takes",
        ),
        (
            average_pool(&a, [1, 1], [1, 1], PoolPadding::Same, Activation::None),
            "pooling of [2] with a window of [1, 1] and stride [1, 1]: the input needs",
        ),
    ] {
        let message = message(result);
        assert!(message.starts_with(expected), "{message}");
    }
    let weights = tensor(8, &[3, 2], &[1; 6], 0.5, 0);
    let layer = Layer {
        operator: LayerOperator::FullyConnected,
        weights: &weights,
        bias: &[0; 2],
        bias_type: BiasType::Int32,
        output: to,
    };
    let row = tensor(8, &[1, 2], &[1, 2], 0.5, 0);
    let error = message(layer.run(simd, set, &row));
    assert_eq!(error, "2 biases, but 3 are needed: one for each output channel");
    let wide = Layer { bias: &[0; 3], bias_type: BiasType::Int64, ..layer };
    assert_eq!(wide.run(simd, set, &row), Err(TfliteError::Bias));
    let depthwise = LayerOperator::Depthwise { stride: [1, 1], padding: [0, 0] };
    let wrong = Layer { operator: depthwise, bias: &[0; 3], ..layer };
    assert!(message(wrong.run(simd, set, &row)).contains("depthwise weights are"));
    assert!(layer.run(simd, set, &tensor(8, &[1, 3], &[1; 3], 0.5, 0)).is_err());
}

#[test]
fn names_are_found() {
    for set in KernelSet::ALL {
        assert_eq!(set.name().parse(), Ok(set));
    }
    for activation in Activation::ALL {
        assert_eq!(activation.name().parse(), Ok(activation));
    }
    assert_eq!(
        "gpu".parse::<KernelSet>().unwrap_err(),
        "unknown kernel set `gpu`: use ref, opt or xnn"
    );
}

proptest! {
    /// Elements in any number, at every level: the operator on each element alone, except where runs of 16 matter.
    #[test]
    fn elements_do_not_depend_on_the_level(
        raw in prop::collection::vec((-128i32..=127, -128i32..=127), 1..60),
        (sa, sb, sc) in (0.01f32..0.1, 0.01f32..0.1, 0.01f32..0.2),
        (za, zb, zc) in (-60i32..60, -60i32..60, -60i32..60),
    ) {
        let (a, b): (Vec<i32>, Vec<i32>) = raw.iter().copied().unzip();
        let of = |raw: &[i32], scale, zero_point| tensor(8, &[raw.len()], raw, scale, zero_point);
        let to = output(8, sc, zc);
        for set in KernelSet::ALL {
            let alone: Vec<[i32; 2]> = raw.iter().map(|&(a, b)| {
                let (a, b) = (of(&[a], sa, za), of(&[b], sb, zb));
                [add, multiply].map(|operator| {
                    words(&operator(SimdLevel::PORTABLE, set, &a, &b, &to).unwrap())[0]
                })
            }).collect();
            for simd in SimdLevel::available() {
                let (a, b) = (of(&a, sa, za), of(&b, sb, zb));
                for (index, operator) in [add, multiply].into_iter().enumerate() {
                    let found = words(&operator(simd, set, &a, &b, &to).unwrap());
                    let expected: Vec<i32> = alone.iter().map(|both| both[index]).collect();
                    prop_assert_eq!(found, expected, "{} {}", set, simd);
                }
            }
        }
    }

    /// All rules of all kernel sets are within one step of the real result.
    #[test]
    fn kernel_sets_differ_by_at_most_one_step(
        x in prop::collection::vec(-128i32..=127, 3), w in prop::collection::vec(-127i32..=127, 6),
        bias in -2000i64..2000, zero_point in -128i32..=127, scales in (0.01f32..0.1, 0.001f32..0.1),
    ) {
        let weights = FixedTensor::from_raw(&[2, 3], format(8), &w).unwrap();
        let per_channel = Quantisation::per_axis(0, vec![scales.0, scales.1], Vec::new()).unwrap();
        let weights = AffineTensor::new(weights, per_channel).unwrap();
        let layer = Layer {
            operator: LayerOperator::FullyConnected,
            weights: &weights,
            bias: &[bias, -bias],
            bias_type: BiasType::Int32,
            output: output(8, 0.7, 2),
        };
        let x = tensor(8, &[1, 3], &x, 0.05, zero_point);
        let sums = layer.sums(best(), &x).unwrap();
        for set in KernelSet::ALL {
            let found = words(&layer.run(best(), set, &x).unwrap());
            for (channel, scale) in [scales.0, scales.1].into_iter().enumerate() {
                let real = sums[channel] as f64 * 0.05 * f64::from(scale) / 0.7 + 2.0;
                let error = f64::from(found[channel]) - real.clamp(-128.0, 127.0);
                prop_assert!(error.abs() <= 1.0, "{}: {} for {}", set, found[channel], real);
            }
        }
        prop_assert_eq!(layer.rule(KernelSet::Xnnpack), RequantiseRule::Float32Factor);
    }
}
