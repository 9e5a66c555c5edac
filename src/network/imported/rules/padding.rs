//! Zeros around an image, which the next convolution takes over.

use crate::network::imported::lowering::{Lowering, Refusal, Tensor, real, text, unsupported};
use crate::onnx::model::{Attribute, Node};

pub(super) fn pad(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.padded(node, 0)?;
    let attribute = || match node.attribute("pads").or_else(|| node.attribute("paddings")) {
        Some(Attribute::Integers(pads)) => Some(pads.clone()),
        _ => None,
    };
    let pads = lowering.integers(node, 1).or_else(attribute);
    let pads = pads.ok_or_else(|| unsupported("its sizes are not constant".to_owned()))?;
    let rank = node.inputs.first().map_or(0, |name| lowering.shape(name).len());
    let axes = match lowering.integers(node, 3) {
        Some(axes) => axes,
        None => (0..rank as i64).collect(),
    };
    let value = match lowering.constant(node, 2) {
        Some((_, values)) => values.first().copied().unwrap_or(0.0),
        None => real(node, "value", 0.0),
    };
    if pads.iter().all(|&pad| pad == 0) {
        lowering.set(node, input);
        return Ok(());
    }
    let refuse =
        |why: String| Err(unsupported(format!("{why}, and a convolution pads with zeros")));
    let mode = text(node, "mode", "constant");
    if mode != "constant" || value != 0.0 {
        return refuse(format!("its mode is {mode} with the value {value}"));
    }
    if input.gain.has_shift() {
        return refuse("a constant is added to its input".to_owned());
    }
    let spatial = input.axes.spatial();
    let mut padded = input.pads;
    for (place, &axis) in axes.iter().enumerate() {
        let axis = if axis < 0 { axis + rank as i64 } else { axis };
        let sides = [place, place + axes.len()].map(|place| pads.get(place).copied().unwrap_or(0));
        if sides == [0, 0] {
            continue;
        }
        let found = spatial.iter().position(|&spatial| spatial as i64 == axis);
        let (Some(found), [Ok(before), Ok(after)]) = (found, sides.map(usize::try_from)) else {
            return refuse(format!("it pads axis {axis} by {sides:?}"));
        };
        // The only axis of a row is the width.
        let [first, second] = &mut padded[found + 2 - spatial.len()];
        (*first, *second) = (first.saturating_add(before), second.saturating_add(after));
    }
    lowering.set(node, Tensor { pads: padded, ..input });
    Ok(())
}
