//! Small attention networks against differences and plain loops.

use super::head::transposed;
use crate::network::vector::causal_softmax::causal_softmax;
use crate::network::{
    Activation, BackwardArithmetic, BiasBound, Builder, GradientFormat, Initialisation, Network,
    PassSettings,
};
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::MacArray;
use hwmodel::number::block_float::tensor_format;
use hwmodel::number::quantise;
use hwmodel::random::{RandomAddress, RandomSource, Role};
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, Rounding, SimdLevel};

const VOCABULARY: usize = 7;
const CHANNELS: usize = 6;
const HEADS: usize = 2;
const LENGTH: usize = 4;
const SAMPLES: usize = 2;

/// Embedding, positions, layer norm, attention with a residual, and a linear layer of 5 outputs.
fn network() -> Network {
    let initialisation = Initialisation { seed: 2, scale: 1.5 };
    let mut net = Builder::new("test", [LENGTH, 1, 1], initialisation, BiasBound::Scale);
    let x = net.embedding("embedding", net.tokens(), VOCABULARY, CHANNELS).unwrap();
    let x = net.position("position", x).unwrap();
    let y = net.layer_norm("norm", x).unwrap();
    let y = net.attention("attention", y, HEADS).unwrap();
    let x = net.sum(x, y).unwrap();
    net.linear_each("output", x, 5).unwrap();
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
    let tokens = (0..SAMPLES * LENGTH).map(|i| ((i * i + 3 * i) % VOCABULARY) as f32).collect();
    Activation::float(tokens, [SAMPLES, LENGTH, 1, 1])
}

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

#[test]
fn gradients_of_every_parameter_are_the_derivatives() {
    let mut network = network();
    let a = weights(SAMPLES * LENGTH * 5);
    let context = context(Rounding::NearestEven, BackwardArithmetic::Float32);
    let loss = |network: &mut Network| -> f64 {
        let pass = network.forward(tokens(), &context).unwrap();
        pass.logits.iter().zip(&a).map(|(&x, &a)| f64::from(x) * f64::from(a)).sum()
    };
    let mut pass = network.forward(tokens(), &context).unwrap();
    let gradients = network.backward(&mut pass, a.clone(), &context, false).unwrap();
    for parameter in 0..network.parameters.len() {
        for index in 0..network.parameters[parameter].master.len() {
            let own = network.parameters[parameter].master[index];
            let mut at = |step: f32| {
                network.parameters[parameter].master[index] = own + step;
                loss(&mut network)
            };
            let want = (at(1.0 / 128.0) - at(-1.0 / 128.0)) * 64.0;
            network.parameters[parameter].master[index] = own;
            let got = f64::from(gradients.parameters[parameter][index]);
            let name = &network.parameters[parameter].name;
            assert!(
                (got - want).abs() < 5e-3 * want.abs().max(1.0),
                "{name} {index}: {got} {want}"
            );
        }
    }
}

