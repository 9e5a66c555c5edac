use super::{context, format, images, quantised, with_statistics};
use crate::network::{
    Activation, BiasBound, Builder, Initialisation, Network, Pass, PassSettings, arch,
    example_networks,
};
use crate::precision::NumberFormat;
use crate::verify::integer::{
    Comparison, CompileError, Inference, IntegerOperation, RunError, compile, quantise_images,
};
use hwmodel::array::Convolution2d;
use hwmodel::elementwise::PoolWindow;
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::{Accumulator, FixedTensor, Overflow, Rounding, SimdLevel};

const INITIALISATION: Initialisation = Initialisation { seed: 1, scale: 0.5 };

fn network(name: &str) -> Network {
    let task = arch::Task { input: [32, 32, 1], classes: 10, initialisation: INITIALISATION };
    arch::build(name, &task).unwrap()
}

fn bits(bits: u32, overflow: Overflow) -> Accumulator {
    Accumulator::new(AccumulatorWidth::bits(bits).unwrap(), overflow)
}

/// Both ways of running the same images.
fn both(network: &mut Network, images: &Activation, context: &PassSettings) -> (Inference, Pass) {
    let program = compile(network, context).unwrap();
    let (pixels, _) = quantise_images(&program, context.array.simd, images).unwrap();
    (program.run(pixels).unwrap(), network.forward(images.clone(), context).unwrap())
}

fn fixed(activation: &Activation) -> &FixedTensor {
    match activation {
        Activation::Fixed(tensor) => tensor,
        Activation::Float(..) => panic!("a fixed-point network ends in integers"),
    }
}

#[test]
fn without_batch_norm_every_bit_is_that_of_the_network() {
    let accumulators =
        [Accumulator::default(), bits(10, Overflow::Wrap), bits(9, Overflow::Saturate)];
    for name in ["lenet5", "mlp", "alexnet"] {
        for (accumulator, rounding) in accumulators.into_iter().zip([
            Rounding::NearestEven,
            Rounding::Floor,
            Rounding::NearestAway,
        ]) {
            // Formats differ between layers, so that inputs are requantised.
            let mut network = quantised(network(name), |i| {
                format(7 + (i as u32 / 2) % 3, 4 + (i as i32 / 2) % 2)
            });
            let context = PassSettings { rounding, ..context(accumulator) };
            let (integer, pass) = both(&mut network, &images([2, 32, 32, 1], 3), &context);
            assert_eq!(&integer.logits, fixed(&pass.output), "{name} {accumulator:?}");
            let events: u64 = integer.steps.iter().map(|step| step.accumulator_events).sum();
            let expected =
                pass.tallies.iter().map(|t| t.forward.unwrap().report.accumulator_events);
            assert_eq!(events, expected.sum::<u64>(), "{name}");
            assert_eq!(events > 0, accumulator != Accumulator::default(), "{name}");
        }
    }
}

#[test]
fn results_with_formats_of_their_own_are_those_of_the_network() {
    let mut network = quantised(network("lenet5"), |i| format(5 + i as u32 % 2, 3));
    for (i, parameter) in network.parameters.iter_mut().enumerate() {
        parameter.formats.output = Some(NumberFormat::Fixed(format(11 + i as u32 % 3, 6)));
    }
    let context = context(Accumulator::default());
    let (integer, pass) = both(&mut network, &images([2, 32, 32, 1], 3), &context);
    assert_eq!(&integer.logits, fixed(&pass.output));
    assert_eq!(fixed(&pass.output).format(), format(13, 6));
}

#[test]
fn resnet20_is_one_program_of_integers() {
    let network = with_statistics(network("resnet20"), 4);
    let mut network = quantised(network, |_| format(12, 8));
    let context = context(Accumulator::default());
    let program = compile(&network, &context).unwrap();
    let count = |wanted: fn(&IntegerOperation) -> bool| {
        program.steps().iter().filter(|step| wanted(&step.operation)).count()
    };
    assert_eq!(count(|o| matches!(o, IntegerOperation::Convolution(_))), 22);
    let named = |prefix| program.steps().iter().filter(|s| s.name.starts_with(prefix)).count();
    // Only the ReLU after an addition is a separate step.
    assert_eq!((named("add"), named("relu")), (9, 9));
    assert_eq!(count(|o| matches!(o, IntegerOperation::Scale(_))), 0);
    assert_eq!(program.steps().iter().filter(|step| step.scale().is_some()).count(), 21);
    assert_eq!(program.steps().len(), 22 + 9 + 9 + 1);

    let images = images([3, 32, 32, 1], 5);
    let (integer, pass) = both(&mut network, &images, &context);
    let mut comparison = Comparison::default();
    comparison.add(&[0, 1, 2], Default::default(), &integer, &pass);
    // 1 unit is 256 steps; roundings of 21 layers add up to a few.
    assert!(comparison.largest_difference < 256, "{comparison:?}");
    assert_eq!((comparison.images, comparison.steps.len()), (3, 41));
}

