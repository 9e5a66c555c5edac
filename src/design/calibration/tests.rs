use super::*;
use crate::network::{BackwardArithmetic, BiasBound, Builder, Initialisation, arch};
use hwmodel::array::MacArray;
use hwmodel::random::{RandomSource, generator, normal};
use hwmodel::{Accumulator, Overflow, Rounding};

fn context() -> PassSettings {
    PassSettings {
        array: MacArray { simd: SimdLevel::PORTABLE, accumulator: Accumulator::default() },
        rounding: Rounding::NearestEven,
        random: RandomSource::default(),
        overflow: Overflow::Saturate,
        seed: 1,
        step: 0,
        training: false,
        backward: BackwardArithmetic::Float32,
    }
}

fn options(method: Method, wl: u32) -> CalibrationOptions {
    let choice = Choice { method, word_lengths: vec![wl], least_sqnr_db: None };
    CalibrationOptions {
        activations: choice.clone(),
        weights: choice,
        bias_bits: 16,
        unsigned: true,
        saturates: true,
    }
}

fn images(shape: [usize; 4]) -> Activation {
    let mut generator = generator(7, &[1]);
    let values = (0..shape.iter().product::<usize>()).map(|_| normal(&mut generator) as f32);
    Activation::float(values.collect(), shape)
}

fn run(
    network: &mut Network,
    options: &CalibrationOptions,
    images: &Activation,
    size: usize,
) -> Result<Vec<CalibratedTensor>, CalibrationError> {
    let [n, h, w, c] = images.shape();
    let values = images.to_f32(SimdLevel::PORTABLE).into_owned();
    calibrate(network, &context(), options, |index| {
        let rows = index * size..n.min((index + 1) * size);
        let pixels = h * w * c;
        (!rows.is_empty()).then(|| {
            let part = values[rows.start * pixels..rows.end * pixels].to_vec();
            Activation::float(part, [rows.len(), h, w, c])
        })
    })
}

fn lenet() -> Network {
    let initialisation = Initialisation { seed: 1, scale: 1.0 };
    arch::build("lenet5", &arch::common_task("lenet5", initialisation)).unwrap()
}

#[test]
fn formats_hold_what_was_seen() {
    let mut network = lenet();
    let images = images([6, 32, 32, 3]);
    let tensors = run(&mut network, &options(Method::Max, 8), &images, 4).unwrap();
    let names: Vec<_> =
        tensors.iter().map(|t| format!("{}.{}", t.layer, t.tensor.name())).collect();
    assert_eq!(names[..4], ["conv1.input", "conv1.weight", "conv1.bias", "conv1.output"]);
    for tensor in &tensors {
        let (format, name) = (tensor.measured.format, &tensor.layer);
        assert_eq!(tensor.measured.saturated, 0, "{name} {:?}", tensor.tensor);
        assert_eq!(format.wl(), if tensor.tensor == LayerTensor::Bias { 16 } else { 8 });
        // One more fractional bit would not hold it.
        if tensor.tensor != LayerTensor::Bias && tensor.same_as.is_none() {
            let mut finer = Measured::new(format.with_fl(format.fl() + 1).unwrap());
            finer.add(&[tensor.range.0, tensor.range.1]);
            assert!(finer.saturated > 0, "{name} {:?} {format}", tensor.tensor);
        }
    }
    // ReLU behind conv1: unsigned results, which conv2 reads as they are.
    assert!(!tensors[3].measured.format.is_signed() && tensors[3].range.0 >= 0.0);
    assert_eq!(tensors[4].same_as.as_deref(), Some("conv1.output"));
    assert_eq!(tensors[4].measured.format, tensors[3].measured.format);
    assert!(tensors.last().unwrap().measured.format.is_signed(), "the logits");
    let signed = CalibrationOptions { unsigned: false, ..options(Method::Max, 8) };
    let tensors = run(&mut network, &signed, &images, 4).unwrap();
    assert!(tensors.iter().all(|tensor| tensor.measured.format.is_signed()));
}

#[test]
fn batches_change_nothing() {
    let images = images([6, 32, 32, 3]);
    for method in [
        Method::Percentile(99.0),
        Method::MeanSquareError,
        Method::PushDown { epsilon_kl: 1e-2, resolution: 50 },
    ] {
        let run = |size| {
            let tensors = run(&mut lenet(), &options(method, 8), &images, size).unwrap();
            let facts = tensors.iter().map(|tensor| {
                let Measured { format, saturated, .. } = tensor.measured;
                (format, saturated, tensor.measured.sqnr_db(), tensor.range)
            });
            facts.collect::<Vec<_>>()
        };
        assert_eq!(run(6), run(1), "{method:?}");
    }
}

#[test]
fn what_has_no_format_is_named() {
    let mut network = lenet();
    network.parameters[2].master[3] = f32::NAN;
    let error = run(&mut network, &options(Method::Max, 8), &images([1, 32, 32, 3]), 1);
    insta::assert_snapshot!(error.unwrap_err(), @"`conv2.weight` has NaN or infinite values in float32: formats need finite ones");
    let mut lstm =
        arch::build("lstm", &arch::common_task("lstm", Initialisation { seed: 1, scale: 1.0 }))
            .unwrap();
    let error = run(&mut lstm, &options(Method::Max, 8), &images([1, 64, 1, 1]), 1);
    insta::assert_snapshot!(error.unwrap_err(), @"layer `lstm1.recurrent` (lstm) has formats for values inside it, which no calibration sees: give its formats as LAYER=WL,FL");
}

#[test]
fn a_bias_is_no_finer_than_its_accumulator() {
    let initialisation = Initialisation { seed: 3, scale: 1.0 };
    let mut net = Builder::new("one", [1, 1, 4], initialisation, BiasBound::Scale);
    let image = net.image();
    net.linear("fc", image, 2).unwrap();
    let mut network = net.finish().unwrap();
    network.parameters[1].master.fill(1e-6);
    let tensors = run(&mut network, &options(Method::Max, 8), &images([3, 1, 1, 4]), 3).unwrap();
    let [input, weight, bias, _] = tensors.as_slice() else { panic!("{tensors:?}") };
    let fl = |tensor: &CalibratedTensor| tensor.measured.format.fl();
    assert_eq!(fl(bias), fl(input) + fl(weight));
}
