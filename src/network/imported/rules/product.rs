//! Convolutions and linear layers.

use crate::graph::Problem;
use crate::network::imported::axes::Axes;
use crate::network::imported::gain::Gain;
use crate::network::imported::lowering::{
    Lowering, Refusal, Tensor, integer, real, sizes, text, unsupported,
};
use crate::onnx::model::Node;
use hwmodel::array::Convolution2d;

pub(super) fn convolution(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.padded(node, 0)?;
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
    let dilations = sizes(node, "dilations", axes, 1)?;
    let [h, w, _] = lowering.net.shape(input.id);
    let outside = input.pads.map(|[before, after]| before.saturating_add(after));
    let size = [h.saturating_add(outside[0]), w.saturating_add(outside[1])];
    let size = if row { vec![size[1]] } else { size.to_vec() };
    let spans: Vec<usize> = dilations
        .iter()
        .zip(kernel)
        .map(|(dilation, kernel)| {
            dilation.saturating_mul(kernel.saturating_sub(1)).saturating_add(1)
        })
        .collect();
    let sides = pads(node, &size, &spans, &strides)?;
    let groups = usize::try_from(integer(node, "group", 1)).unwrap_or(0);
    let two = |values: &[usize], first: usize| match *values {
        [one] => [first, one],
        _ => [values[0], values[1]],
    };
    let own = match *sides.as_slice() {
        [row] => [[0; 2], row],
        _ => [sides[0], sides[1]],
    };
    let side = |axis: usize, side: usize| own[axis][side].saturating_add(input.pads[axis][side]);
    let geometry = Convolution2d {
        kernel: two(kernel, 1),
        stride: two(&strides, 1),
        padding: [0, 1].map(|axis| [side(axis, 0), side(axis, 1)]),
        dilation: two(&dilations, 1),
        groups,
    };
    let bias = lowering.constant(node, 2);
    if bias.is_none() && node.inputs.get(2).is_some_and(|name| !name.is_empty()) {
        return Err(unsupported("its bias is not a constant".to_owned()));
    }
    let (filters, channels) = (shape[0], shape[1]);
    let terms: usize = shape[1..].iter().product();
    let added = match &bias {
        Some(_) => None,
        None => added_bias(lowering, node, filters, axes),
    };
    let bias = bias.map(|(_, bias)| bias).or(added.as_ref().map(|(_, bias)| bias.clone()));
    if input.gain.has_shift() && geometry.padding != [[0; 2]; 2] {
        return Err(unsupported(
            "a constant is added to its input, which it pads with zeros".to_owned(),
        ));
    }
    // Channels of the input that a filter reads begin with this one.
    let first_of = |filter: usize| filter / (filters / groups.max(1)).max(1) * channels;
    let area: usize = kernel.iter().product();
    let bias = shifted_bias(bias, &input.gain, filters, |filter| {
        let weights = weights[filter * terms..][..terms].iter().enumerate();
        let channel = |index: usize| first_of(filter) + index / area.max(1);
        weights.map(|(index, weight)| weight * input.gain.shift(channel(index))).sum()
    })?;
    let name = lowering.layer_name(node);
    let id = lowering.net.convolution(&name, input.id, filters, geometry, bias.is_some())?;
    // [o, c, kh, kw] → [o, kh, kw, c], the factor of the input included.
    let mut turned = Vec::with_capacity(weights.len());
    for (index, filter) in weights.chunks(area * channels).enumerate() {
        for pixel in 0..area {
            turned.extend((0..channels).map(|channel| {
                filter[channel * area + pixel] * input.gain.scale(first_of(index) + channel)
            }));
        }
    }
    lowering.set_parameter(&name, "weight", turned);
    if let Some(bias) = bias {
        lowering.set_parameter(&name, "bias", bias);
    }
    let tensor = Tensor::of(id, input.axes);
    lowering.set(node, tensor.clone());
    if let Some((sum, _)) = added {
        lowering.set(sum, tensor);
    }
    Ok(())
}

