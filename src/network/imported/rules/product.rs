//! Convolutions and linear layers.

use crate::graph::Problem;
use crate::network::imported::axes::Axes;
use crate::network::imported::lowering::{
    Lowering, Refusal, Tensor, integer, real, sizes, text, unsupported,
};
use crate::onnx::model::Node;
use hwmodel::array::Convolution2d;

pub(super) fn convolution(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    let (shape, weights) = lowering.weight(node, 1)?;
    let row = match input.axes {
        Axes::ChannelsFirst => false,
        Axes::Row => true,
        _ => {
            return Err(unsupported(
                "it reads a value whose channels are not the second axis".to_owned(),
            ));
        }
    };
    let axes = if row { 1 } else { 2 };
    if shape.len() != axes + 2 {
        return Err(
            Problem::Shape(format!("a weight of shape {shape:?} needs {} axes", axes + 2)).into()
        );
    }
    let kernel = &shape[2..];
    let strides = sizes(node, "strides", axes, 1)?;
    if sizes(node, "dilations", axes, 1)?.iter().any(|&dilation| dilation != 1) {
        return Err(unsupported("a dilated convolution is not a layer".to_owned()));
    }
    let [h, w, _] = lowering.net.shape(input.id);
    let size = if row { vec![w] } else { vec![h, w] };
    let pads = pads(node, &size, kernel, &strides)?;
    let groups = usize::try_from(integer(node, "group", 1)).unwrap_or(0);
    let two = |values: &[usize], first: usize| match *values {
        [one] => [first, one],
        _ => [values[0], values[1]],
    };
    let geometry = Convolution2d {
        kernel: two(kernel, 1),
        stride: two(&strides, 1),
        padding: two(&pads, 0),
        groups,
    };
    let bias = lowering.constant(node, 2);
    if bias.is_none() && node.inputs.get(2).is_some_and(|name| !name.is_empty()) {
        return Err(unsupported("its bias is not a constant".to_owned()));
    }
    let name = lowering.layer_name(node);
    let (filters, channels) = (shape[0], shape[1]);
    let id = lowering.net.convolution(&name, input.id, filters, geometry, bias.is_some())?;
    // [o, c, kh, kw] → [o, kh, kw, c], the factor of the input included.
    let area: usize = kernel.iter().product();
    let mut turned = Vec::with_capacity(weights.len());
    for filter in weights.chunks(area * channels) {
        for pixel in 0..area {
            turned
                .extend((0..channels).map(|channel| filter[channel * area + pixel] * input.scale));
        }
    }
    lowering.set_parameter(&name, "weight", turned);
    if let Some((_, bias)) = bias {
        lowering.set_parameter(&name, "bias", bias);
    }
    lowering.set(node, Tensor { id, scale: 1.0, ..input });
    Ok(())
}

/// Padding on both sides of each axis.
pub(super) fn pads(
    node: &Node,
    size: &[usize],
    kernel: &[usize],
    strides: &[usize],
) -> Result<Vec<usize>, Refusal> {
    let axes = size.len();
    let pads = match text(node, "auto_pad", "NOTSET") {
        "NOTSET" => sizes(node, "pads", 2 * axes, 0)?,
        "VALID" => vec![0; 2 * axes],
        side @ ("SAME_UPPER" | "SAME_LOWER") => {
            let mut pads = vec![0; 2 * axes];
            for axis in 0..axes {
                let stride = strides[axis].max(1);
                let reach = (size[axis].div_ceil(stride).saturating_sub(1)) * stride + kernel[axis];
                let total = reach.saturating_sub(size[axis]);
                let (less, more) = (total / 2, total.div_ceil(2));
                let (first, last) = if side == "SAME_UPPER" { (less, more) } else { (more, less) };
                (pads[axis], pads[axes + axis]) = (first, last);
            }
            pads
        }
        other => return Err(unsupported(format!("its auto_pad is {other}"))),
    };
    let (first, last) = pads.split_at(axes);
    match first == last {
        true => Ok(first.to_vec()),
        false => Err(unsupported(format!("its padding {pads:?} differs between the two sides"))),
    }
}

