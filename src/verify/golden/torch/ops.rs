//! Checks torch_ops.csv: single layers, forward and backward.

use super::case::TorchCase;
use super::compare::{Comparison, Tolerance};
use super::run;
use super::tensor::{Layout, Tensor};
use crate::network::Network;
use crate::network::vector::average_pool::{average_pool, average_pool_backward};
use crate::network::vector::batch_norm::{
    BatchNormParameters, Normaliser, batch_norm_backward, batch_statistics,
};
use crate::network::vector::softmax_cross_entropy::{cross_entropy, softmax_cross_entropy};
use crate::verify::golden::{BlockFile, Checker, GoldenError, Report};
use hwmodel::SimdLevel;
use hwmodel::cast::{nearest_f32, toward_zero};
use hwmodel::elementwise::{PoolShape, PoolWindow, max_pool, max_pool_backward};
use hwmodel::float32::Values;
use std::path::Path;

/// One layer in float32 against float64: about five times the largest differences seen (4e-7 of a
/// tensor's largest).
const TOLERANCE: Tolerance = Tolerance { relative: 2e-6, absolute: 1e-7 };
/// Results that are copies of an input.
const EXACT: Tolerance = Tolerance { relative: 0.0, absolute: 0.0 };
/// The loss is float64 throughout.
const DOUBLE: Tolerance = Tolerance { relative: 1e-13, absolute: 1e-13 };

/// Recomputes every layer of a file in the layout of torch_ops.csv: output and all gradients, against
/// both the float32 and the float64 reference.
///
/// Convolutions and linear layers run as networks of one layer at every SIMD level of this CPU; the
/// layers of the vector unit have no SIMD level. A difference of 2e-6 of the tensor's largest magnitude
/// plus 1e-7 from float64 is allowed, of 5e-6 plus 1e-6 from float32; the maxima of max pooling must be
/// equal, and the loss within 1e-13 of float64.
/// Inputs of max pooling that are multiples of ½ in 8 bits are also pooled as raw integers.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_torch_ops(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(in crate::verify::golden) fn check(
    file: &BlockFile,
    levels: &[SimdLevel],
) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    for case in file.cases()? {
        checker.case();
        let case = TorchCase::new(case)?;
        let mut comparison = Comparison::new(&case, &mut checker, TOLERANCE);
        match case.kind {
            "conv2d" => convolution(&case, &mut comparison)?,
            "linear" => linear(&case, &mut comparison)?,
            "maxpool" => max_pooling(&case, &mut comparison)?,
            "avgpool" => average_pooling(&case, &mut comparison)?,
            "batchnorm" => batch_normalisation(&case, &mut comparison)?,
            "softmax_ce" => softmax(&case, &mut comparison)?,
            other => return Err(case.error(format!("unknown kind of layer `{other}`"))),
        }
        case.finish()?;
    }
    checker.finish(file, &[])
}

fn nhwc(case: &TorchCase<'_>, name: &str) -> Result<Vec<f32>, GoldenError> {
    case.tensor(name)?.float32(Layout::ChannelsLast)
}

/// The output's gradient, which must have the shape of the output, here `[n, h, w, c]`.
fn output_gradient(case: &TorchCase<'_>, shape: [usize; 4]) -> Result<Vec<f32>, GoldenError> {
    let tensor = case.tensor("in.gy")?;
    let [images, height, width, channels] = shape;
    let fits = match *tensor.shape.as_slice() {
        [n, c, h, w] => [n, h, w, c] == shape,
        [n, c] => [n, 1, 1, c] == [images, height, width, channels],
        _ => false,
    };
    if !fits {
        return Err(tensor.line.error(format!("the output's shape [n, h, w, c] is {shape:?}")));
    }
    tensor.float32(Layout::ChannelsLast)
}

fn convolution(
    case: &TorchCase<'_>,
    comparison: &mut Comparison<'_, '_>,
) -> Result<(), GoldenError> {
    let [_, channels, height, width] = case.tensor("in.x")?.axes()?;
    let weights = case.tensor("in.w")?.axes()?;
    let geometry = (
        [case.value("SH")?, case.value("SW")?],
        [case.value("PH")?, case.value("PW")?],
        case.value("groups")?,
    );
    let mut net = run::builder("convolution", [height, width, channels]);
    let image = net.image();
    let layer = (weights, case.has("in.b"));
    run::convolution(case, &mut net, "layer", image, layer, geometry)?;
    one_layer(case, comparison, net.finish().map_err(|error| case.error(error))?)
}

