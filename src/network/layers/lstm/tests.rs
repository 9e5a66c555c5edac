//! Small recurrent networks against differences and plain loops.

use crate::network::vector::lstm::{GATES, step};
use crate::network::{
    Activation, BackwardArithmetic, BiasBound, Builder, GradientFormat, Initialisation, Network,
    NetworkError, PassSettings,
};
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::MacArray;
use hwmodel::number::block_float::tensor_format;
use hwmodel::number::quantise;
use hwmodel::product::GemmShape;
use hwmodel::random::{RandomAddress, RandomSource, Role};
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, Rounding, SimdLevel};

const VOCABULARY: usize = 7;
const CHANNELS: usize = 4;
const HIDDEN: usize = 3;
const STEPS: usize = 5;
const SAMPLES: usize = 2;

/// Embedding and LSTM, and a linear layer of `outputs` outputs unless that is 0.
fn network(outputs: usize) -> Network {
    let initialisation = Initialisation { seed: 2, scale: 1.5 };
    let mut net = Builder::new("test", [STEPS, 1, 1], initialisation, BiasBound::Scale);
    let x = net.embedding("embedding", net.tokens(), VOCABULARY, CHANNELS).unwrap();
    let x = net.lstm("lstm", x, HIDDEN).unwrap();
    if outputs > 0 {
        net.linear_each("output", x, outputs).unwrap();
    }
    net.finish().unwrap()
}

fn context(rounding: Rounding, backward: BackwardArithmetic) -> PassSettings {
    PassSettings {
        array: MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() },
        rounding,
        random: RandomSource::PCG,
        overflow: Overflow::Saturate,
        seed: 1,
        step: 3,
        training: true,
        backward,
    }
}

fn tokens() -> Activation {
    let tokens = (0..SAMPLES * STEPS).map(|i| ((i * i + 3 * i) % VOCABULARY) as f32).collect();
    Activation::float(tokens, [SAMPLES, STEPS, 1, 1])
}

/// Gives every parameter the format that `format` chooses for its values.
fn quantised(network: &mut Network, formats: RoleFormats, format: impl Fn(&[f32]) -> Format) {
    for parameter in &mut network.parameters {
        let format = format(&parameter.master);
        let address = RandomAddress::new(1, 0, 0, Role::Weight);
        let (simd, rounding) = (SimdLevel::best(), Rounding::NearestEven);
        let (data, _) =
            quantise::quantise(simd, &parameter.master, format, rounding, address).unwrap();
        parameter.quantised = Some(FixedTensor::new(&parameter.shape, format, data).unwrap());
        parameter.formats = formats;
    }
}

fn weights(length: usize) -> Vec<f32> {
    (0..length).map(|i| (i as f32 * 1.3).sin()).collect()
}

/// Σ a·logits of a float32 pass.
fn loss(network: &mut Network, a: &[f32]) -> f64 {
    let context = context(Rounding::NearestEven, BackwardArithmetic::Float32);
    let pass = network.forward(tokens(), &context).unwrap();
    pass.logits.iter().zip(a).map(|(&x, &a)| f64::from(x) * f64::from(a)).sum()
}

#[test]
fn gradients_through_time_are_the_derivatives() {
    let mut network = network(6);
    let a = weights(SAMPLES * STEPS * 6);
    let context = context(Rounding::NearestEven, BackwardArithmetic::Float32);
    let mut pass = network.forward(tokens(), &context).unwrap();
    let gradients = network.backward(&mut pass, a.clone(), &context, false).unwrap();
    for parameter in 0..network.parameters.len() {
        for index in 0..network.parameters[parameter].master.len() {
            let own = network.parameters[parameter].master[index];
            let mut at = |step: f32| {
                network.parameters[parameter].master[index] = own + step;
                loss(&mut network, &a)
            };
            let want = (at(1.0 / 128.0) - at(-1.0 / 128.0)) * 64.0;
            network.parameters[parameter].master[index] = own;
            let got = f64::from(gradients.parameters[parameter][index]);
            let name = &network.parameters[parameter].name;
            assert!(
                (got - want).abs() < 2e-3 * want.abs().max(1.0),
                "{name} {index}: {got} {want}"
            );
        }
    }
}

/// ⌊raw / 2^4⌉ to even, saturated to 8 bits.
fn requantised(sum: i64) -> i64 {
    let floor = sum >> 4;
    let rest = sum & 15;
    let up = rest > 8 || (rest == 8 && floor & 1 == 1);
    (floor + i64::from(up)).clamp(-128, 127)
}

