//! Layers in small networks: gradients against differences of the loss, and integers by hand.

mod every_kind;

use crate::network::{
    Activation, BackwardArithmetic, BiasBound, Builder, GradientFormat, Initialisation, Network,
    NetworkError, NodeId, PassSettings,
};
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::{Convolution2d, MacArray};
use hwmodel::elementwise::PoolWindow;
use hwmodel::number::block_float::tensor_format;
use hwmodel::number::quantise::quantise;
use hwmodel::random::{RandomAddress, RandomSource, Role, generator, uniform_f32};
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, Rounding, SimdLevel};

const INPUT: [usize; 3] = [7, 6, 4];
const BATCH: usize = 2;

fn builder() -> Builder {
    let initialisation = Initialisation { seed: 3, scale: 1.0 };
    Builder::new("small", INPUT, initialisation, BiasBound::ReciprocalRootChannels)
}

fn context(training: bool) -> PassSettings {
    PassSettings {
        array: MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() },
        rounding: Rounding::NearestEven,
        random: RandomSource::PCG,
        overflow: Overflow::Saturate,
        seed: 1,
        step: 5,
        training,
        backward: BackwardArithmetic::Float32,
    }
}

fn images() -> Vec<f32> {
    let mut generator = generator(9, &[]);
    let [h, w, c] = INPUT;
    (0..BATCH * h * w * c).map(|_| 4.0 * uniform_f32(&mut generator) - 2.0).collect()
}

fn activation(values: Vec<f32>) -> Activation {
    Activation::float(values, [BATCH, INPUT[0], INPUT[1], INPUT[2]])
}

/// d loss / d logit.
fn weights_of_logits(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 0.9 + 0.3).sin()).collect()
}

/// Σ weight · logit in float64.
fn loss(network: &mut Network, images: &[f32]) -> f64 {
    let pass = network.forward(activation(images.to_vec()), &context(true)).unwrap();
    let weights = weights_of_logits(pass.logits.len());
    pass.logits.iter().zip(weights).map(|(&y, w)| f64::from(y) * f64::from(w)).sum()
}

/// Checks the gradients of the image and of every parameter, some elements of each, against central
/// differences.
fn check_gradients(mut network: Network) {
    let mut images = images();
    let context = context(true);
    let mut pass = network.forward(activation(images.clone()), &context).unwrap();
    let gradient = weights_of_logits(pass.logits.len());
    let gradients = network.backward(&mut pass, gradient, &context, true).unwrap();
    let mut differences = Differences { center: loss(&mut network, &images), all: 0, kinks: 0 };
    for index in (0..images.len()).step_by(13) {
        let value = images[index];
        let mut at = |x: f32| {
            images[index] = x;
            loss(&mut network, &images)
        };
        let sides = [at(value - STEP), at(value + STEP)];
        at(value);
        let computed = gradients.input.as_ref().unwrap()[index];
        differences.compare(computed, sides, &format!("pixel {index}"));
    }
    for tensor in 0..network.parameters.len() {
        for index in (0..network.parameters[tensor].master.len()).step_by(7) {
            let value = network.parameters[tensor].master[index];
            let mut at = |x: f32| {
                network.parameters[tensor].master[index] = x;
                loss(&mut network, &images)
            };
            let sides = [at(value - STEP), at(value + STEP)];
            at(value);
            let name = &network.parameters[tensor].name;
            let computed = gradients.parameters[tensor][index];
            differences.compare(computed, sides, &format!("{name}[{index}]"));
        }
    }
    assert!(4 * differences.kinks < differences.all, "{} kinks", differences.kinks);
}

/// Half the width of a difference.
const STEP: f32 = 1.0 / 512.0;

/// Central differences of a loss.
struct Differences {
    center: f64,
    all: usize,
    kinks: usize,
}

impl Differences {
    /// Compares a gradient with the loss on both sides. The networks are piecewise linear in each number,
    /// so that a difference has no error but rounding, unless both sides differ: then a kink of a ReLU6
    /// or a maximum lies between them.
    fn compare(&mut self, computed: f32, [below, above]: [f64; 2], what: &str) {
        let difference = (above - below) / (2.0 * f64::from(STEP));
        let bend = ((above - self.center) - (self.center - below)).abs() / f64::from(STEP);
        let tolerance = 4e-3 * (1.0 + difference.abs());
        self.all += 1;
        if bend > tolerance {
            self.kinks += 1;
            return;
        }
        let error = (f64::from(computed) - difference).abs();
        assert!(error < tolerance, "{what}: {computed} and {difference}");
    }
}

