//! Residual networks (He et al. 2016, "Deep residual learning for image recognition"): blocks, stages and
//! the four-stage networks of their table 1.

use super::Task;
use super::normalised::{normalised, rectified};
use crate::network::{BiasBound, Builder, NetworkError, NodeId};
use hwmodel::array::Convolution2d;
use hwmodel::elementwise::PoolWindow;

/// Kind of residual block.
#[derive(Clone, Copy)]
pub(super) enum Block {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3 and 1×1 convolutions, the last with four times the channels. The stride is in the 3×3
    /// convolution, as in torchvision.
    Bottleneck,
}

/// Channels of a bottleneck's result over those of its 3×3 convolution.
const EXPANSION: usize = 4;

/// Channels of the four stages.
const CHANNELS: [usize; 4] = [64, 128, 256, 512];

/// A network of four stages of `blocks` blocks: a 7×7 convolution with stride 2 and a 3×3 max pool with
/// stride 2 before them, or for small images one 3×3 convolution with stride 1.
pub(super) fn four_stages(
    name: &str,
    task: &Task,
    block: Block,
    blocks: [usize; 4],
) -> Result<Builder, NetworkError> {
    let mut net = Builder::new(name, task.input, task.initialisation, BiasBound::Scale);
    let (image, channels) = (net.image(), CHANNELS[0]);
    let mut x = if task.has_small_images() {
        rectified(&mut net, "conv1", image, channels, Convolution2d::square(3, 1, 1))?
    } else {
        let x = rectified(&mut net, "conv1", image, channels, Convolution2d::square(7, 2, 3))?;
        net.max_pool_of(x, PoolWindow::square(3, 2, 1))?
    };
    let sizes: Vec<(usize, usize)> = CHANNELS.into_iter().zip(blocks).collect();
    x = stages(&mut net, x, block, &sizes)?;
    x = net.global_average_pool(x)?;
    net.linear("fc", x, task.classes)?;
    Ok(net)
}

/// Stages of (channels, blocks); the first block of every stage but the first has stride 2.
pub(super) fn stages(
    net: &mut Builder,
    mut x: NodeId,
    block: Block,
    stages: &[(usize, usize)],
) -> Result<NodeId, NetworkError> {
    for (stage, &(channels, blocks)) in stages.iter().enumerate() {
        for index in 0..blocks {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            x = residual(net, &format!("stage{}.{index}", stage + 1), x, block, channels, stride)?;
        }
    }
    Ok(x)
}

/// relu(F(x) + x), the shortcut a 1×1 convolution and batch norm where the shape changes.
fn residual(
    net: &mut Builder,
    name: &str,
    input: NodeId,
    block: Block,
    channels: usize,
    stride: usize,
) -> Result<NodeId, NetworkError> {
    let conv = |number: usize| format!("{name}.conv{number}");
    let (one, three) = (Convolution2d::square(1, 1, 0), Convolution2d::square(3, 1, 1));
    let strided = Convolution2d { stride: [stride; 2], ..three };
    let (x, outputs) = match block {
        Block::Basic => {
            let x = rectified(net, &conv(1), input, channels, strided)?;
            (normalised(net, &conv(2), x, channels, three)?, channels)
        }
        Block::Bottleneck => {
            let outputs = EXPANSION * channels;
            let x = rectified(net, &conv(1), input, channels, one)?;
            let x = rectified(net, &conv(2), x, channels, strided)?;
            (normalised(net, &conv(3), x, outputs, one)?, outputs)
        }
    };
    let shortcut = if stride > 1 || net.shape(input)[2] != outputs {
        let geometry = Convolution2d::square(1, stride, 0);
        normalised(net, &format!("{name}.shortcut"), input, outputs, geometry)?
    } else {
        input
    };
    let x = net.sum(x, shortcut)?;
    net.relu(x)
}