/// Queries, keys and values of the network's attention as raw integers, and what it made of them.
#[test]
fn the_integer_path_is_the_plain_loop() {
    let format = Format::new(8, 4).unwrap();
    let mut network = network();
    quantised(&mut network, RoleFormats::fixed(format), |_| format);
    let context = context(Rounding::NearestEven, BackwardArithmetic::Float32);
    let pass = network.forward(tokens(), &context).unwrap();
    let node = |kind| network.nodes.iter().position(|node| node.kind() == kind).unwrap();
    let raw = |activation: &Activation| -> Vec<i64> {
        let Activation::Fixed(tensor) = activation else { panic!("fixed point") };
        tensor.data().to_i32().into_iter().map(i64::from).collect()
    };
    let input = raw(pass.mac_input(node("attention scores")).unwrap());
    let got = raw(pass.mac_input(node("attention context")).unwrap());
    // The linear layer after the attention keeps its input: the context.
    let after = network.nodes.iter().position(|node| node.name == "attention.out").unwrap();
    let context_raw = raw(pass.mac_input(after).unwrap());

    let columns = CHANNELS / HEADS;
    let at = |sample: usize, token: usize, part: usize, head: usize, channel: usize| {
        input[(sample * LENGTH + token) * 3 * CHANNELS + part * CHANNELS + head * columns + channel]
    };
    for sample in 0..SAMPLES {
        for head in 0..HEADS {
            let mut scores = Vec::new();
            for (row, column) in (0..LENGTH * LENGTH).map(|i| (i / LENGTH, i % LENGTH)) {
                let terms = (0..columns)
                    .map(|c| at(sample, row, 0, head, c) * at(sample, column, 1, head, c));
                scores.push(terms.sum::<i64>() as f32 / 256.0);
            }
            causal_softmax(&mut scores, LENGTH, 1.0 / (columns as f32).sqrt());
            for row in 0..LENGTH {
                let first = (sample * LENGTH + row) * HEADS * LENGTH + head * LENGTH;
                let p = &got[first..first + LENGTH];
                // ⟨8, 7⟩, to nearest even.
                for (column, &p) in p.iter().enumerate() {
                    let nearest = (scores[row * LENGTH + column] * 128.0).round_ties_even();
                    assert_eq!(p, (nearest as i64).min(127), "{sample} {head} {row} {column}");
                }
                for channel in 0..columns {
                    // FL 7 + 4, to FL 4: a shift of 7 bits, ties to even.
                    let terms = (0..LENGTH).map(|t| p[t] * at(sample, t, 2, head, channel));
                    let sum: i64 = terms.sum();
                    let (floor, rest) = (sum >> 7, sum & 127);
                    let up = rest > 64 || (rest == 64 && floor & 1 == 1);
                    let want = (floor + i64::from(up)).clamp(-128, 127);
                    let place = (sample * LENGTH + row) * CHANNELS + head * columns + channel;
                    assert_eq!(context_raw[place], want);
                }
            }
        }
    }
}

#[test]
fn products_are_one_for_each_head_and_sample() {
    let mut network = network();
    let format = Format::new(8, 4).unwrap();
    quantised(&mut network, RoleFormats::fixed(format), |_| format);
    let context = context(Rounding::Stochastic, BackwardArithmetic::Float32);
    let mut pass = network.forward(tokens(), &context).unwrap();
    let gradient = weights(pass.logits.len());
    network.backward(&mut pass, gradient, &context, false).unwrap();
    let index = network.find_mac_layer("attention.scores").unwrap();
    let (scores, context) = (&pass.tallies[index], &pass.tallies[index + 1]);
    let shape = |tally: &crate::network::GemmTally| {
        (tally.gemm.groups, [tally.gemm.shape.m, tally.gemm.shape.n, tally.gemm.shape.k])
    };
    assert_eq!(shape(&scores.forward.unwrap()), (4, [4, 4, 3]));
    assert_eq!(shape(&scores.grad_input.unwrap()), (4, [4, 3, 4]));
    assert_eq!(shape(&scores.grad_weight.unwrap()), (4, [4, 3, 4]));
    assert_eq!(shape(&context.forward.unwrap()), (4, [4, 3, 4]));
    let layer = &network.mac_layers[index];
    assert_eq!((layer.macs, layer.elements), ((HEADS * LENGTH * LENGTH * 3) as u64, 0));
    assert_eq!(network.parameters[layer.weight].name, "attention.qkv.weight");
    assert!(network.single_product(index).is_err());
}

#[test]
fn backward_products_run_on_the_array() {
    let run = |backward| {
        let mut network = network();
        let formats = RoleFormats::all(NumberFormat::DynamicFixed { wl: 20 });
        quantised(&mut network, formats, |values| tensor_format(values, 20).unwrap());
        let context = context(Rounding::Stochastic, backward);
        let mut pass = network.forward(tokens(), &context).unwrap();
        let gradient = weights(pass.logits.len());
        let gradients = network.backward(&mut pass, gradient, &context, false).unwrap();
        (gradients.parameters, pass.tallies)
    };
    let rounding = Rounding::Stochastic;
    let fixed = GradientFormat::of(None, rounding);
    let (fixed, tallies) = run(BackwardArithmetic::Fixed(fixed));
    let (float, _) = run(BackwardArithmetic::Float32);
    for (fixed, float) in fixed.iter().zip(&float) {
        let largest = float.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
        assert!(fixed.iter().zip(float).all(|(a, b)| (a - b).abs() < 2e-3 * largest));
    }
    for tally in &tallies {
        assert!(tally.grad_weight.unwrap().gemm.formats.is_some());
    }
}