#[test]
fn the_integer_path_is_the_plain_loop() {
    let format = Format::new(8, 4).unwrap();
    let mut network = network(0);
    quantised(&mut network, RoleFormats::fixed(format), |_| format);
    let context = context(Rounding::NearestEven, BackwardArithmetic::Float32);
    let pass = network.forward(tokens(), &context).unwrap();
    let Activation::Fixed(output) = &pass.output else { panic!("fixed point") };

    let raw = |index: usize| -> Vec<i64> {
        let tensor = network.parameters[index].quantised.as_ref().unwrap();
        tensor.data().to_i32().into_iter().map(i64::from).collect()
    };
    let (table, input, bias, recurrent) = (raw(0), raw(1), raw(2), raw(3));
    let numbers = tokens().to_f32(SimdLevel::best()).into_owned();
    let mut want: Vec<i64> = Vec::new();
    for sample in numbers.chunks_exact(STEPS) {
        let (mut h, mut c) = (vec![0i64; HIDDEN], vec![0.0; HIDDEN]);
        for &token in sample {
            let row = &table[token as usize * CHANNELS..][..CHANNELS];
            let dot = |weights: &[i64], x: &[i64]| -> i64 {
                weights.iter().zip(x).map(|(w, x)| w * x).sum()
            };
            let z = (0..GATES * HIDDEN).map(|unit| {
                let x = dot(&input[unit * CHANNELS..][..CHANNELS], row) + (bias[unit] << 4);
                let r = dot(&recurrent[unit * HIDDEN..][..HIDDEN], &h);
                requantised(x) as f32 / 16.0 + requantised(r) as f32 / 16.0
            });
            let (values, _) = step(z.collect(), &mut c, HIDDEN);
            let nearest = |&x: &f32| (x * 16.0).round_ties_even() as i64;
            h = values.iter().map(nearest).collect();
            want.extend(&h);
        }
    }
    let got: Vec<i64> = output.data().to_i32().into_iter().map(i64::from).collect();
    assert_eq!(got, want);
    assert!(got.iter().any(|&h| h != 0));
    // A product of every time step, whose first operand is zero.
    let forward = pass.tallies[1].forward.unwrap();
    assert_eq!((forward.gemm.groups, forward.gemm.shape.m, forward.gemm.shape.n), (5, 2, 12));
    assert_eq!(forward.report.macs, (STEPS * SAMPLES * 4 * HIDDEN * HIDDEN) as u64);
    assert!(forward.report.nonzero_macs <= forward.report.macs / 5 * 4);
    assert_eq!(pass.tallies[1].output.elements, (STEPS * SAMPLES * (4 + 1) * HIDDEN) as u64);
}

/// With wide words the integer gradients are close to the float32 ones; each product is on the array.
#[test]
fn backward_products_run_on_the_array() {
    let run = |backward| {
        let mut network = network(6);
        let formats = RoleFormats::all(NumberFormat::DynamicFixed { wl: 20 });
        quantised(&mut network, formats, |values| tensor_format(values, 20).unwrap());
        let context = context(Rounding::Stochastic, backward);
        let mut pass = network.forward(tokens(), &context).unwrap();
        let a = weights(pass.logits.len());
        let gradients = network.backward(&mut pass, a, &context, false).unwrap();
        (gradients.parameters, pass.tallies)
    };
    let rounding = Rounding::Stochastic;
    let fixed = GradientFormat::of(None, rounding);
    let (fixed, tallies) = run(BackwardArithmetic::Fixed(fixed));
    let (float, _) = run(BackwardArithmetic::Float32);
    for (fixed, float) in fixed.iter().zip(&float) {
        let largest = float.iter().fold(0f32, |most, x| most.max(x.abs()));
        for (a, b) in fixed.iter().zip(float) {
            assert!((a - b).abs() < 1e-3 * largest, "{a} {b}");
        }
    }
    let recurrent = &tallies[1];
    let (input, weight) = (recurrent.grad_input.unwrap(), recurrent.grad_weight.unwrap());
    assert_eq!((input.gemm.groups, weight.gemm.groups), (5, 5));
    assert!(input.gemm.formats.is_some() && weight.gemm.formats.is_some());
    let GemmShape { m, n, k } = weight.gemm.shape;
    assert_eq!((m, n, k), (12, 3, 2));
}

#[test]
fn evaluation_keeps_nothing_and_repeats() {
    let format = Format::new(8, 5).unwrap();
    let mut network = network(6);
    quantised(&mut network, RoleFormats::fixed(format), |_| format);
    let training = context(Rounding::Stochastic, BackwardArithmetic::Float32);
    let evaluation = PassSettings { training: false, ..training };
    let mut first = network.forward(tokens(), &evaluation).unwrap();
    let gradient = vec![1.0; first.logits.len()];
    let refused = network.backward(&mut first, gradient, &evaluation, false).err().unwrap();
    assert!(matches!(refused, NetworkError::NotTraining(_)), "{refused}");
    let again = network.forward(tokens(), &evaluation).unwrap();
    assert_eq!(first.logits, again.logits);
    let portable = PassSettings {
        array: MacArray { simd: SimdLevel::PORTABLE, ..evaluation.array },
        ..evaluation
    };
    assert_eq!(network.forward(tokens(), &portable).unwrap().logits, first.logits);
}

#[test]
fn tokens_outside_the_vocabulary_are_refused() {
    let mut network = network(6);
    let context = context(Rounding::NearestEven, BackwardArithmetic::Float32);
    for wrong in [7.0, -1.0, 0.5, f32::NAN] {
        let mut values = vec![0.0; STEPS];
        values[3] = wrong;
        let input = Activation::float(values, [1, STEPS, 1, 1]);
        let error = network.forward(input, &context).err().unwrap();
        assert!(matches!(error, NetworkError::Token { index: 3, vocabulary: 7, .. }), "{error}");
    }
}
