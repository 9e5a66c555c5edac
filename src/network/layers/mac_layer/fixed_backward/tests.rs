//! The integer backward pass of whole networks against the float32 one.

use crate::network::backward_arithmetic::{GradientWords, ProductWords};
use crate::network::{
    Activation, BackwardArithmetic, GradientFormat, Gradients, Initialisation, LayerTally, Network,
    PassSettings, arch,
};
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::MacArray;
use hwmodel::number::block_float::tensor_format;
use hwmodel::number::quantise;
use hwmodel::random::{RandomAddress, RandomSource, Role, generator, uniform_f32};
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Overflow, Rounding, SimdLevel};

/// A network whose weights, activations and gradients have `wl` bits with per-tensor scales.
fn network(name: &str, wl: u32) -> Network {
    let initialisation = Initialisation { seed: 1, scale: 1.0 };
    let task = arch::Task { input: [32, 32, 3], classes: 10, initialisation };
    let mut network = arch::build(name, &task).unwrap();
    for parameter in &mut network.parameters {
        let format = tensor_format(&parameter.master, wl).unwrap();
        let address = RandomAddress::new(1, 0, 0, Role::Weight);
        let rounding = Rounding::NearestEven;
        let simd = SimdLevel::best();
        let (data, _) =
            quantise::quantise(simd, &parameter.master, format, rounding, address).unwrap();
        parameter.quantised = Some(FixedTensor::new(&parameter.shape, format, data).unwrap());
        parameter.formats = RoleFormats::all(NumberFormat::DynamicFixed { wl });
    }
    network
}

fn context(backward: BackwardArithmetic, accumulator: Accumulator) -> PassSettings {
    PassSettings {
        array: MacArray { simd: SimdLevel::best(), accumulator },
        rounding: Rounding::Stochastic,
        random: RandomSource::PCG,
        overflow: Overflow::Saturate,
        seed: 1,
        step: 3,
        training: true,
        backward,
    }
}

fn fixed(wl: Option<u32>, fl: Option<i32>) -> BackwardArithmetic {
    BackwardArithmetic::Fixed(GradientFormat { fl, ..GradientFormat::of(wl, Rounding::Stochastic) })
}

/// Gradients and counts of a batch of two images.
fn run(name: &str, wl: u32, context: &PassSettings) -> (Gradients, Vec<LayerTally>) {
    let mut network = network(name, wl);
    let mut generator = generator(3, &[]);
    let values = (0..2 * 32 * 32 * 3).map(|_| 2.0 * uniform_f32(&mut generator) - 1.0).collect();
    let mut pass = network.forward(Activation::float(values, [2, 32, 32, 3]), context).unwrap();
    let gradient = (0..pass.logits.len()).map(|i| (i as f32 * 0.7).sin()).collect();
    let gradients = network.backward(&mut pass, gradient, context, false).unwrap();
    (gradients, pass.tallies)
}

#[test]
fn wide_gradients_are_those_of_float32() {
    for name in ["lenet5", "alexnet", "resnet20", "mlp"] {
        let accumulator = Accumulator::default();
        let (float, _) = run(name, 16, &context(BackwardArithmetic::Float32, accumulator));
        let (integer, tallies) = run(name, 16, &context(fixed(Some(24), None), accumulator));
        for (index, (float, integer)) in
            float.parameters.iter().zip(&integer.parameters).enumerate()
        {
            let norm: f64 = float.iter().map(|&g| f64::from(g).powi(2)).sum();
            let pairs = float.iter().zip(integer);
            let error: f64 = pairs.map(|(&f, &i)| f64::from(f - i).powi(2)).sum();
            assert!(norm > 0.0, "{name} parameter {index}");
            assert!(error <= 1e-8 * norm, "{name} parameter {index}: {error} of {norm}");
        }
        for (layer, tally) in tallies.iter().enumerate() {
            let weight = tally.grad_weight.unwrap();
            assert_eq!(weight.gemm.formats.unwrap().map(|f| f.wl()).input, 24, "{name} {layer}");
            assert_eq!(weight.gemm.formats.unwrap().weight.wl(), 16, "{name} {layer}");
            // dY once, dW once.
            let elements =
                weight.gemm.elements.input * weight.gemm.groups + weight.gemm.elements.output;
            assert_eq!(weight.gradient.elements, elements, "{name} {layer}");
            assert_eq!(tally.grad_input.is_some(), layer > 0, "{name} {layer}");
            if let Some(input) = tally.grad_input {
                assert_eq!(input.gradient.elements, input.gemm.elements.output, "{name} {layer}");
                let macs = input.gemm.macs().unwrap();
                assert_eq!(input.report.macs, macs, "{name} {layer}");
            }
        }
    }
}