/// `bias` of each of `outputs` outputs, and the `addition` of a shift of the input to each.
fn shifted_bias(
    bias: Option<Vec<f64>>,
    gain: &Gain,
    outputs: usize,
    addition: impl Fn(usize) -> f64,
) -> Result<Option<Vec<f64>>, Refusal> {
    let mut bias = match bias {
        Some(bias) if bias.len() == 1 => Some(vec![bias[0]; outputs]),
        Some(bias) if bias.len() != outputs => {
            return Err(
                Problem::Shape(format!("{} biases for {outputs} outputs", bias.len())).into()
            );
        }
        other => other,
    };
    if gain.has_shift() {
        let bias = bias.get_or_insert_with(|| vec![0.0; outputs]);
        for (output, bias) in bias.iter_mut().enumerate() {
            *bias += addition(output);
        }
    }
    Ok(bias)
}

/// Padding `[before, after]` of each axis; `reach` is what a window covers of it.
pub(super) fn pads(
    node: &Node,
    size: &[usize],
    reach: &[usize],
    strides: &[usize],
) -> Result<Vec<[usize; 2]>, Refusal> {
    let axes = size.len();
    let pads = match text(node, "auto_pad", "NOTSET") {
        "NOTSET" => sizes(node, "pads", 2 * axes, 0)?,
        "VALID" => vec![0; 2 * axes],
        side @ ("SAME_UPPER" | "SAME_LOWER") => {
            let mut pads = vec![0; 2 * axes];
            for axis in 0..axes {
                let stride = strides[axis].max(1);
                let covered = size[axis].div_ceil(stride).saturating_sub(1) * stride + reach[axis];
                let total = covered.saturating_sub(size[axis]);
                let (less, more) = (total / 2, total.div_ceil(2));
                let (first, last) = if side == "SAME_UPPER" { (less, more) } else { (more, less) };
                (pads[axis], pads[axes + axis]) = (first, last);
            }
            pads
        }
        other => return Err(unsupported(format!("its auto_pad is {other}"))),
    };
    let (first, last) = pads.split_at(axes);
    Ok(first.iter().zip(last).map(|(&before, &after)| [before, after]).collect())
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
        None => added_bias(lowering, node, outputs, 0),
    };
    let bias = bias.or(added.as_ref().map(|(_, bias)| bias.clone()));
    let weight = |output: usize, term: usize| match rows {
        true => weights[output * terms + term],
        false => weights[term * outputs + output],
    };
    let places = input.axes.places().unwrap_or_else(|| (0..terms).collect());
    let bias = shifted_bias(bias, &input.gain, outputs, |output| {
        let terms = places.iter().enumerate();
        terms.map(|(channel, &place)| weight(output, place) * input.gain.shift(channel)).sum()
    })?;
    let name = lowering.layer_name(node);
    let id = match each {
        true => {
            let geometry = Convolution2d::square(1, 1, 0);
            lowering.net.convolution(&name, input.id, outputs, geometry, bias.is_some())?
        }
        false => lowering.net.linear_of(&name, input.id, outputs, bias.is_some())?,
    };
    let of_output = |output| {
        let terms = places.iter().enumerate();
        let gain = &input.gain;
        terms.map(move |(channel, &place)| weight(output, place) * gain.scale(channel))
    };
    let turned = (0..outputs).flat_map(of_output).collect();
    lowering.set_parameter(&name, "weight", turned);
    if let Some(bias) = bias {
        lowering.set_parameter(&name, "bias", bias);
    }
    let axes = if each { input.axes } else { Axes::Features { from: [1, 1, outputs] } };
    let tensor = Tensor::of(id, axes);
    lowering.set(node, tensor.clone());
    if let Some((sum, _)) = added {
        lowering.set(sum, tensor);
    }
    Ok(())
}

/// The node that alone reads the output of `node` and adds a constant for each output, with the constant; behind the axis of the
/// outputs are `behind` axes.
fn added_bias<'a>(
    lowering: &Lowering<'a>,
    node: &Node,
    outputs: usize,
    behind: usize,
) -> Option<(&'a Node, Vec<f64>)> {
    let output = node.outputs.first()?;
    let sum = lowering
        .only_reader(output)
        .filter(|sum| sum.operator == "Add" && sum.domain.is_empty())?;
    let other = if sum.inputs.first()? == output { 1 } else { 0 };
    let (shape, bias) = lowering.constant(sum, other)?;
    let of_outputs = shape.len().checked_sub(behind + 1)?;
    let flat = (0..shape.len()).all(|axis| axis == of_outputs || shape[axis] == 1);
    (flat && bias.len() == outputs).then_some((sum, bias))
}
