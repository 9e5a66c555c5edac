//! Convolutions and linear layers.

use super::{activation, in_layout, name};
use crate::network::exported::ExportedProduct;
use crate::network::exported::error::Refusal;
use crate::network::exported::tensor::{Layout, Tensor, Words, check_step};
use crate::network::exported::writing::{Writing, fixed};
use crate::network::parameter::Parameter;
use crate::onnx::model::Attribute;
use hwmodel::array::Convolution2d;
use hwmodel::cast::{exact, low};
use hwmodel::number::requantise::align;
use hwmodel::{AccumulatorWidth, FixedTensor};

/// What a product is made of: its input in words, its parameters, and the magnitude that no sum exceeds.
struct Operands<'a> {
    input: Tensor,
    words: Words,
    weight: &'a FixedTensor,
    /// Words of the bias and their integers at the scale of the sums.
    bias: Option<(&'a FixedTensor, Vec<i64>)>,
    /// Fractional length of the sums.
    fl: i32,
    /// No sum, bias included, has a larger magnitude.
    most: u128,
}

pub(super) fn convolution(
    writing: &mut Writing<'_>,
    index: usize,
    geometry: Convolution2d,
) -> Result<(), Refusal> {
    let name = name(writing, index);
    let operands = operands(writing, index)?;
    let input = in_layout(writing, operands.input.clone(), Layout::Image, &name);
    let layout = input.layout;
    let &[filters, kh, kw, channels] = operands.weight.shape() else {
        unreachable!("weights have four axes");
    };
    let places = input.places.as_deref();
    if places.is_some() && geometry.groups != 1 {
        return Err(Refusal::Order);
    }
    // [o, kh, kw, c] → [o, c, kh, kw], channels at their place in the file.
    let area = kh * kw;
    let values = operands.weight.data().to_i64();
    let mut turned = vec![0; values.len()];
    for (place, value) in values.into_iter().enumerate() {
        let (row, channel) = (place / channels, place % channels);
        let (filter, pixel) = (row / area, row % area);
        let channel = places.map_or(channel, |places| places[channel]);
        turned[(filter * channels + channel) * area + pixel] = value;
    }
    let kernel = layout.spatial(geometry.kernel);
    let mut shape = vec![filters, channels];
    shape.extend(kernel.iter().map(|&size| exact::<usize>(size)));
    // Before each axis, then behind each axis.
    let pads = [0, 1].map(|side| layout.spatial(geometry.padding.map(|axis| axis[side])));
    let attributes = [
        ("kernel_shape", Attribute::Integers(kernel)),
        ("strides", Attribute::Integers(layout.spatial(geometry.stride))),
        ("pads", Attribute::Integers(pads.concat())),
        ("dilations", Attribute::Integers(layout.spatial(geometry.dilation))),
        ("group", Attribute::Integer(low(geometry.groups))),
    ];
    let inputs = parameters(writing, &name, &operands, &shape, turned)?;
    let inputs: Vec<&str> =
        [input.name.as_str()].into_iter().chain(inputs.iter().map(String::as_str)).collect();
    let sums = writing.node("Conv", &name, &inputs, "sums", &attributes);
    let shape = writing.network.nodes[index].shape;
    finish(
        writing,
        index,
        &operands,
        Tensor { name: sums, shape, layout, places: None, words: None },
    )
}

pub(super) fn linear(writing: &mut Writing<'_>, index: usize) -> Result<(), Refusal> {
    let name = name(writing, index);
    let operands = operands(writing, index)?;
    let input = in_layout(writing, operands.input.clone(), Layout::Features, &name);
    let &[outputs, _, _, terms] = operands.weight.shape() else {
        unreachable!("weights have four axes");
    };
    let mut values = operands.weight.data().to_i64();
    if let Some(places) = &input.places {
        for row in values.chunks_mut(terms) {
            let own = row.to_vec();
            places.iter().zip(own).for_each(|(&place, value)| row[place] = value);
        }
    }
    let inputs = parameters(writing, &name, &operands, &[outputs, terms], values)?;
    let inputs: Vec<&str> =
        [input.name.as_str()].into_iter().chain(inputs.iter().map(String::as_str)).collect();
    let transposed = [("transB", Attribute::Integer(1))];
    let sums = writing.node("Gemm", &name, &inputs, "sums", &transposed);
    let (shape, layout) = (writing.network.nodes[index].shape, Layout::Features);
    finish(
        writing,
        index,
        &operands,
        Tensor { name: sums, shape, layout, places: None, words: None },
    )
}

