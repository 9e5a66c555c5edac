//! Activations.

use crate::network::builder::{Builder, NodeId};
use crate::network::error::NetworkError;
use crate::network::imported::lowering::{Lowering, Refusal, Tensor, real, unsupported};
use crate::onnx::model::{Attribute, Node};
use hwmodel::cast::toward_zero;
use hwmodel::elementwise::Slope;

/// A layer that commutes with positive factors.
fn homogeneous(
    lowering: &mut Lowering<'_>,
    node: &Node,
    add: impl Fn(&mut Builder, NodeId) -> Result<NodeId, NetworkError>,
) -> Result<(), Refusal> {
    let input = lowering.unshifted(node, 0)?;
    let id = add(&mut lowering.net, input.id)?;
    lowering.set(node, Tensor { id, ..input });
    Ok(())
}

pub(super) fn relu(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    homogeneous(lowering, node, Builder::relu)
}

pub(super) fn leaky_relu(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let alpha = real(node, "alpha", 0.01);
    if !(0.0..=1.0).contains(&alpha) {
        return Err(unsupported(format!("a slope of {alpha} is not between 0 and 1")));
    }
    let one = f64::from(1u32 << Slope::LONGEST_SHIFT);
    let slope = Slope::new(toward_zero::<u32>(alpha * one + 0.5), Slope::LONGEST_SHIFT);
    let slope = slope.map_err(|error| unsupported(error.to_string()))?;
    let made = f64::from(slope.value());
    if (made - alpha).abs() > 1e-9 {
        lowering.note(format!(
            "`{}`: the slope {alpha} is {made}, a multiple of 2^-{}",
            node.name,
            Slope::LONGEST_SHIFT
        ));
    }
    homogeneous(lowering, node, |net, input| net.leaky_relu(input, slope))
}

pub(super) fn clip(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let bound = |index: usize, name: &str, open: f64| match (
        lowering.constant(node, index),
        node.attribute(name),
    ) {
        (Some((_, values)), _) if values.len() == 1 => Some(values[0]),
        (_, Some(Attribute::Real(value))) => Some(f64::from(*value)),
        _ if node.inputs.get(index).is_none_or(String::is_empty) => Some(open),
        _ => None,
    };
    let bounds = (bound(1, "min", f64::NEG_INFINITY), bound(2, "max", f64::INFINITY));
    let input = lowering.unshifted(node, 0)?;
    match bounds {
        (Some(0.0), Some(f64::INFINITY)) => relu(lowering, node),
        (Some(0.0), Some(6.0)) if input.gain.is_one() => {
            homogeneous(lowering, node, Builder::relu6)
        }
        _ => Err(unsupported("limits other than 0 and 6 are not a layer".to_owned())),
    }
}

/// Softmax at the end is a part of the loss.
pub(super) fn softmax(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    let read = node.outputs.first().map_or(0, |name| lowering.readers(name));
    let is_output = node.outputs.first().is_some_and(|name| lowering.is_output(name));
    if !is_output || read > 1 {
        return Err(unsupported("it is not the last node".to_owned()));
    }
    lowering.note(format!(
        "`{}` is left out: the outputs are the values before it, and the loss contains it",
        node.name
    ));
    lowering.set(node, input);
    Ok(())
}
