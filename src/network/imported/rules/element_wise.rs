//! Sums, constant factors and concatenation.
#![expect(clippy::float_cmp, reason = "factors are equal or they are not")]

use crate::network::imported::axes::Axes;
use crate::network::imported::lowering::{Lowering, Refusal, Tensor, integer, unsupported};
use crate::onnx::model::Node;

pub(super) fn add(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    if node.outputs.first().is_some_and(|name| lowering.values.contains_key(name)) {
        // The bias of the product before it.
        return Ok(());
    }
    if node.inputs.len() != 2 {
        return Err(unsupported(format!("a sum of {} values is not a layer", node.inputs.len())));
    }
    let (first, second) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    if first.axes != second.axes || first.scale != second.scale {
        return Err(unsupported(
            "its inputs differ in the order of axes or by a constant factor".to_owned(),
        ));
    }
    let id = lowering.net.sum(first.id, second.id)?;
    lowering.set(node, Tensor { id, ..first });
    Ok(())
}

/// A product or quotient by one positive constant.
pub(super) fn scale(
    lowering: &mut Lowering<'_>,
    node: &Node,
    combine: fn(f64, f64) -> f64,
) -> Result<(), Refusal> {
    let constant = |index| lowering.constant(node, index).filter(|(_, values)| values.len() == 1);
    let (variable, factor) = match (constant(0), constant(1)) {
        (None, Some((_, values))) => (0, values[0]),
        (Some((_, values)), None) if node.operator == "Mul" => (1, values[0]),
        _ => return Err(unsupported("it is not a product with one constant".to_owned())),
    };
    let input = lowering.input(node, variable)?;
    let scale = combine(input.scale, factor);
    if !(scale.is_finite() && scale > 0.0) {
        return Err(unsupported(format!("a factor of {factor} is not finite and above 0")));
    }
    lowering.set(node, Tensor { scale, ..input });
    Ok(())
}

pub(super) fn concatenate(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let inputs = 0..node.inputs.len();
    let inputs = inputs.map(|index| lowering.input(node, index)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = inputs.first().copied() else {
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
            x.scale != first.scale || {
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