/// A convolution of `input` and a classifier of one unit a place.
fn classified(
    add: impl Fn(&mut Builder, NodeId) -> Result<NodeId, NetworkError>,
) -> Result<Network, NetworkError> {
    let mut net = builder();
    let image = net.image();
    let x = net.convolution("conv", image, 6, Convolution2d::square(3, 1, 1), true)?;
    let x = add(&mut net, x)?;
    let x = net.flatten(x)?;
    net.linear("fc", x, 3)?;
    net.finish()
}

#[test]
fn gradients_of_concatenated_branches() {
    let add = |net: &mut Builder, x: NodeId| {
        let first = net.convolution("one", x, 2, Convolution2d::square(1, 1, 0), true)?;
        let second = net.convolution("three", x, 3, Convolution2d::square(3, 1, 1), false)?;
        let third = net.max_pool_of(x, PoolWindow::square(3, 1, 1))?;
        // A value may be a branch and be read by others.
        let joined = net.concatenate(&[first, x, second, third, first])?;
        assert_eq!(net.shape(joined), [7, 6, 2 + 6 + 3 + 6 + 2]);
        Ok(joined)
    };
    check_gradients(classified(add).unwrap());
}

#[test]
fn gradients_of_relu6_dropout_and_partial_windows() {
    check_gradients(classified(|net, x| net.relu6(x)).unwrap());
    check_gradients(classified(|net, x| net.dropout(x, 0.3)).unwrap());
    let ceil = |net: &mut Builder, x| {
        let x = net.max_pool_of(x, PoolWindow::square_ceil(3, 2))?;
        assert_eq!(net.shape(x), [3, 3, 6]);
        Ok(x)
    };
    check_gradients(classified(ceil).unwrap());
}

#[test]
fn gradients_of_grouped_and_depthwise_convolutions() {
    for (groups, filters, stride) in [(2, 8, 1), (6, 6, 1), (6, 6, 2), (6, 12, 2), (3, 3, 1)] {
        let geometry = Convolution2d { groups, ..Convolution2d::square(3, stride, 1) };
        check_gradients(
            classified(|net, x| net.convolution("grouped", x, filters, geometry, true)).unwrap(),
        );
    }
}

#[test]
fn impossible_layers_are_refused_by_name() {
    let refused = |add: &dyn Fn(&mut Builder, NodeId) -> Result<NodeId, NetworkError>| {
        classified(add).err().unwrap().to_string()
    };
    insta::assert_snapshot!(refused(&|net, _| net.concatenate(&[])), @"layer `concatenate1` does not fit its input [0, 0, 0]: there is no branch to concatenate");
    let sizes = |net: &mut Builder, x: NodeId| {
        let half = net.max_pool(x, 2, 2)?;
        net.concatenate(&[x, half])
    };
    insta::assert_snapshot!(refused(&sizes), @"layer `concatenate2` does not fit its input [7, 6, 6]: branches of shapes [[7, 6, 6], [3, 3, 6]] differ in height or width");
    insta::assert_snapshot!(refused(&|net, x| net.dropout(x, 1.0)), @"layer `dropout1` does not fit its input [7, 6, 6]: a probability of 1 is impossible: use at least 0, below 1");
    assert!(refused(&|net, x| net.dropout(x, f32::NAN)).contains("NaN"));
    let groups = Convolution2d { groups: 4, ..Convolution2d::square(1, 1, 0) };
    insta::assert_snapshot!(refused(&|net, x| net.convolution("g", x, 8, groups, false)), @"layer `g` does not fit its input [7, 6, 6]: 4 groups do not divide 6 and 8 channels");
}

fn format(wl: u32, fl: i32) -> Format {
    Format::new(wl, fl).unwrap()
}

/// Gives parameter `i` the format `format_of(i)` for weights and activations.
fn quantised(mut network: Network, format_of: impl Fn(usize) -> NumberFormat) -> Network {
    for (index, parameter) in network.parameters.iter_mut().enumerate() {
        let number = format_of(index);
        parameter.formats = RoleFormats::all(number);
        let format = match number {
            NumberFormat::Fixed(format) => format,
            NumberFormat::DynamicFixed { wl } => tensor_format(&parameter.master, wl).unwrap(),
            NumberFormat::Float32 => continue,
        };
        let address = RandomAddress::new(0, 0, 0, Role::Weight);
        let (simd, rounding) = (SimdLevel::best(), Rounding::NearestEven);
        let raw = quantise(simd, &parameter.master, format, rounding, address).unwrap().0;
        parameter.quantised = Some(FixedTensor::new(&parameter.shape, format, raw).unwrap());
    }
    network
}

/// Two 1×1 convolutions of one pixel of one channel, side by side.
fn side_by_side(formats: [Format; 2]) -> Network {
    let initialisation = Initialisation { seed: 1, scale: 1.0 };
    let mut net = Builder::new("pair", [1, 1, 1], initialisation, BiasBound::Scale);
    let image = net.image();
    let one = Convolution2d::square(1, 1, 0);
    let first = net.convolution("first", image, 1, one, false).unwrap();
    let second = net.convolution("second", image, 2, one, false).unwrap();
    net.concatenate(&[first, second]).unwrap();
    let mut network = net.finish().unwrap();
    network.parameters[0].master = vec![1.0];
    network.parameters[1].master = vec![1.0, -2.0];
    quantised(network, |index| NumberFormat::Fixed(formats[index]))
}

