//! Exported graphs run by [`graph`](crate::graph): the integers are those of the layers.

use super::{ExportError, ExportSettings, Exported, Target, export};
use crate::graph::{Arithmetic, Program, RealData, Reals, Value, Values};
use crate::network::{
    Activation, BackwardArithmetic, BiasBound, Builder, CommonForm, Initialisation, Network,
    NetworkError, PassSettings, arch, example_networks,
};
use crate::onnx::model::Model;
use crate::precision::{Modes, NumberFormat, RoleFormats};
use crate::tensor::ElementType;
use hwmodel::array::{Convolution2d, MacArray};
use hwmodel::elementwise::{PoolWindow, Slope};
use hwmodel::number::quantise::quantise;
use hwmodel::random::{RandomAddress, Role, generator, uniform_f32};
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, Rounding, SimdLevel};
use std::sync::Arc;

const SAMPLES: usize = 3;

fn format(wl: u32, fl: i32) -> Format {
    Format::new(wl, fl).unwrap()
}

fn context() -> PassSettings {
    PassSettings {
        random: Default::default(),
        array: MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() },
        rounding: Rounding::NearestEven,
        overflow: Overflow::Saturate,
        seed: 1,
        step: 0,
        training: false,
        backward: BackwardArithmetic::Float32,
    }
}

fn settings() -> ExportSettings {
    let PassSettings { array: MacArray { simd, accumulator }, rounding, overflow, .. } = context();
    ExportSettings { accumulator, rounding, overflow, simd }
}

/// Gives parameter i the formats `formats(i)`, weights rounded to nearest.
fn quantised(mut network: Network, formats: impl Fn(usize) -> RoleFormats) -> Network {
    let address = RandomAddress::new(0, 0, 0, Role::Weight);
    let rounding = Rounding::NearestEven;
    for (index, parameter) in network.parameters.iter_mut().enumerate() {
        parameter.formats = formats(index);
        let NumberFormat::Fixed(format) = parameter.formats.weight else { continue };
        let raw = quantise(SimdLevel::best(), &parameter.master, format, rounding, address);
        let tensor = FixedTensor::new(&parameter.shape, format, raw.unwrap().0);
        parameter.quantised = Some(tensor.unwrap());
    }
    network
}

/// Formats that differ from parameter to parameter, also of a weight, its input and its result.
fn mixed(index: usize) -> RoleFormats {
    let of = |at: usize| {
        let formats = [(8, 4), (8, 5), (6, 3), (7, 4), (5, 3)];
        let (wl, fl) = formats[at % formats.len()];
        NumberFormat::Fixed(format(wl, fl))
    };
    let output = Some(of(index + 3)).filter(|_| index.is_multiple_of(4));
    RoleFormats { output, activation: of(index / 2), ..RoleFormats::all(of(index)) }
}

/// Batch norms with statistics that are not those of an untrained network.
fn with_statistics(mut network: Network) -> Network {
    let mut generator = generator(5, &[1]);
    let mut next = |low: f32, high: f32| low + (high - low) * uniform_f32(&mut generator);
    for running in network.nodes.iter_mut().filter_map(|node| node.running_mut()) {
        running.mean.iter_mut().for_each(|mean| *mean = next(-1.0, 1.0));
        running.variance.iter_mut().for_each(|variance| *variance = next(0.3, 2.3));
    }
    network
}

fn images(network: &Network) -> Vec<f32> {
    let mut generator = generator(7, &[2]);
    let count = SAMPLES * network.input.iter().product::<usize>();
    (0..count).map(|_| 6.0 * uniform_f32(&mut generator) - 3.0).collect()
}

/// `[n, h, w, c]` → `[n, c, h, w]`.
fn channels_first<T: Copy>(values: &[T], [n, h, w, c]: [usize; 4]) -> Vec<T> {
    let (pixels, image) = (h * w, h * w * c);
    (0..n * image)
        .map(|at| values[at / image * image + at % pixels * c + at % image / pixels])
        .collect()
}

/// What reads every product, and the output.
type Seen = (Vec<Vec<i64>>, Vec<f64>);

