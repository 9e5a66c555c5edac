//! A fused layer against the same layer with a float32 vector unit.
//!
//! Let acc be the exact accumulator, fitted into the range of the convolution's own format, and
//! a = factor · acc + offset the exact result in steps of the output. The fused layer rounds a + e₁ with
//! |e₁| ≤ (|acc| + 1) · 2^-(s+1). With the vector unit the accumulator is first rounded to the convolution's
//! format, by |δ| ≤ ½ of its step, and one such step is g = γ/σ · 2^(FLo - FLc) steps of the output; so it
//! rounds a + g·δ + e₂ with e₂ the float32 error. The two therefore differ by at most ⌊d⌋ + 1 steps with
//! d = |g|/2 + |e₁| + |e₂|, and by at most 1 step where d < 1.

use super::{context, format, images, quantised, with_statistics};
use crate::network::vector::batch_norm::EPSILON;
use crate::network::{BiasBound, Builder, Initialisation, Network, PassSettings};
use crate::verify::integer::{Program, compile, quantise_images};
use hwmodel::array::Convolution2d;
use hwmodel::{Accumulator, Format, Overflow, SimdLevel};
use proptest::prelude::*;

const SHAPE: [usize; 3] = [6, 5, 3];
const FILTERS: usize = 4;

fn network(seed: u64, bias: bool, relu: bool) -> Network {
    let initialisation = Initialisation { seed, scale: 1.5 };
    let mut net = Builder::new("fused", SHAPE, initialisation, BiasBound::Scale);
    let image = net.image();
    let geometry = Convolution2d::square(3, 1, 1);
    let mut x = net.convolution("conv", image, FILTERS, geometry, bias).unwrap();
    x = net.batch_norm("norm", x).unwrap();
    if relu {
        net.relu(x).unwrap();
    }
    net.finish().unwrap()
}

/// Elements compared, those with d < 1, and the largest difference.
#[derive(Debug, Default)]
struct Agreement {
    compared: usize,
    close: usize,
    largest: u64,
    outside: u64,
}

/// Elements of an output.
const ELEMENTS: usize = 2 * SHAPE[0] * SHAPE[1] * FILTERS;

fn agreement(
    seed: u64,
    (conv, norm): (Format, Format),
    (bias, relu): (bool, bool),
    overflow: Overflow,
) -> Agreement {
    let parameters = if bias { 2 } else { 1 };
    let network = with_statistics(network(seed, bias, relu), seed);
    let mut network = quantised(network, |i| if i < parameters { conv } else { norm });
    let context = PassSettings { overflow, ..context(Accumulator::default()) };
    let program: Program = compile(&network, &context).unwrap();
    assert_eq!(program.steps().len(), 1, "everything is fused");
    let scale = program.steps()[0].scale().unwrap().clone();
    let images = images([2, SHAPE[0], SHAPE[1], SHAPE[2]], seed);
    let (pixels, _) = quantise_images(&program, SimdLevel::best(), &images).unwrap();

    let operands = network.mac_operands(0).unwrap();
    let weight = operands.weight.quantised.clone().unwrap();
    let bias = operands.bias.map(|bias| bias.hardware_values(SimdLevel::best()).into_owned());
    let product = context.array.convolve(&pixels, &weight, operands.geometry).unwrap();
    let inference = program.run(pixels).unwrap();
    let integer = inference.logits.data().to_i32();
    let pass = network.forward(images, &context).unwrap();
    let crate::network::Activation::Fixed(float) = &pass.output else { panic!("fixed point") };
    let float = float.data().to_i32();

    let norm_node = &network.nodes[1];
    let running = norm_node.running().unwrap();
    let values = norm_node.parameters_of(&network.parameters);
    let gamma = values[0].hardware_values(SimdLevel::best()).into_owned();
    let beta = values[1].hardware_values(SimdLevel::best()).into_owned();
    let float32 = 2f64.powi(-24);
    let outside = inference.steps[0].products_outside;
    let mut agreement = Agreement { outside, ..Agreement::default() };
    for (index, (&integer, &float)) in integer.iter().zip(&float).enumerate() {
        let channel = index % FILTERS;
        let range = scale.ranges().unwrap().channels[channel];
        let (acc, _) = range.fit(product.sums().get(index), overflow);
        // Rounded up from the top of its range, a word wraps to the bottom.
        let half = 1 << (product.fl() - conv.fl() - 1);
        if overflow == Overflow::Wrap && acc > range.high() - half {
            continue;
        }
        let acc = acc as f64;
        let bias = bias.as_ref().map_or(0.0, |bias| bias[channel].into());
        let biased = acc * 2f64.powi(-product.fl()) + bias;
        let mean = f64::from(running.mean[channel]);
        let deviation = (f64::from(running.variance[channel]) + f64::from(EPSILON)).sqrt();
        let ratio = (f64::from(gamma[channel]) / deviation).abs();
        let gain = ratio * norm.scale() / conv.scale();
        let shift = scale.channels()[channel].shift() as i32;
        let folding = (acc.abs() + 1.0) * 2f64.powi(-shift - 1);
        let centred = ratio * ((biased - mean).abs() + conv.step());
        let rounding = float32
            * norm.scale()
            * (6.0 * centred + 2.0 * (centred + f64::from(beta[channel]).abs()));
        let distance = gain / 2.0 + folding + rounding;
        let difference = i64::from(integer).abs_diff(float.into());
        assert!(difference <= distance as u64 + 1, "{index}: {difference} steps, d = {distance}");
        agreement.compared += 1;
        agreement.close += usize::from(distance < 1.0);
        agreement.largest = agreement.largest.max(difference);
    }
    agreement
}

#[test]
fn fused_layers_differ_by_at_most_one_step_where_the_gain_is_below_two() {
    // FLo < FLc: |g| ≤ 1.5/√0.3 · ½ < 1.4 for every channel.
    for seed in 0..20 {
        let formats = (format(16, 9), format(12, 8));
        let found = agreement(seed, formats, (seed % 2 == 0, seed % 3 == 0), Overflow::Saturate);
        assert_eq!((found.compared, found.close), (ELEMENTS, ELEMENTS), "{found:?}");
        assert!(found.largest <= 1, "{found:?}");
    }
}

#[test]
fn products_outside_their_format_agree_too() {
    for overflow in [Overflow::Saturate, Overflow::Wrap] {
        for seed in 0..20 {
            // Products reach beyond ±2.
            let formats = (format(8, 6), format(10, 5));
            let found = agreement(seed, formats, (seed % 2 == 0, false), overflow);
            assert!(found.outside > 0, "{found:?}");
            assert!(found.compared > ELEMENTS * 9 / 10 && found.close == found.compared);
            assert!(found.largest <= 1, "{found:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn the_difference_is_within_its_bound(
        seed: u64, conv_wl in 4u32..=24, conv_fl in 2i32..=12, wl in 2u32..=24, fl in 2i32..=14,
        layers: (bool, bool), wrap: bool,
    ) {
        let overflow = if wrap { Overflow::Wrap } else { Overflow::Saturate };
        agreement(seed, (format(conv_wl, conv_fl), format(wl, fl)), layers, overflow);
    }
}
