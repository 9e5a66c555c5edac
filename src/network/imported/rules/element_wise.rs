//! Sums, constant factors and concatenation.

use crate::network::imported::axes::Axes;
use crate::network::imported::lowering::{Lowering, Refusal, Tensor, integer, unsupported};
use crate::onnx::model::Node;

pub(super) fn add(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    if node.inputs.len() != 2 {
        return Err(unsupported(format!("a sum of {} values is not a layer", node.inputs.len())));
    }
    if let Some((variable, constants)) = constant_operand(lowering, node) {
        return change(lowering, node, variable, &constants, |scale, shift, constant| {
            (scale, shift + constant)
        });
    }
    let (first, second) = (lowering.unshifted(node, 0)?, lowering.unshifted(node, 1)?);
    if first.axes != second.axes || first.gain != second.gain {
        return Err(unsupported(
            "its inputs differ in the order of axes or by a constant factor".to_owned(),
        ));
    }
    let id = lowering.net.sum(first.id, second.id)?;
    lowering.set(node, Tensor { id, ..first });
    Ok(())
}

/// The input of `node` that is not a constant, and the constant: one number, or one for each channel of the layer.
fn constant_operand(lowering: &Lowering<'_>, node: &Node) -> Option<(usize, Vec<f64>)> {
    let (variable, shape, values) = match (lowering.constant(node, 0), lowering.constant(node, 1)) {
        (None, Some((shape, values))) => (0, shape, values),
        (Some((shape, values)), None) => (1, shape, values),
        _ => return None,
    };
    if values.len() == 1 {
        return Some((variable, values));
    }
    let input = lowering.padded(node, variable).ok()?;
    let rank = lowering.shape(node.inputs.get(variable)?).len();
    let channel = input.axes.channel_axis().checked_sub(rank.checked_sub(shape.len())?)?;
    let flat = (0..shape.len()).all(|axis| axis == channel || shape[axis] == 1);
    if !flat || values.len() != lowering.net.shape(input.id)[2] {
        return None;
    }
    let places = input.axes.places();
    let values = match places {
        Some(places) => places.into_iter().map(|place| values[place]).collect(),
        None => values,
    };
    Some((variable, values))
}

/// Input `variable` of `node` with a factor and a shift changed by `constants`.
fn change(
    lowering: &mut Lowering<'_>,
    node: &Node,
    variable: usize,
    constants: &[f64],
    change: impl Fn(f64, f64, f64) -> (f64, f64),
) -> Result<(), Refusal> {
    let input = lowering.input(node, variable)?;
    let gain = input.gain.changed(constants, change);
    let gain = gain.ok_or_else(|| unsupported("a factor is not finite and above 0".to_owned()))?;
    lowering.set(node, Tensor { gain, ..input });
    Ok(())
}

/// A product or quotient by a positive constant, or one for each channel.
pub(super) fn scale(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let divides = node.operator == "Div";
    match constant_operand(lowering, node) {
        Some((variable, constants)) if !divides || variable == 0 => {
            change(lowering, node, variable, &constants, |scale, shift, constant| {
                let factor = if divides { constant.recip() } else { constant };
                (scale * factor, shift * factor)
            })
        }
        _ => Err(unsupported("it is not a product with a constant for each channel".to_owned())),
    }
}

/// A constant, or one for each channel, subtracted from a value.
pub(super) fn subtract(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    match constant_operand(lowering, node) {
        Some((0, constants)) => change(lowering, node, 0, &constants, |scale, shift, constant| {
            (scale, shift - constant)
        }),
        _ => Err(unsupported("it does not subtract a constant for each channel".to_owned())),
    }
}

pub(super) fn concatenate(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let inputs = 0..node.inputs.len();
    let inputs =
        inputs.map(|index| lowering.unshifted(node, index)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = inputs.first().cloned() else {
        return Err(unsupported("it has no input".to_owned()));
    };
    let rank = node.inputs.first().map_or(0, |name| lowering.shape(name).len());
    let axis = integer(node, "axis", 1);
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    let plain = !matches!(first.axes, Axes::Features { from: [h, w, _] } if h * w > 1);
    let channels = |axes: Axes| axes.channel_axis() as i64 == axis;
    if !plain
        || !channels(first.axes)
        || inputs.iter().any(|x| {
            first.gain.only_scale().is_none() || x.gain != first.gain || {
                !matches!(
                    (x.axes, first.axes),
                    (Axes::Features { from: [1, 1, _] }, Axes::Features { .. })
                ) && x.axes != first.axes
            }
        })
    {
        return Err(unsupported("it does not join channels of values that lie alike".to_owned()));
    }
    let ids: Vec<_> = inputs.iter().map(|input| input.id).collect();
    let id = lowering.net.concatenate(&ids)?;
    let axes = match first.axes {
        Axes::Features { .. } => Axes::Features { from: lowering.net.shape(id) },
        other => other,
    };
    lowering.set(node, Tensor { id, axes, ..first });
    Ok(())
}