#[test]
fn threads_instructions_and_batches_do_not_matter() {
    let network = quantised(with_statistics(network("resnet20"), 4), |_| format(8, 4));
    let images = images([3, 32, 32, 1], 5);
    let accumulator = bits(10, Overflow::Wrap);
    let run = |simd: SimdLevel, range: std::ops::Range<usize>| {
        let mut context = context(accumulator);
        context.array.simd = simd;
        let program = compile(&network, &context).unwrap();
        let values = images.to_f32(simd)[range.start * 1024..range.end * 1024].to_vec();
        let part = Activation::float(values, [range.len(), 32, 32, 1]);
        program.run(quantise_images(&program, simd, &part).unwrap().0).unwrap()
    };
    let whole = run(SimdLevel::best(), 0..3);
    assert!(whole.steps.iter().any(|step| step.accumulator_events > 0));
    for simd in SimdLevel::available() {
        assert_eq!(whole, run(simd, 0..3), "{simd}");
    }
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(whole, one.install(|| run(SimdLevel::best(), 0..3)));
    let parts = [run(SimdLevel::best(), 0..1), run(SimdLevel::best(), 1..3)];
    let joined: Vec<i32> = parts.iter().flat_map(|part| part.logits.data().to_i32()).collect();
    assert_eq!(joined, whole.logits.data().to_i32());
}

/// Of every kind of layer the network's own integers, but for means and folded batch norms, which the vector unit rounds in
/// float32.
#[test]
fn every_kind_with_an_integer_form_is_that_of_the_network() {
    let mut compiled = Vec::new();
    for (name, network) in example_networks() {
        if network.nodes.iter().any(|node| node.integer_form().is_none()) {
            continue;
        }
        let mut network = quantised(with_statistics(network, 2), |_| format(12, 6));
        let [h, w, c] = network.input;
        let context = context(Accumulator::default());
        let (integer, pass) = both(&mut network, &images([2, h, w, c], 3), &context);
        let expected = fixed(&pass.output).data().to_i32();
        let raw = integer.logits.data().to_i32();
        let largest = raw.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let steps = if ["average_pool", "batch_norm"].contains(&name) { 16 } else { 0 };
        assert!(raw.len() == expected.len() && largest <= steps, "{name}: {largest}");
        assert!(raw.iter().any(|&raw| raw != 0), "{name}");
        compiled.push(name);
    }
    assert!(compiled.len() >= 10, "{compiled:?}");
}

/// A batch norm of the image, and one that shares its convolution with an addition.
fn unfused() -> Network {
    let mut net = Builder::new("unfused", [8, 8, 3], INITIALISATION, BiasBound::Scale);
    let image = net.image();
    let x = net.max_pool(image, 2, 2).unwrap();
    let x = net.batch_norm("norm1", x).unwrap();
    let x = net.relu(x).unwrap();
    let x = net.convolution("conv", x, 3, Convolution2d::square(3, 1, 1), true).unwrap();
    let y = net.batch_norm("norm2", x).unwrap();
    let x = net.sum(x, y).unwrap();
    net.average_pool(x, 3, 1).unwrap();
    net.finish().unwrap()
}

/// Branches in different formats, ReLU6, a depthwise convolution, a partial window and dropout.
fn branching() -> Network {
    let mut net = Builder::new("branching", [9, 9, 3], INITIALISATION, BiasBound::Scale);
    let image = net.image();
    let three = Convolution2d::square(3, 1, 1);
    let x = net.convolution("conv", image, 4, three, true).unwrap();
    let x = net.relu6(x).unwrap();
    let first = net.convolution("one", x, 3, Convolution2d::square(1, 1, 0), true).unwrap();
    let depthwise = Convolution2d { groups: 4, ..three };
    let second = net.convolution("depthwise", x, 4, depthwise, true).unwrap();
    let second = net.relu(second).unwrap();
    let x = net.concatenate(&[first, second, x]).unwrap();
    let x = net.max_pool_of(x, PoolWindow::square_ceil(2, 2)).unwrap();
    let x = net.dropout(x, 0.5).unwrap();
    let x = net.flatten(x).unwrap();
    net.linear("fc", x, 10).unwrap();
    net.finish().unwrap()
}

