//! ResNet-20 for CIFAR (He et al. 2016, 6n + 2 with n = 3): basic blocks, batch norm, 1×1 convolution
//! shortcuts where the shape changes.

use super::Task;
use crate::network::{BiasBound, Builder, Network, NetworkError, NodeId};
use hwmodel::gemm::Convolution2d;

/// Channels of the three stages.
const STAGES: [usize; 3] = [16, 32, 64];
/// Basic blocks in each stage.
const BLOCKS: usize = 3;

pub(super) fn build(task: &Task) -> Result<Network, NetworkError> {
    let mut net = Builder::new("resnet20", task.input, task.initialisation, BiasBound::Scale);
    let image = net.image();
    let mut x = normalised(&mut net, "conv1", image, STAGES[0], Convolution2d::square(3, 1, 1))?;
    x = net.relu(x)?;
    for (stage, channels) in STAGES.into_iter().enumerate() {
        for block in 0..BLOCKS {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = basic_block(&mut net, &format!("stage{}.{block}", stage + 1), x, channels, stride)?;
        }
    }
    x = net.global_average_pool(x)?;
    net.linear("fc", x, task.classes)?;
    net.finish()
}

fn basic_block(
    net: &mut Builder,
    name: &str,
    input: NodeId,
    channels: usize,
    stride: usize,
) -> Result<NodeId, NetworkError> {
    let first = Convolution2d::square(3, stride, 1);
    let mut x = normalised(net, &format!("{name}.conv1"), input, channels, first)?;
    x = net.relu(x)?;
    x = normalised(net, &format!("{name}.conv2"), x, channels, Convolution2d::square(3, 1, 1))?;
    let shortcut = if stride > 1 || net.shape(input)[2] != channels {
        let geometry = Convolution2d::square(1, stride, 0);
        normalised(net, &format!("{name}.shortcut"), input, channels, geometry)?
    } else {
        input
    };
    x = net.sum(x, shortcut)?;
    net.relu(x)
}

/// A convolution without bias and its batch norm.
fn normalised(
    net: &mut Builder,
    name: &str,
    input: NodeId,
    channels: usize,
    geometry: Convolution2d,
) -> Result<NodeId, NetworkError> {
    let x = net.convolution(name, input, channels, geometry, false)?;
    net.batch_norm(&format!("{name}.norm"), x)
}
