//! Runs a network in float32.

use super::case::TorchCase;
use super::tensor::Layout;
use crate::network::{
    Activation, BackwardArithmetic, BiasBound, Builder, Initialisation, Network, NodeId,
    PassSettings,
};
use crate::verify::golden::GoldenError;
use crate::verify::golden::layout::elements;
use hwmodel::array::{Convolution2d, MacArray};
use hwmodel::random::RandomSource;
use hwmodel::{Accumulator, Overflow, Rounding, SimdLevel};

/// A builder for images `[h, w, c]`; the initial values are replaced.
pub(super) fn builder(name: &str, image: [usize; 3]) -> Builder {
    Builder::new(name, image, Initialisation { seed: 0, scale: 1.0 }, BiasBound::Scale)
}

/// Adds a convolution with filters of shape `weights` = `[o, c, kh, kw]`.
pub(super) fn convolution(
    case: &TorchCase<'_>,
    net: &mut Builder,
    name: &str,
    input: NodeId,
    (weights, bias): ([usize; 4], bool),
    (stride, padding, groups): ([usize; 2], [usize; 2], usize),
) -> Result<NodeId, GoldenError> {
    let [filters, channels, height, width] = weights;
    if net.shape(input)[2] != channels.saturating_mul(groups) {
        return Err(case.error(format!("the weights of `{name}` have other input channels")));
    }
    let geometry = Convolution2d::symmetric([height, width], stride, padding, groups);
    let [image_height, image_width, _] = net.shape(input);
    let macs = geometry
        .output_size([image_height, image_width])
        .and_then(|[oh, ow]| elements(&[oh, ow, filters, channels, height, width]));
    if macs.is_none() {
        return Err(case.error(format!("`{name}` has no output of a possible size")));
    }
    net.convolution(name, input, filters, geometry, bias).map_err(|error| case.error(error))
}

/// Settings of pass `step`.
pub(super) fn context(simd: SimdLevel, step: u64, training: bool) -> PassSettings {
    PassSettings {
        array: MacArray { simd, accumulator: Accumulator::default() },
        rounding: Rounding::NearestEven,
        random: RandomSource::PCG,
        overflow: Overflow::Saturate,
        seed: 0,
        step,
        training,
        backward: BackwardArithmetic::Float32,
    }
}

/// The images of a case, NHWC.
pub(super) fn images(case: &TorchCase<'_>) -> Result<Activation, GoldenError> {
    let tensor = case.tensor("in.x")?;
    let shape = match *tensor.shape.as_slice() {
        [images, channels, height, width] => [images, height, width, channels],
        [images, features] => [images, 1, 1, features],
        _ => return Err(tensor.line.error("images must have two or four axes")),
    };
    Ok(Activation::float(tensor.float32(Layout::ChannelsLast)?, shape))
}

/// Sets parameter `name` of `net` from the tensor `from`.
pub(super) fn set_parameter(
    case: &TorchCase<'_>,
    net: &mut Network,
    name: &str,
    (from, layout): (&str, Layout),
) -> Result<(), GoldenError> {
    let tensor = case.tensor(from)?;
    let values = tensor.float32(layout)?;
    let Some(parameter) = net.parameters.iter_mut().find(|parameter| parameter.name == name) else {
        return Err(tensor.line.error(format!("the network has no parameter `{name}`")));
    };
    if parameter.master.len() != values.len() {
        let (given, needed) = (values.len(), parameter.master.len());
        return Err(tensor.line.error(format!("{given} elements, `{name}` has {needed}")));
    }
    parameter.master = values;
    Ok(())
}