#[test]
fn concatenation_relu6_and_dropout_are_integer_steps() {
    for rounding in [Rounding::NearestEven, Rounding::Floor] {
        let formats = |i: usize| [format(8, 3), format(7, 3), format(9, 5), format(8, 4)][i / 2];
        let mut network = quantised(branching(), formats);
        let context = PassSettings { rounding, ..context(bits(11, Overflow::Wrap)) };
        let program = compile(&network, &context).unwrap();
        let names: Vec<&str> = program.steps().iter().map(|step| &step.name[..]).collect();
        let expected =
            ["conv", "relu6_1", "one", "depthwise", "concatenate5", "max_pool6", "flatten8", "fc"];
        assert_eq!(names, expected);
        let (integer, pass) = both(&mut network, &images([3, 9, 9, 3], 8), &context);
        assert_eq!(&integer.logits, fixed(&pass.output), "{rounding}");
        assert!(integer.logits.data().nonzero() > 0);
        // Both branches that are not in the format of the first are requantised.
        assert_eq!(integer.steps[4].output.elements, 3 * 81 * (4 + 4));
    }
}

#[test]
fn a_batch_norm_without_its_own_product_is_a_step() {
    let mut network = quantised(with_statistics(unfused(), 2), |_| format(14, 8));
    let context = context(Accumulator::default());
    let program = compile(&network, &context).unwrap();
    let names: Vec<&str> = program.steps().iter().map(|step| &step.name[..]).collect();
    assert_eq!(names, ["max_pool0", "norm1", "conv", "norm2", "add5", "average_pool6"]);
    let (integer, pass) = both(&mut network, &images([4, 8, 8, 3], 9), &context);
    let expected = fixed(&pass.output).data().to_i32();
    let raw = integer.logits.data().to_i32();
    assert_eq!(raw.len(), expected.len());
    let largest = raw.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    // No intermediate is rounded that the vector unit does not round: only ties in float32 differ.
    assert!(largest <= 1, "{largest}");
    assert!(raw.iter().any(|&raw| raw != 0));
}

fn refused(network: &Network, context: &PassSettings) -> String {
    compile(network, context).unwrap_err().to_string()
}

#[test]
fn what_has_no_integer_program_is_refused() {
    let context = context(Accumulator::default());
    insta::assert_snapshot!(refused(&network("lenet5"), &context), @"layer `conv1` has format float32: an integer program needs a fixed ⟨WL, FL⟩ for every layer, as `hwsim train` gives with --controller adapt or static");
    let mut network = quantised(network("resnet20"), |_| format(8, 4));
    let stochastic = PassSettings { rounding: Rounding::Stochastic, ..context };
    assert!(matches!(compile(&network, &stochastic), Err(CompileError::Stochastic)));
    let norm = network.nodes.iter_mut().find(|node| node.name == "stage1.0.conv2.norm").unwrap();
    norm.running_mut().unwrap().variance[3] = f32::NAN;
    insta::assert_snapshot!(refused(&network, &context), @"batch norm `stage1.0.conv2.norm`: channel 3 has mean 0 and variance NaN: the activations have diverged");
    let norm = network.nodes.iter_mut().find(|node| node.name == "stage1.0.conv2.norm").unwrap();
    norm.running_mut().unwrap().variance[3] = 1.0;
    let gamma = network.parameters.iter_mut().find(|p| p.name == "stage1.0.conv2.norm.weight");
    gamma.unwrap().formats = crate::precision::RoleFormats::all(NumberFormat::Float32);
    insta::assert_snapshot!(refused(&network, &context), @"layer `stage1.0.conv2.norm` has format float32: an integer program needs a fixed ⟨WL, FL⟩ for every layer, as `hwsim train` gives with --controller adapt or static");
    // Products with FL -60 into words with FL 8.
    let network =
        quantised(
            self::network("resnet20"),
            |i| {
                if i == 0 { format(8, -30) } else { format(8, 8) }
            },
        );
    insta::assert_snapshot!(refused(&network, &context), @"batch norm `conv1.norm` multiplies channel 0 by 1.464e20 steps of the result per step of the accumulator: a right shift gives less than 2^31; give the layer's output fewer fractional bits");
}

#[test]
fn wrong_images_are_refused() {
    let network = quantised(network("mlp"), |_| format(8, 4));
    let program = compile(&network, &context(Accumulator::default())).unwrap();
    let wide = FixedTensor::from_raw(&[1, 32, 32, 1], format(9, 4), &[0; 1024]).unwrap();
    assert!(matches!(program.run(wide), Err(RunError::Format { .. })));
    let small = FixedTensor::from_raw(&[1, 16, 32, 1], format(8, 4), &[0; 512]).unwrap();
    assert!(matches!(program.run(small), Err(RunError::Shape { .. })));
    let mut values = vec![0.0; 1024];
    values[5] = f32::NAN;
    let broken = Activation::float(values, [1, 32, 32, 1]);
    assert!(quantise_images(&program, SimdLevel::best(), &broken).is_err());
}