/// The operands of layer `index`; its input is quantised if it has another format.
fn operands<'a>(writing: &mut Writing<'a>, index: usize) -> Result<Operands<'a>, Refusal> {
    let network = writing.network;
    let parameters = network.nodes[index].parameters_of(&network.parameters);
    let quantised = |parameter: &'a Parameter| parameter.quantised.as_ref().ok_or(Refusal::Float32);
    let weight = quantised(&parameters[0])?;
    let format = fixed(parameters[0].formats.activation)?;
    let input = writing.input(index, 0);
    let name = format!("{}.input", network.nodes[index].name);
    let (input, words) = writing.in_format(index, input, format, &name)?;
    let fl = format.fl() + weight.format().fl();
    check_step(fl)?;
    let bias = match parameters.get(1).map(quantised).transpose()? {
        None => None,
        Some(bias) => {
            let shift = fl - bias.format().fl();
            let values = bias.data().to_i64().into_iter().map(|raw| align(raw.into(), shift));
            let values = values.map(|value| i64::try_from(value).map_err(|_| Refusal::Bias));
            Some((bias, values.collect::<Result<Vec<_>, _>>()?))
        }
    };
    let most = largest_sum(weight, bias.as_ref().map(|(_, values)| values.as_slice()), words);
    let needed = 129 - most.leading_zeros();
    if let AccumulatorWidth::Bits(bits) = writing.settings.accumulator.width
        && bits.get() < needed
    {
        return Err(Refusal::Accumulator { bits: bits.get(), needed });
    }
    writing.needs(index, most);
    Ok(Operands { input, words, weight, bias, fl, most })
}

/// The largest magnitude of Σ w·x + b for any x in the range of `input`, over all filters and all partial sums.
fn largest_sum(weight: &FixedTensor, bias: Option<&[i64]>, input: Words) -> u128 {
    let filters = weight.shape()[0];
    let values = weight.data().to_i64();
    let rows = values.chunks((values.len() / filters.max(1)).max(1));
    let sums = rows.enumerate().map(|(filter, row)| {
        let norm: u128 = row.iter().map(|w| u128::from(w.unsigned_abs())).sum();
        let bias = bias.map_or(0, |bias| u128::from(bias[filter].unsigned_abs()));
        norm * u128::from(input.magnitude()) + bias
    });
    sums.max().unwrap_or(0)
}

/// The names of the parameters in the file.
fn parameters(
    writing: &mut Writing<'_>,
    name: &str,
    operands: &Operands<'_>,
    shape: &[usize],
    weight: Vec<i64>,
) -> Result<Vec<String>, Refusal> {
    let format = operands.weight.format();
    let mut names = vec![writing.weight(&format!("{name}.weight"), shape, weight, format)?];
    if let Some((stored, values)) = &operands.bias {
        names.push(writing.bias(&format!("{name}.bias"), values, operands.fl, stored)?);
    }
    Ok(names)
}

/// Quantises the sums, behind a rectifier that alone reads them.
fn finish(
    writing: &mut Writing<'_>,
    index: usize,
    operands: &Operands<'_>,
    sums: Tensor,
) -> Result<(), Refusal> {
    let network = writing.network;
    let formats = network.nodes[index].parameters_of(&network.parameters)[0].formats;
    let format = fixed(formats.output())?;
    let to = writing.requantiser(index, format)?;
    writing.product(ExportedProduct {
        layer: network.nodes[index].name.clone(),
        input: operands.words.format,
        weight: operands.weight.format(),
        output: format,
        sum_bits: 129 - operands.most.leading_zeros(),
    });
    activation::rectified_and_quantised(writing, index, sums, to);
    Ok(())
}
