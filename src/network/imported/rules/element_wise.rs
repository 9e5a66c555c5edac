//! Sums, constant factors and concatenation.
#![expect(clippy::float_cmp, reason = "factors are equal or they are not")]

use crate::network::imported::axes::Axes;
use crate::network::imported::lowering::{Lowering, Refusal, Tensor, integer, unsupported};
use crate::onnx::model::Node;

pub(super) fn add(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    if node.inputs.len() != 2 {
        return Err(unsupported(format!("a sum of {} values is not a layer", node.inputs.len())));
    }
    if let Some((variable, value)) = constant_operand(lowering, node) {
        return shift(lowering, node, variable, |tensor| (tensor.scale, tensor.shift + value));
    }
    let (first, second) = (lowering.unshifted(node, 0)?, lowering.unshifted(node, 1)?);
    if first.axes != second.axes || first.scale != second.scale {
        return Err(unsupported(
            "its inputs differ in the order of axes or by a constant factor".to_owned(),
        ));
    }
    let id = lowering.net.sum(first.id, second.id)?;
    lowering.set(node, Tensor { id, ..first });
    Ok(())
}

/// The input of `node` that is not a constant, and the constant, if that has one element.
fn constant_operand(lowering: &Lowering<'_>, node: &Node) -> Option<(usize, f64)> {
    let constant = |index| lowering.constant(node, index).filter(|(_, values)| values.len() == 1);
    match (constant(0), constant(1)) {
        (None, Some((_, values))) => Some((0, values[0])),
        (Some((_, values)), None) => Some((1, values[0])),
        _ => None,
    }
}

/// Input `variable` of `node` with another factor and shift.
fn shift(
    lowering: &mut Lowering<'_>,
    node: &Node,
    variable: usize,
    change: impl Fn(Tensor) -> (f64, f64),
) -> Result<(), Refusal> {
    let input = lowering.input(node, variable)?;
    let (scale, shift) = change(input);
    if !(scale.is_finite() && scale > 0.0 && shift.is_finite()) {
        let factor = scale / input.scale;
        return Err(unsupported(format!("a factor of {factor} is not finite and above 0")));
    }
    lowering.set(node, Tensor { scale, shift, ..input });
    Ok(())
}

/// A product or quotient by one positive constant.
pub(super) fn scale(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let divides = node.operator == "Div";
    match constant_operand(lowering, node) {
        Some((variable, value)) if !divides || variable == 0 => {
            let factor = if divides { value.recip() } else { value };
            shift(lowering, node, variable, |x| (x.scale * factor, x.shift * factor))
        }
        _ => Err(unsupported("it is not a product with one constant".to_owned())),
    }
}

/// A constant subtracted from a value.
pub(super) fn subtract(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    match constant_operand(lowering, node) {
        Some((0, value)) => shift(lowering, node, 0, |x| (x.scale, x.shift - value)),
        _ => Err(unsupported("it does not subtract one constant from a value".to_owned())),
    }
}

pub(super) fn concatenate(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let inputs = 0..node.inputs.len();
    let inputs =
        inputs.map(|index| lowering.unshifted(node, index)).collect::<Result<Vec<_>, _>>()?;
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