/// Of the file, run in float32 or float64 reals.
fn of_file(exported: &Exported, network: &Network, wide_reals: bool) -> Seen {
    let model = Model::of_bytes(&exported.document.bytes().unwrap()).unwrap();
    assert_eq!(model, exported.document.model);
    let arithmetic = Arithmetic { wide_reals, ..Arithmetic::float32(context().array) };
    let program = Program::new(&model, arithmetic).unwrap();
    let [h, w, c] = network.input;
    let values = channels_first(&images(network), [SAMPLES, h, w, c]);
    let mut shape: Vec<usize> = vec![SAMPLES];
    shape.extend(match program.inputs[0].shape.len() {
        4 => vec![c, h, w],
        3 => vec![c, w],
        _ => vec![c],
    });
    let data = RealData::Float32(Arc::new(values));
    let input = Value::Real(Reals { shape, element: ElementType::Float32, data });
    let mut products = Vec::new();
    let outputs = program
        .run(Values::from([("input".to_owned(), input)]), |run| {
            if matches!(run.node.operator.as_str(), "Conv" | "Gemm") {
                let Some(Some(Value::Scaled(x))) = run.inputs.first() else {
                    panic!("`{}` does not read words", run.node.name)
                };
                let is_image = x.shape.len() > 2;
                products.push(sorted(x.integers.to_vec(), is_image));
            }
            Ok(())
        })
        .unwrap();
    (products, outputs["output"].wide().into_owned())
}

/// Flattened images have another order in the file: there the integers of the batch are compared as a whole.
fn sorted(mut values: Vec<i64>, is_image: bool) -> Vec<i64> {
    if !is_image {
        values.sort_unstable();
    }
    values
}

/// Of the layers.
fn of_layers(network: &mut Network) -> Seen {
    let [h, w, c] = network.input;
    let input = Activation::float(images(network), [SAMPLES, h, w, c]);
    let pass = network.forward(input, &context()).unwrap();
    let mut products = Vec::new();
    for (index, node) in network.nodes.iter().enumerate() {
        let form = node.common_form();
        let Some(Activation::Fixed(x)) = pass.mac_input(index) else { continue };
        let shape: [usize; 4] = x.shape().try_into().unwrap();
        let is_image = matches!(form, Some(CommonForm::Convolution(_)));
        products.push(sorted(channels_first(&x.data().to_i64(), shape), is_image));
    }
    let [h, w, c] = network.nodes.last().unwrap().shape;
    let logits = channels_first(&pass.logits, [SAMPLES, h, w, c]);
    (products, logits.into_iter().map(f64::from).collect())
}

/// Checks that both files of `network` have its integers, and returns the QDQ one.
fn check(mut network: Network, what: &str) -> Exported {
    let expected = of_layers(&mut network);
    assert!(expected.1.iter().any(|&x| x != 0.0), "{what}: the output says nothing");
    let [qonnx, qdq] = [Target::Qonnx, Target::Qdq].map(|target| {
        let exported = export(&network, &settings(), target).unwrap();
        // Float64 sums no words differently, but a batch norm.
        for wide_reals in [false, !exported.has_batch_norm] {
            let found = of_file(&exported, &network, wide_reals);
            assert_eq!(found.0, expected.0, "{what}, {target}, float64 {wide_reals}: products");
            assert_eq!(found.1, expected.1, "{what}, {target}, float64 {wide_reals}: output");
        }
        exported
    });
    assert_eq!(qonnx.products, qdq.products);
    qdq
}

fn built(
    name: &str,
    input: [usize; 3],
    add: impl Fn(&mut Builder) -> Result<(), NetworkError>,
) -> Network {
    let initialisation = Initialisation { seed: 4, scale: 2.0 };
    let mut net = Builder::new(name, input, initialisation, BiasBound::Scale);
    add(&mut net).unwrap();
    net.finish().unwrap()
}

fn architecture(name: &str) -> Network {
    let initialisation = Initialisation { seed: 3, scale: 1.0 };
    with_statistics(arch::build(name, &arch::common_task(name, initialisation)).unwrap())
}

#[test]
fn every_kind_with_a_form_has_the_integers_of_its_layer() {
    let mut exported = 0;
    for (name, network) in example_networks() {
        let network = with_statistics(quantised(network, mixed));
        if network.nodes.iter().all(|node| node.common_form().is_some()) {
            check(network, name);
            exported += 1;
            continue;
        }
        let error = export(&network, &settings(), Target::Qdq).err().unwrap();
        assert!(
            matches!(error, ExportError::Layer { .. } | ExportError::Tokens),
            "{name}: {error}"
        );
    }
    assert!(exported >= 11, "{exported} kinds");
}