#[test]
fn branches_take_the_format_of_the_first() {
    let run = |formats, value: f32| {
        let mut network = side_by_side(formats);
        let images = Activation::float(vec![value], [1, 1, 1, 1]);
        let pass = network.forward(images, &context(true)).unwrap();
        let Activation::Fixed(y) = &pass.output else { panic!("integers stay integers") };
        (y.format(), y.data().to_i32(), pass.tallies[0].output, pass.tallies[1].output)
    };
    // 2.625 is 42/16 and 21/8; in ⟨8, 2⟩ 10.5 is rounded to even. The second branch has FL 4.
    let (got, raw, first, second) = run([format(8, 2), format(8, 4)], 2.625);
    assert_eq!((got, raw), (format(8, 2), vec![10, 10, -21]));
    // One product, and both words of the second branch brought to the format of the first.
    assert_eq!((first.elements, second.elements), (1 + 2, 2));
    // -5.25 · 16 = -84 is beyond ⟨6, 4⟩, whose least word is -32 = -2.
    let (_, raw, first, _) = run([format(6, 4), format(8, 4)], 2.625);
    assert_eq!((raw, first.saturated_low), (vec![31, 31, -32], 1));
    // Nothing crosses a quantiser where the formats agree.
    let (_, raw, first, _) = run([format(8, 3), format(8, 3)], 2.625);
    assert_eq!((raw, first.elements), (vec![21, 21, -42], 1));
}

#[test]
fn branches_share_a_scale_of_their_own() {
    let mut network = side_by_side([format(8, 2); 2]);
    network = quantised(network, |_| NumberFormat::DynamicFixed { wl: 8 });
    let images = Activation::float(vec![2.625], [1, 1, 1, 1]);
    let pass = network.forward(images, &context(true)).unwrap();
    let Activation::Fixed(y) = &pass.output else { panic!("integers stay integers") };
    // The largest magnitude is 5.25: 8 bits hold it with 4 fractional bits.
    assert_eq!((y.format(), y.data().to_i32()), (format(8, 4), vec![42, 42, -84]));
}

#[test]
fn results_have_formats_of_their_own() {
    let (short, long) = (format(4, 1), format(12, 7));
    let (dynamic_short, dynamic_long) =
        (NumberFormat::DynamicFixed { wl: 4 }, NumberFormat::DynamicFixed { wl: 12 });
    let (fixed_short, fixed_long) = (NumberFormat::Fixed(short), NumberFormat::Fixed(long));
    for (own, output, expected) in [
        (fixed_short, fixed_long, (long, [320, 320, -640])),
        // 5 needs three integer bits.
        (fixed_short, dynamic_long, (format(12, 8), [640, 640, -1280])),
        // 2.6 is 5/2 in four bits too.
        (dynamic_short, fixed_long, (long, [320, 320, -640])),
        (dynamic_short, dynamic_long, (format(12, 8), [640, 640, -1280])),
    ] {
        let mut network = quantised(side_by_side([short; 2]), |_| own);
        for parameter in &mut network.parameters {
            parameter.formats.output = Some(output);
        }
        let images = Activation::float(vec![2.6], [1, 1, 1, 1]);
        let pass = network.forward(images, &context(true)).unwrap();
        let Activation::Fixed(y) = &pass.output else { panic!("integers stay integers") };
        assert_eq!((y.format(), y.data().to_i32().as_slice()), (expected.0, &expected.1[..]));
        let products =
            pass.tallies.iter().map(|tally| tally.forward.unwrap().gemm.formats.unwrap());
        for formats in products {
            assert_eq!((formats.input, formats.output.wl()), (short, 12), "{own:?} {output:?}");
        }
    }
}

#[test]
fn one_float_branch_makes_the_result_float() {
    let mut network = side_by_side([format(8, 4); 2]);
    network.parameters[1].formats = RoleFormats::all(NumberFormat::Float32);
    network.parameters[1].quantised = None;
    let images = Activation::float(vec![2.6], [1, 1, 1, 1]);
    let pass = network.forward(images, &context(true)).unwrap();
    // 2.6 · 16 = 41.6.
    assert_eq!(pass.logits, [42.0 / 16.0, 2.6, -5.2]);
    assert!(matches!(pass.output, Activation::Float(..)));
}