fn linear(case: &TorchCase<'_>, comparison: &mut Comparison<'_, '_>) -> Result<(), GoldenError> {
    let [_, features] = case.tensor("in.x")?.axes()?;
    let [outputs, _] = case.tensor("in.w")?.axes()?;
    let mut net = run::builder("linear", [1, 1, features]);
    let image = net.image();
    net.linear("layer", image, outputs).map_err(|error| case.error(error))?;
    one_layer(case, comparison, net.finish().map_err(|error| case.error(error))?)
}

/// Runs a network whose only layer is called `layer`.
fn one_layer(
    case: &TorchCase<'_>,
    comparison: &mut Comparison<'_, '_>,
    mut net: Network,
) -> Result<(), GoldenError> {
    let images = run::images(case)?;
    let [height, width, channels] = net.nodes[0].shape;
    let gradient = output_gradient(case, [images.shape()[0], height, width, channels])?;
    let parameters: Vec<String> = net.parameters.iter().map(|p| p.name.clone()).collect();
    for name in &parameters {
        run::set_parameter(case, &mut net, name, (&format!("in.{}", short(name)), LAYOUT))?;
    }
    for simd in comparison.levels() {
        let context = run::context(simd, 0, true);
        let mut pass = net.forward(images.clone(), &context).map_err(|error| case.error(error))?;
        comparison.both("y", LAYOUT, &pass.logits, simd)?;
        let gradients = net
            .backward(&mut pass, gradient.clone(), &context, true)
            .map_err(|error| case.error(error))?;
        comparison.both("grad.x", LAYOUT, &gradients.input.unwrap_or_default(), simd)?;
        for (name, gradient) in parameters.iter().zip(&gradients.parameters) {
            comparison.both(&format!("grad.{}", short(name)), LAYOUT, gradient, simd)?;
        }
    }
    Ok(())
}

const LAYOUT: Layout = Layout::ChannelsLast;
/// How results of the vector unit are marked in messages.
const VECTOR: &str = "vector unit";

/// The file's name of a parameter.
fn short(parameter: &str) -> &'static str {
    if parameter.ends_with(".bias") { "b" } else { "w" }
}

fn pool_shape(case: &TorchCase<'_>) -> Result<PoolShape, GoldenError> {
    let window = PoolWindow::square(case.value("K")?, case.value("S")?, case.value("P")?);
    let [images, channels, height, width] = case.tensor("in.x")?.axes()?;
    PoolShape::new([images, height, width, channels], window).map_err(|error| case.error(error))
}

fn max_pooling(
    case: &TorchCase<'_>,
    comparison: &mut Comparison<'_, '_>,
) -> Result<(), GoldenError> {
    let shape = pool_shape(case)?;
    let (x, grad_y) = (nhwc(case, "in.x")?, output_gradient(case, shape.output_shape())?);
    let pooled = pool_maxima(case, &shape, &x, &grad_y)?;
    let mut results = vec![(VECTOR, pooled)];
    let halves = x.iter().map(|x| x * 2.0);
    if halves.clone().all(|x| x.fract() == 0.0 && (-128.0..128.0).contains(&x)) {
        let raw: Vec<i8> = halves.map(|x| toward_zero::<i8>(f64::from(x))).collect();
        let (y, grad_x) = pool_maxima(case, &shape, &raw, &grad_y)?;
        results.push(("integers", (y.iter().map(|&raw| f32::from(raw) / 2.0).collect(), grad_x)));
    }
    for (note, (y, grad_x)) in results {
        let y: Vec<f64> = y.iter().map(|&y| y.into()).collect();
        comparison.within("f32.y", LAYOUT, &y, note, EXACT)?;
        comparison.within("f64.y", LAYOUT, &y, note, EXACT)?;
        comparison.both("grad.x", LAYOUT, &grad_x, note)?;
    }
    Ok(())
}

