//! Pools.

use super::{in_layout, name};
use crate::network::exported::error::Refusal;
use crate::network::exported::tensor::{Layout, Tensor};
use crate::network::exported::writing::Writing;
use crate::onnx::model::Attribute;
use crate::precision::NumberFormat;
use hwmodel::elementwise::PoolWindow;

fn attributes(layout: Layout, window: PoolWindow) -> Vec<(&'static str, Attribute)> {
    let pads = layout.spatial(window.padding);
    vec![
        ("kernel_shape", Attribute::Integers(layout.spatial(window.kernel))),
        ("strides", Attribute::Integers(layout.spatial(window.stride))),
        ("pads", Attribute::Integers([pads.clone(), pads].concat())),
        ("ceil_mode", Attribute::Integer(window.ceil.into())),
    ]
}

pub(super) fn max_pool(
    writing: &mut Writing<'_>,
    index: usize,
    window: PoolWindow,
) -> Result<(), Refusal> {
    let (name, input) = (name(writing, index), writing.input(index, 0));
    let input = in_layout(writing, input, Layout::Image, &name);
    let attributes = attributes(input.layout, window);
    let real = writing.node("MaxPool", &name, &[&input.name], "real", &attributes);
    let name = match input.words {
        None => real,
        Some(words) => writing.same_words(real, &name, words),
    };
    let shape = writing.network.nodes[index].shape;
    writing.set(index, Tensor { name, shape, ..input });
    Ok(())
}

pub(super) fn average_pool(
    writing: &mut Writing<'_>,
    index: usize,
    window: Option<PoolWindow>,
) -> Result<(), Refusal> {
    let (name, input) = (name(writing, index), writing.input(index, 0));
    let Some(words) = input.words else { return Err(Refusal::FloatAverage) };
    if matches!(writing.owner(index).output(), NumberFormat::DynamicFixed { .. }) {
        return Err(Refusal::Dynamic);
    }
    let input = in_layout(writing, input, Layout::Image, &name);
    let [h, w, _] = input.shape;
    let output = writing.network.nodes[index].shape;
    let window = window.unwrap_or(PoolWindow { kernel: [h, w], ..PoolWindow::square(1, 1, 0) });
    let mut attributes = attributes(input.layout, PoolWindow { ceil: false, ..window });
    for (axis, size) in [h, w].into_iter().enumerate() {
        let reach = (output[axis] - 1) * window.stride[axis] + window.kernel[axis];
        if reach > size + 2 * window.padding[axis] {
            return Err(Refusal::PartialAverage);
        }
    }
    attributes.push(("count_include_pad", Attribute::Integer(1)));
    let real = writing.node("AveragePool", &name, &[&input.name], "real", &attributes);
    // A quotient that float32 rounds is no nearer to a tie than 1/(2·positions) if this holds.
    writing.needs(index, u128::from(words.magnitude()) * 2 * window.positions() as u128);
    let to = writing.quantiser(index, words.format)?;
    let (name, made) = writing.quantised(&real, &name, to);
    // A mean is between the least and the largest, and padding is 0.
    let words = crate::network::exported::tensor::Words {
        range: (words.range.0.min(0), words.range.1.max(0)),
        ..made
    };
    writing.set(index, Tensor { name, shape: output, words: Some(words), ..input });
    Ok(())
}