#[test]
fn architectures_have_the_integers_of_their_layers() {
    let lenet =
        check(quantised(architecture("lenet5"), |_| RoleFormats::fixed(format(8, 4))), "lenet5");
    assert_eq!(lenet.products.len(), 5);
    assert!(lenet.rounded.is_empty(), "{:?}", lenet.rounded);
    assert_eq!(lenet.document.model.opset(), 13);
    check(quantised(architecture("mlp"), |_| RoleFormats::fixed(format(8, 5))), "mlp");
}

#[test]
fn batch_norms_residual_sums_and_depthwise_convolutions() {
    let network = built("residual", [9, 8, 3], |net| {
        let image = net.image();
        let x = net.convolution("first", image, 6, Convolution2d::square(3, 1, 1), false)?;
        let x = net.batch_norm("norm1", x)?;
        let x = net.relu(x)?;
        let depthwise = Convolution2d { groups: 6, ..Convolution2d::square(3, 1, 1) };
        let y = net.convolution("depthwise", x, 6, depthwise, true)?;
        let y = net.batch_norm("norm2", y)?;
        let y = net.relu6(y)?;
        let y = net.dropout(y, 0.5)?;
        let z = net.convolution("projection", y, 6, Convolution2d::square(1, 1, 0), true)?;
        let z = net.sum(x, z)?;
        let z = net.relu(z)?;
        let z = net.max_pool_of(z, PoolWindow::square(3, 2, 1))?;
        let z = net.global_average_pool(z)?;
        net.linear("last", z, 5).map(|_| ())
    });
    let formats = |index: usize| match index % 3 {
        0 => RoleFormats::fixed(format(8, 5)),
        1 => RoleFormats::fixed(format(8, 4)),
        _ => RoleFormats::fixed(format(7, 4)),
    };
    let exported = check(with_statistics(quantised(network, formats)), "residual");
    assert!(exported.has_batch_norm);
}

#[test]
fn rows_unsigned_words_and_branches_of_several_formats() {
    let network = built("row", [1, 19, 3], |net| {
        let geometry = Convolution2d {
            padding: [[0, 0], [2, 1]],
            ..Convolution2d::symmetric([1, 3], [1, 2], [0, 0], 1)
        };
        let image = net.image();
        let x = net.convolution("first", image, 4, geometry, true)?;
        let x = net.relu6(x)?;
        let dilated = Convolution2d {
            dilation: [1, 2],
            ..Convolution2d::symmetric([1, 3], [1, 1], [0, 2], 1)
        };
        let y = net.convolution("second", x, 4, dilated, false)?;
        let z = net.leaky_relu(y, Slope::new(3, 4).unwrap())?;
        let sum = net.sum(x, z)?;
        let other = net.sum(z, x)?;
        let joined = net.concatenate(&[sum, other])?;
        let window = PoolWindow { kernel: [1, 3], ..PoolWindow::square(1, 1, 0) };
        let pooled = net.average_pool_of(joined, window)?;
        let flat = net.flatten(pooled)?;
        let more = net.flatten(joined)?;
        let all = net.concatenate(&[flat, more])?;
        let all = net.batch_norm("norm", all)?;
        net.linear("last", all, 5)?;
        Ok(())
    });
    let formats = |index: usize| match index {
        0 => {
            let unsigned = NumberFormat::Fixed(Format::unsigned(7, 3).unwrap());
            RoleFormats { output: Some(unsigned), ..RoleFormats::fixed(format(8, 4)) }
        }
        1 => RoleFormats::fixed(format(12, 9)),
        2 => RoleFormats::fixed(format(6, 5).narrow()),
        _ => RoleFormats::fixed(format(8, 4)),
    };
    let exported = check(with_statistics(quantised(network, formats)), "row");
    assert_eq!(exported.document.model.inputs[0].shape.len(), 3);
}