#[test]
fn narrow_accumulators_and_formats_are_counted_for_any_threads() {
    let width = AccumulatorWidth::bits(15).unwrap();
    let accumulator = Accumulator::new(width, Overflow::Saturate);
    let on = |threads, backward| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run("lenet5", 8, &context(backward, accumulator)))
    };
    let (one, tallies) = on(1, fixed(None, None));
    for threads in [2, 5] {
        let (more, counts) = on(threads, fixed(None, None));
        assert_eq!(counts, tallies);
        assert_eq!(more.parameters, one.parameters);
    }
    let events = |tallies: &[LayerTally]| -> u64 {
        let products = tallies.iter().flat_map(|tally| [tally.grad_input, tally.grad_weight]);
        products.flatten().map(|gemm| gemm.report.accumulator_events).sum()
    };
    assert!(events(&tallies) > 0);
    let narrow = tallies[4].grad_weight.unwrap();
    assert_eq!(narrow.gemm.formats.unwrap().input.wl(), 8, "the layer's own gradient format");
    assert_eq!(narrow.gradient.saturated_high + narrow.gradient.saturated_low, 0);

    // ⟨4, 3⟩ ends at 7/8, which the given gradient passes.
    let (_, tallies) = on(2, fixed(Some(4), Some(3)));
    let given = tallies[4].grad_weight.unwrap();
    assert_eq!(given.gemm.formats.unwrap().output.to_string(), "⟨4, 3⟩");
    assert!(given.gradient.saturated() > 0);
    assert!(given.gradient.random_bits > 0);
}

#[test]
fn each_product_can_have_a_word_length_of_its_own() {
    let own = GradientFormat {
        grad_input_wl: Some(12),
        grad_weight_wl: Some(6),
        ..GradientFormat::of(Some(9), Rounding::Stochastic)
    };
    let accumulator = Accumulator::default();
    let run_with = |backward| run("lenet5", 8, &context(backward, accumulator));
    let (gradients, tallies) = run_with(BackwardArithmetic::Fixed(own));
    let words = |tally: &LayerTally| {
        let [input, weight] = [tally.grad_input, tally.grad_weight].map(|gemm| {
            gemm.and_then(|tally| tally.gemm.formats).map(|f| (f.input.wl(), f.output.wl()))
        });
        (input, weight)
    };
    assert_eq!(words(&tallies[0]), (None, Some((6, 6))));
    assert_eq!(words(&tallies[4]), (Some((12, 12)), Some((6, 6))));
    // dX once, and a dY quantised separately for it.
    let input = tallies[4].grad_input.unwrap();
    assert_eq!(input.gradient.elements, input.gemm.elements.input + input.gemm.elements.output);

    // The last layer's dY is that of any run; dX, which the others get, is that of 12 bits.
    let last = gradients.parameters.len() - 2;
    let (narrow, _) = run_with(fixed(Some(6), None));
    let (wide, _) = run_with(fixed(Some(12), None));
    assert_eq!(gradients.parameters[last..], narrow.parameters[last..]);
    assert_ne!(gradients.parameters[last], wide.parameters[last]);
    assert_ne!(gradients.parameters[0], narrow.parameters[0]);
}

#[test]
fn results_can_be_longer_than_operands() {
    let context = context(fixed(None, None), Accumulator::default());
    let mut network = network("lenet5", 6);
    for parameter in &mut network.parameters {
        parameter.formats.output = Some(NumberFormat::DynamicFixed { wl: 14 });
    }
    let images = (0..2 * 32 * 32 * 3).map(|i| (i as f32 * 0.37).sin()).collect();
    let mut pass = network.forward(Activation::float(images, [2, 32, 32, 3]), &context).unwrap();
    let gradient = (0..pass.logits.len()).map(|i| (i as f32 * 0.7).sin()).collect();
    network.backward(&mut pass, gradient, &context, false).unwrap();
    for tally in &pass.tallies {
        for gemm in [tally.forward, tally.grad_input, tally.grad_weight].into_iter().flatten() {
            let words = gemm.gemm.formats.unwrap().map(|format| format.wl());
            assert_eq!((words.input, words.weight, words.output), (6, 6, 14));
        }
    }
    let own = GradientFormat::of(None, Rounding::Floor);
    let formats = network.parameters[0].formats;
    let both = ProductWords { operand: 6, result: 14 };
    let words = GradientWords { grad_input: both, grad_weight: both };
    assert_eq!(own.words(formats), Some(words));
    // A word length that is given holds for the result too.
    let given = GradientFormat { grad_weight_wl: Some(4), ..own };
    let four = ProductWords { operand: 4, result: 4 };
    assert_eq!(given.words(formats), Some(GradientWords { grad_weight: four, ..words }));
    assert_eq!(own.words(RoleFormats::all(NumberFormat::Float32)), None);
}

#[test]
fn a_gradient_that_is_no_number_names_its_layer() {
    let context = context(fixed(None, None), Accumulator::default());
    let mut network = network("mlp", 8);
    let images = Activation::float(vec![0.5; 32 * 32 * 3], [1, 32, 32, 3]);
    let mut pass = network.forward(images, &context).unwrap();
    let gradient = vec![f32::NAN; 10];
    let error = network.backward(&mut pass, gradient, &context, false).err().unwrap().to_string();
    assert!(error.contains("gradient of `fc3`") && error.contains("diverged"), "{error}");
}
