//! Pools.

use super::product::pads;
use crate::network::imported::axes::Axes;
use crate::network::imported::lowering::{Lowering, Refusal, Tensor, integer, sizes, unsupported};
use crate::onnx::model::{Attribute, Node};
use hwmodel::elementwise::PoolWindow;

fn window(lowering: &Lowering<'_>, node: &Node, input: &Tensor) -> Result<PoolWindow, Refusal> {
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
    let kernel = sizes(node, "kernel_shape", axes, 0)?;
    let strides = sizes(node, "strides", axes, 1)?;
    if sizes(node, "dilations", axes, 1)?.iter().any(|&dilation| dilation != 1) {
        return Err(unsupported("a dilated pool is not a layer".to_owned()));
    }
    let [h, w, _] = lowering.net.shape(input.id);
    let size = if row { vec![w] } else { vec![h, w] };
    let sides = pads(node, &size, &kernel, &strides)?;
    let mut ceil = integer(node, "ceil_mode", 0) != 0;
    if sides.iter().any(|[before, after]| before != after) {
        ceil = reaches_beyond(&size, &kernel, &strides, &sides);
        if !ceil {
            return Err(unsupported(format!(
                "a pool whose padding {sides:?} differs between the two sides is not a layer"
            )));
        }
    }
    let padding: Vec<usize> = sides.iter().map(|&[before, _]| before).collect();
    let two = |values: &[usize], first: usize| match *values {
        [one] => [first, one],
        _ => [values[0], values[1]],
    };
    Ok(PoolWindow {
        kernel: two(&kernel, 1),
        stride: two(&strides, 1),
        padding: two(&padding, 0),
        ceil,
    })
}

/// Whether windows over an input that is padded only at its end are those that may reach beyond an input without padding.
fn reaches_beyond(
    size: &[usize],
    kernel: &[usize],
    strides: &[usize],
    sides: &[[usize; 2]],
) -> bool {
    (0..size.len()).all(|axis| {
        let ([before, after], stride) = (sides[axis], strides[axis].max(1));
        let Some(beyond) = size[axis].checked_sub(kernel[axis]) else { return false };
        before == 0 && (beyond + after) / stride == beyond.div_ceil(stride)
    })
}

pub(super) fn max_pool(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    let window = window(lowering, node, &input)?;
    if node.outputs.get(1).is_some_and(|name| lowering.readers(name) > 0) {
        return Err(unsupported("the positions of its maxima are used".to_owned()));
    }
    let id = lowering.net.max_pool_of(input.id, window)?;
    lowering.set(node, Tensor { id, ..input });
    Ok(())
}

pub(super) fn average_pool(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    let window = window(lowering, node, &input)?;
    if window.padding != [0, 0] {
        lowering.unshifted(node, 0)?;
    }
    let [h, w, _] = lowering.net.shape(input.id);
    let id =
        match window {
            PoolWindow { kernel, padding: [0, 0], .. } if kernel == [h, w] => {
                lowering.net.global_average_pool(input.id)?
            }
            // The layer divides by the whole window.
            PoolWindow { padding, ceil: false, .. }
                if padding == [0, 0] || integer(node, "count_include_pad", 0) != 0 =>
            {
                lowering.net.average_pool_of(input.id, window)?
            }
            _ => return Err(unsupported(
                "an average pool whose windows count different numbers of pixels is not a layer"
                    .to_owned(),
            )),
        };
    lowering.set(node, Tensor { id, ..input });
    Ok(())
}

pub(super) fn global_average_pool(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    if input.axes.channel_axis() != 1 || input.axes.spatial().is_empty() {
        return Err(unsupported(
            "it reads a value whose channels are not the second axis".to_owned(),
        ));
    }
    let id = lowering.net.global_average_pool(input.id)?;
    lowering.set(node, Tensor { id, ..input });
    Ok(())
}

/// The mean over height and width.
pub(super) fn reduce_mean(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    let given = match node.attribute("axes") {
        Some(Attribute::Integers(axes)) => Some(axes.clone()),
        _ => lowering.integers(node, 1),
    };
    let rank = node.inputs.first().map_or(0, |name| lowering.shape(name).len());
    let mut axes: Vec<i64> = given.unwrap_or_default();
    axes.iter_mut().filter(|axis| **axis < 0).for_each(|axis| *axis += rank as i64);
    axes.sort_unstable();
    let spatial = input.axes.spatial();
    if spatial.is_empty() || !axes.iter().copied().eq(spatial.iter().map(|&axis| axis as i64)) {
        return Err(unsupported(format!(
            "a mean over axes {axes:?} is not a pool over height and width"
        )));
    }
    let id = lowering.net.global_average_pool(input.id)?;
    let kept = integer(node, "keepdims", 1) != 0;
    let axes = if kept { input.axes } else { Axes::Features { from: lowering.net.shape(id) } };
    lowering.set(node, Tensor { id, axes, ..input });
    Ok(())
}