#[test]
fn words_of_16_bits_take_the_opset_that_has_them_and_what_float32_rounds_is_said() {
    let network = quantised(architecture("lenet5"), |_| RoleFormats::fixed(format(16, 12)));
    let exported = export(&network, &settings(), Target::Qdq).unwrap();
    assert_eq!((exported.document.model.opset(), exported.document.model.ir_version), (21, 10));
    assert!(
        exported.rounded.iter().any(|rounded| rounded.layer == "fc1"),
        "{:?}",
        exported.rounded
    );
    let mut network = network;
    let expected = of_layers(&mut network);
    // Exact arithmetic has the integers all the same.
    assert_eq!(of_file(&exported, &network, true), expected);
}

#[test]
fn other_modes_are_qonnx_attributes_and_refused_by_qdq() {
    let modes =
        Modes { rounding: Some(Rounding::Floor), overflow: Some(Overflow::SaturateSymmetric) };
    let formats = |_| RoleFormats { modes, ..RoleFormats::fixed(format(8, 4)) };
    let mut network = quantised(architecture("lenet5"), formats);
    let exported = export(&network, &settings(), Target::Qonnx).unwrap();
    let expected = of_layers(&mut network);
    assert_eq!(of_file(&exported, &network, true), expected);
    let refused = export(&network, &settings(), Target::Qdq).unwrap_err();
    insta::assert_snapshot!(refused, @"layer `conv1` (convolution) rounds floor, and QDQ rounds to nearest even");
}

#[test]
fn what_a_graph_cannot_say_is_refused_by_layer_and_reason() {
    let lenet = || architecture("lenet5");
    let eight = RoleFormats::fixed(format(8, 4));
    let refused = |network: &Network, settings: ExportSettings, target| {
        export(network, &settings, target).unwrap_err().to_string()
    };
    let error = refused(&lenet(), settings(), Target::Qdq);
    insta::assert_snapshot!(error, @"layer `conv1` (convolution) computes in float32, whose sums depend on their order: quantise the model with --wl and --fl");
    let dynamic = |_| RoleFormats { activation: NumberFormat::DynamicFixed { wl: 8 }, ..eight };
    let error = refused(&quantised(lenet(), dynamic), settings(), Target::Qdq);
    insta::assert_snapshot!(error, @"layer `conv1` (convolution) has a scale that is chosen from each batch, and a file has fixed ones: quantise the model with --wl and --fl");
    let wide = quantised(lenet(), |_| RoleFormats::fixed(format(20, 8)));
    let error = refused(&wide, settings(), Target::Qdq);
    insta::assert_snapshot!(error, @"layer `conv1` (convolution) has words of 20 bits, and QDQ has at most 16: quantise it to shorter ones");
    let narrow = Accumulator::new(AccumulatorWidth::bits(10).unwrap(), Overflow::Wrap);
    let network = quantised(lenet(), |_| eight);
    let error =
        refused(&network, ExportSettings { accumulator: narrow, ..settings() }, Target::Qdq);
    assert!(error.contains("and the accumulator of 10 bits overflows"), "{error}");
    let own = Accumulator { fl: Some(4), ..Accumulator::default() };
    let error = refused(&network, ExportSettings { accumulator: own, ..settings() }, Target::Qonnx);
    insta::assert_snapshot!(error, @"the accumulator of the model (exact, FL 4 floor) rounds or limits partial sums, which no ONNX operator does: evaluate and export it with one exact level");
    let wrap = ExportSettings { overflow: Overflow::Wrap, ..settings() };
    insta::assert_snapshot!(refused(&network, wrap, Target::Qonnx), @"layer `conv1` (convolution) has overflow mode wrap, and ONNX's quantisers saturate: evaluate the model with saturation");
    let bit = quantised(lenet(), |_| RoleFormats::fixed(format(1, 0)));
    insta::assert_snapshot!(refused(&bit, settings(), Target::Qonnx), @"layer `conv1` (convolution) has signed words of 1 bit, -1 and 0, and QONNX's quantiser of 1 bit has -1 and 1: use 2 bits");
    let flat = built("flat", [4, 4, 2], |net| {
        let image = net.image();
        let x = net.convolution("first", image, 3, Convolution2d::square(3, 1, 1), true)?;
        net.flatten(x).map(|_| ())
    });
    let flat = quantised(flat, |_| eight);
    insta::assert_snapshot!(refused(&flat, settings(), Target::Qonnx), @"the network ends with a flattened image, whose elements have another order in ONNX: end it with a product");
}
