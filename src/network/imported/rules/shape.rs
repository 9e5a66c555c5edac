//! Nodes that only rename or reorder elements.

use crate::network::imported::axes::Axes;
use crate::network::imported::lowering::{Lowering, Refusal, Tensor, unsupported};
use crate::onnx::model::{Attribute, Node};

pub(super) fn same(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    lowering.set(node, input);
    Ok(())
}

pub(super) fn transpose(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    let order = match node.attribute("perm") {
        Some(Attribute::Integers(order)) => order.clone(),
        _ => (0..lowering.shape(&node.inputs[0]).len() as i64).rev().collect(),
    };
    let [h, w, _] = lowering.net.shape(input.id);
    // Of one pixel every order of height, width and channels is the same.
    let axes = input.axes.transposed(&order).ok_or_else(|| {
        unsupported(format!("it moves axes as {order:?} of a value of {h}×{w} pixels"))
    })?;
    lowering.set(node, Tensor { axes, ..input });
    Ok(())
}

/// Flatten, Reshape, Squeeze and Unsqueeze, by the shapes alone.
pub(super) fn reshape(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    let before = lowering.shape(&node.inputs[0]).to_vec();
    let after = node.outputs.first().map_or(Vec::new(), |name| lowering.shape(name).to_vec());
    let [h, w, c] = lowering.net.shape(input.id);
    let refuse =
        || unsupported(format!("it makes a value of shape {after:?} of one of {before:?}"));
    if after.first() != Some(&1) {
        return Err(refuse());
    }
    let output = match (input.axes, after.as_slice()) {
        _ if before == after => input,
        (Axes::ChannelsFirst | Axes::Row, &[_, features]) if features == h * w * c => {
            flattened(lowering, input, [h, w, c])?
        }
        (Axes::ChannelsLast | Axes::RowLast, &[_, features]) if features == h * w * c => {
            flattened(lowering, input, [1, 1, features])?
        }
        (Axes::Features { from: [1, 1, _] }, &[_, channels, 1, 1]) if channels == c => {
            Tensor { axes: Axes::ChannelsFirst, ..input }
        }
        (Axes::Row, &[_, channels, 1, length]) if [length, channels] == [w, c] => {
            Tensor { axes: Axes::ChannelsFirst, ..input }
        }
        (Axes::ChannelsFirst, &[_, channels, length]) if h == 1 && [length, channels] == [w, c] => {
            Tensor { axes: Axes::Row, ..input }
        }
        _ => return Err(refuse()),
    };
    lowering.set(node, output);
    Ok(())
}

/// `input` as features that lie as `from` says.
fn flattened(
    lowering: &mut Lowering<'_>,
    input: Tensor,
    from: [usize; 3],
) -> Result<Tensor, Refusal> {
    let [h, w, _] = lowering.net.shape(input.id);
    let id = if h * w == 1 { input.id } else { lowering.net.flatten(input.id)? };
    let gain = input.gain.of_pixels(h * w);
    Ok(Tensor { id, axes: Axes::Features { from }, gain, ..input })
}