#[test]
fn dropout_is_off_in_evaluation_and_scales_in_training() {
    for number in [NumberFormat::Float32, NumberFormat::Fixed(format(8, 4))] {
        let mut net = builder();
        let image = net.image();
        let conv = Convolution2d::square(1, 1, 0);
        let x = net.convolution("conv", image, 4, conv, false).unwrap();
        net.dropout(x, 0.5).unwrap();
        let mut network = net.finish().unwrap();
        network.parameters[0].master = (0..16).map(|i| f32::from(i % 5 == 0)).collect();
        let mut network = quantised(network, |_| number);
        let images = images();
        let run = |network: &mut Network, context: &PassSettings| {
            network.forward(activation(images.clone()), context).unwrap()
        };
        let plain = run(&mut network, &context(false));
        let mut pass = run(&mut network, &context(true));
        let pairs = plain.logits.iter().zip(&pass.logits);
        // ⟨8, 4⟩ ends at 127/16, and no pixel is beyond ±2.
        assert!(pairs.clone().all(|(&x, &y)| y == 0.0 || y == 2.0 * x));
        let kept = pairs.filter(|(x, y)| **x != 0.0 && **y != 0.0).count();
        assert!((100..236).contains(&kept), "{kept} of 336");
        assert_eq!(pass.output.shape(), [BATCH, 7, 6, 4]);
        // Another step drops others, the same step the same.
        assert_eq!(run(&mut network, &context(true)).logits, pass.logits);
        let other = PassSettings { step: 6, ..context(true) };
        assert_ne!(run(&mut network, &other).logits, pass.logits);
        let gradients = network.backward(&mut pass, vec![1.0; 336], &context(true), true).unwrap();
        for ((&x, &y), &dx) in plain.logits.iter().zip(&pass.logits).zip(&gradients.input.unwrap())
        {
            assert!(x == 0.0 || dx == if y == 0.0 { 0.0 } else { 2.0 });
        }
        assert_eq!(pass.tallies[0].vector_operations, 2 * 336);
        let quantised = pass.tallies[0].output.elements;
        assert_eq!(quantised, if number == NumberFormat::Float32 { 0 } else { 2 * 336 });
    }
}

/// A depthwise layer is a product for every channel, in all three passes and both arithmetics.
#[test]
fn a_depthwise_layer_counts_its_own_products() {
    for stride in [1, 2] {
        let depthwise = Convolution2d { groups: 6, ..Convolution2d::square(3, stride, 1) };
        let network =
            classified(|net, x| net.convolution("depthwise", x, 6, depthwise, false)).unwrap();
        let mut network = quantised(network, |_| NumberFormat::Fixed(format(16, 11)));
        let gradient = GradientFormat::of(Some(24), Rounding::NearestEven);
        let mut run = |backward| {
            let context = PassSettings { backward, ..context(true) };
            let mut pass = network.forward(activation(images()), &context).unwrap();
            let gradient = weights_of_logits(pass.logits.len());
            let gradients = network.backward(&mut pass, gradient, &context, false).unwrap();
            (gradients.parameters, pass.tallies[1].clone())
        };
        let (float, counts) = run(BackwardArithmetic::Float32);
        let (integer, fixed_counts) = run(BackwardArithmetic::Fixed(gradient));
        let [oh, ow] = depthwise.output_size([7, 6]).unwrap();
        let macs = (BATCH * oh * ow * 6 * 9) as u64;
        for gemm in [counts.forward, counts.grad_input, counts.grad_weight] {
            let gemm = gemm.unwrap();
            assert_eq!((gemm.gemm.groups, gemm.report.macs), (6, macs));
            assert_eq!(gemm.gemm.shape.macs().unwrap() * 6, macs);
        }
        let pixels = (BATCH * oh * ow) as u64;
        let shape = counts.forward.unwrap().gemm.shape;
        assert_eq!((shape.m, shape.n, shape.k), (pixels, 1, 9));
        let weight = fixed_counts.grad_weight.unwrap();
        assert_eq!((weight.gemm.groups, weight.report.macs), (6, macs));
        let input = fixed_counts.grad_input.unwrap();
        // On the array dX is a convolution of the dilated dY, whose zeros take slots: a term for every
        // place under the kernel of every pixel of the input.
        assert_eq!((input.gemm.groups, input.gemm.shape.n, input.gemm.shape.k), (6, 1, 9));
        assert_eq!(input.report.macs, (BATCH * 7 * 6 * 6 * 9) as u64);
        for (name, (float, integer)) in
            ["conv", "conv.bias", "depthwise"].into_iter().zip(float.iter().zip(&integer))
        {
            let norm: f64 = float.iter().map(|&g| f64::from(g).powi(2)).sum();
            let pairs = float.iter().zip(integer);
            let error: f64 = pairs.map(|(&f, &i)| f64::from(f - i).powi(2)).sum();
            assert!(norm > 0.0 && error <= 1e-8 * norm, "{name}: {error} of {norm}");
        }
    }
}
