//! A convolution and its batch norm.

use crate::network::{Builder, NetworkError, NodeId};
use hwmodel::array::Convolution2d;

/// A convolution `name` without bias and the batch norm `name.norm`.
pub(super) fn normalised(
    net: &mut Builder,
    name: &str,
    input: NodeId,
    channels: usize,
    geometry: Convolution2d,
) -> Result<NodeId, NetworkError> {
    let x = net.convolution(name, input, channels, geometry, false)?;
    net.batch_norm(&format!("{name}.norm"), x)
}

/// [`normalised`] followed by ReLU.
pub(super) fn rectified(
    net: &mut Builder,
    name: &str,
    input: NodeId,
    channels: usize,
    geometry: Convolution2d,
) -> Result<NodeId, NetworkError> {
    let x = normalised(net, name, input, channels, geometry)?;
    net.relu(x)
}