/// Output and input gradient of a max pooling.
fn pool_maxima<T: Copy + Default + PartialOrd + Send + Sync>(
    case: &TorchCase<'_>,
    shape: &PoolShape,
    x: &[T],
    grad_y: &[f32],
) -> Result<(Vec<T>, Vec<f32>), GoldenError> {
    let mut y = vec![T::default(); shape.output_len()];
    let mut argmax = vec![0; y.len()];
    max_pool(shape, x, &mut y, &mut argmax).map_err(|error| case.error(error))?;
    let mut grad_x = vec![f32::NAN; x.len()];
    max_pool_backward(shape, &argmax, grad_y, &mut grad_x).map_err(|error| case.error(error))?;
    Ok((y, grad_x))
}

fn average_pooling(
    case: &TorchCase<'_>,
    comparison: &mut Comparison<'_, '_>,
) -> Result<(), GoldenError> {
    case.expect_text("count_include_pad", "1")?;
    let shape = pool_shape(case)?;
    let (x, grad_y) = (nhwc(case, "in.x")?, output_gradient(case, shape.output_shape())?);
    let mut y = vec![f32::NAN; shape.output_len()];
    average_pool(&shape, &x, &mut y).map_err(|error| case.error(error))?;
    comparison.both("y", LAYOUT, &y, VECTOR)?;
    let mut grad_x = vec![f32::NAN; x.len()];
    average_pool_backward(&shape, &grad_y, &mut grad_x).map_err(|error| case.error(error))?;
    comparison.both("grad.x", LAYOUT, &grad_x, VECTOR)
}

fn batch_normalisation(
    case: &TorchCase<'_>,
    comparison: &mut Comparison<'_, '_>,
) -> Result<(), GoldenError> {
    case.expect_text("train", "1")?;
    let [images, channels, height, width] = case.tensor("in.x")?.axes()?;
    let x = nhwc(case, "in.x")?;
    let grad_y = output_gradient(case, [images, height, width, channels])?;
    let (gamma, beta) = (nhwc(case, "in.w")?, nhwc(case, "in.b")?);
    if gamma.len() != channels {
        return Err(case.error(format!("{} factors for {channels} channels", gamma.len())));
    }
    let parameters =
        BatchNormParameters { gamma: &gamma, beta: &beta, epsilon: case.value("eps")? };
    let (simd, values) = (SimdLevel::best(), Values::Float(&x));
    let statistics =
        batch_statistics(simd, values, &parameters).map_err(|error| case.error(error))?;
    let y = Normaliser::of_batch(&statistics, &parameters)
        .and_then(|normaliser| normaliser.all(simd, values))
        .map_err(|error| case.error(error))?;
    comparison.both("y", LAYOUT, &y, VECTOR)?;
    let mut grad_x = grad_y;
    let gradients = batch_norm_backward(simd, values, &gamma, &statistics, &mut grad_x)
        .map_err(|error| case.error(error))?;
    comparison.both("grad.x", LAYOUT, &grad_x, VECTOR)?;
    comparison.both("grad.w", LAYOUT, &gradients.gamma, VECTOR)?;
    comparison.both("grad.b", LAYOUT, &gradients.beta, VECTOR)
}

fn softmax(case: &TorchCase<'_>, comparison: &mut Comparison<'_, '_>) -> Result<(), GoldenError> {
    case.expect_text("reduction", "mean")?;
    let [_, classes] = case.tensor("in.x")?.axes()?;
    let (logits, labels) = (nhwc(case, "in.x")?, case.tensor("in.labels")?.labels()?);
    let scale = scalar(case.tensor("in.gy")?)?;
    let mut gradient = vec![f32::NAN; logits.len()];
    let trained = softmax_cross_entropy(&logits, classes, &labels, scale, &mut gradient)
        .map_err(|error| case.error(error))?;
    let evaluated = cross_entropy(&logits, classes, &labels).map_err(|error| case.error(error))?;
    comparison.both("grad.x", LAYOUT, &gradient, VECTOR)?;
    for (note, result) in [("with gradient", trained), ("without gradient", evaluated)] {
        comparison.one("f32.y", LAYOUT, &[nearest_f32(result.loss)], note)?;
        comparison.within("f64.y", LAYOUT, &[result.loss], note, DOUBLE)?;
    }
    Ok(())
}

fn scalar(tensor: &Tensor<'_>) -> Result<f32, GoldenError> {
    match tensor.float32(LAYOUT)?.as_slice() {
        [value] => Ok(*value),
        _ => Err(tensor.line.error("the tensor must have one element")),
    }
}