pub(super) fn gemm(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    if integer(node, "transA", 0) != 0 {
        return Err(unsupported("it transposes its input".to_owned()));
    }
    let (shape, weights) = lowering.weight(node, 1)?;
    let alpha = real(node, "alpha", 1.0);
    let weights = weights.into_iter().map(|weight| weight * alpha).collect();
    let bias =
        match (node.inputs.get(2).is_some_and(|name| !name.is_empty()), lowering.constant(node, 2))
        {
            (false, _) => None,
            (true, None) => return Err(unsupported("its bias is not a constant".to_owned())),
            (true, Some((_, bias))) => {
                let beta = real(node, "beta", 1.0);
                Some(bias.into_iter().map(|bias| bias * beta).collect())
            }
        };
    linear(lowering, node, (shape, weights), integer(node, "transB", 0) != 0, bias)
}

pub(super) fn matmul(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let weight = lowering.weight(node, 1)?;
    linear(lowering, node, weight, false, None)
}

/// A linear layer with the weight `[K, O]`, or `[O, K]` if `rows` says so. A constant that is added to its output alone is its bias.
fn linear(
    lowering: &mut Lowering<'_>,
    node: &Node,
    (shape, weights): (Vec<usize>, Vec<f64>),
    rows: bool,
    bias: Option<Vec<f64>>,
) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    let &[first, second] = shape.as_slice() else {
        return Err(unsupported(format!("its weight has the shape {shape:?}")));
    };
    let (outputs, terms) = if rows { (first, second) } else { (second, first) };
    let [h, w, c] = lowering.net.shape(input.id);
    let each = match input.axes {
        Axes::Features { .. } => false,
        Axes::RowLast | Axes::ChannelsLast => true,
        _ => return Err(unsupported("it does not read features".to_owned())),
    };
    if terms != if each { c } else { h * w * c } {
        return Err(Problem::Shape(format!(
            "a weight of shape {shape:?} does not fit {c} features"
        ))
        .into());
    }
    let added = match &bias {
        Some(_) => None,
        None => added_bias(lowering, node, outputs),
    };
    let bias = bias.or(added.as_ref().map(|(_, bias)| bias.clone()));
    let bias = match bias {
        Some(bias) if bias.len() == 1 => Some(vec![bias[0]; outputs]),
        Some(bias) if bias.len() != outputs => {
            return Err(
                Problem::Shape(format!("{} biases for {outputs} outputs", bias.len())).into()
            );
        }
        other => other,
    };
    let name = lowering.layer_name(node);
    let id = match each {
        true => {
            let geometry = Convolution2d::square(1, 1, 0);
            lowering.net.convolution(&name, input.id, outputs, geometry, bias.is_some())?
        }
        false => lowering.net.linear_of(&name, input.id, outputs, bias.is_some())?,
    };
    let places = input.axes.places().unwrap_or_else(|| (0..terms).collect());
    let weight = |output: usize, term: usize| match rows {
        true => weights[output * terms + term],
        false => weights[term * outputs + output],
    };
    let turned = (0..outputs)
        .flat_map(|output| places.iter().map(move |&place| (output, place)))
        .map(|(output, place)| weight(output, place) * input.scale)
        .collect();
    lowering.set_parameter(&name, "weight", turned);
    if let Some(bias) = bias {
        lowering.set_parameter(&name, "bias", bias);
    }
    let axes = if each { input.axes } else { Axes::Features { from: [1, 1, outputs] } };
    let tensor = Tensor { id, axes, scale: 1.0 };
    lowering.set(node, tensor);
    if let Some((sum, _)) = added {
        lowering.set(sum, tensor);
    }
    Ok(())
}

/// The node that alone reads the output of `node` and adds a constant for each output, with the constant.
fn added_bias<'a>(
    lowering: &Lowering<'a>,
    node: &Node,
    outputs: usize,
) -> Option<(&'a Node, Vec<f64>)> {
    let output = node.outputs.first()?;
    let sum = lowering
        .only_reader(output)
        .filter(|sum| sum.operator == "Add" && sum.domain.is_empty())?;
    let other = if sum.inputs.first()? == output { 1 } else { 0 };
    let (shape, bias) = lowering.constant(sum, other)?;
    let flat = shape.iter().rev().skip(1).all(|&size| size == 1);
    (flat && bias.len() == outputs).then_some((sum, bias))
}