#[test]
fn a_transposed_matrix() {
    assert_eq!(transposed(&[1, 2, 3, 4, 5, 6], 3), [1, 4, 2, 5, 3, 6]);
}

/// With 16 bits for the node and 16 for the head, sample 65,536 drew the numbers of sample 0, and a batch of 32,768 of four heads
/// flushed exactly twice as many results to zero as one of 16,384.
#[test]
fn heads_beyond_65536_have_random_numbers_of_their_own() {
    const FIRST: usize = 1 << 16;
    const MORE: usize = 16;
    let initialisation = Initialisation { seed: 2, scale: 1.5 };
    let mut net = Builder::new("test", [1, 1, 1], initialisation, BiasBound::Scale);
    let x = net.embedding("embedding", net.tokens(), 1, 4).unwrap();
    net.attention("attention", x, 1).unwrap();
    let mut network = net.finish().unwrap();
    let format = Format::new(8, 4).unwrap();
    quantised(&mut network, RoleFormats::fixed(format), |_| format);
    let context = context(Rounding::Stochastic, BackwardArithmetic::Float32);
    let samples = FIRST + MORE;
    let tokens = Activation::float(vec![0.0; samples], [samples, 1, 1, 1]);
    let pass = network.forward(tokens, &context).unwrap();
    let node = |name: &str| network.nodes.iter().position(|node| node.name == name).unwrap();
    let results = pass.mac_input(node("attention.out")).unwrap().to_f32(SimdLevel::PORTABLE);
    // All samples have the same token, so that only rounding can tell them apart; queries, keys and values of a sample are
    // rounded by element, which never repeated, so they are compared where they agree.
    let inputs = pass.mac_input(node("attention.scores")).unwrap();
    let inputs = inputs.to_f32(SimdLevel::PORTABLE);
    let of =
        |values: &[f32], width: usize, sample: usize| values[sample * width..][..width].to_vec();
    let (mut equal, mut pairs) = (0, 0);
    for sample in 0..MORE {
        let values = |sample: usize| of(&inputs, 12, sample)[8..].to_vec();
        let context = |sample: usize| of(&results, 4, sample);
        for column in 0..4 {
            if values(sample)[column].to_bits() == values(FIRST + sample)[column].to_bits() {
                pairs += 1;
                let same = context(sample)[column].to_bits();
                equal += usize::from(same == context(FIRST + sample)[column].to_bits());
            }
        }
    }
    assert!(pairs > 8, "too few equal inputs to compare: {pairs}");
    assert!(equal < pairs, "all {pairs} results of equal inputs are rounded alike");
}

/// The results of one product of four heads that are flushed to zero, at twice the batch: about twice as many, and not exactly so, as
/// where heads 65,536 to 131,071 draw the numbers of the first 65,536.
#[test]
fn twice_the_heads_do_not_flush_exactly_twice_as_many_results() {
    let flushed = |samples: usize| {
        let initialisation = Initialisation { seed: 2, scale: 0.3 };
        let mut net = Builder::new("test", [1, 1, 1], initialisation, BiasBound::Scale);
        let x = net.embedding("embedding", net.tokens(), 1, 4).unwrap();
        net.attention("attention", x, 4).unwrap();
        let mut network = net.finish().unwrap();
        let format = Format::new(8, 4).unwrap();
        let coarse = Format::new(8, 2).unwrap();
        quantised(&mut network, RoleFormats::fixed(coarse), |_| format);
        let context = context(Rounding::Stochastic, BackwardArithmetic::Float32);
        let tokens = Activation::float(vec![0.0; samples], [samples, 1, 1, 1]);
        let pass = network.forward(tokens, &context).unwrap();
        pass.tallies.iter().map(|tally| tally.output.flushed_to_zero).collect::<Vec<_>>()
    };
    let (once, twice) = (flushed(16_384), flushed(32_768));
    let counts: Vec<_> = once.iter().zip(&twice).filter(|(once, _)| **once > 100).collect();
    assert!(!counts.is_empty(), "{once:?}");
    for (once, twice) in counts {
        assert_ne!(*twice, 2 * once);
        assert!(twice.abs_diff(2 * once) < once / 5, "{once} {twice}");
    }
}
