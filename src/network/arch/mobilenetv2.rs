//! MobileNetV2 (Sandler et al. 2018, table 2): inverted residuals with linear bottlenecks, whose 3×3
//! convolutions are depthwise.

use super::Task;
use super::normalised::normalised;
use crate::network::{BiasBound, Builder, NetworkError, NodeId};
use hwmodel::array::Convolution2d;

/// Expansion t, channels c, blocks n, stride s of the first block.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];
/// Channels of the first and of the last convolution.
const FIRST: usize = 32;
const LAST: usize = 1280;
const DROPOUT: f32 = 0.2;

/// For small images the first convolution and stage 2 have stride 1, and the blocks are those of the
/// usual CIFAR variant; dropout is left out.
pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    let bias = BiasBound::ReciprocalRootChannels;
    let mut net = Builder::new("mobilenetv2", task.input, task.initialisation, bias);
    let small = task.has_small_images();
    let (image, stride) = (net.image(), if small { 1 } else { 2 });
    let mut x = activated(&mut net, "conv1", image, FIRST, Convolution2d::square(3, stride, 1))?;
    for (index, (expansion, channels, blocks, stride)) in STAGES.into_iter().enumerate() {
        for block in 0..blocks {
            let first = block == 0 && !(small && index == 1);
            let stride = if first { stride } else { 1 };
            let name = format!("stage{}.{block}", index + 1);
            x = inverted_residual(&mut net, &name, x, small, [expansion, channels, stride])?;
        }
    }
    x = activated(&mut net, "conv2", x, LAST, Convolution2d::square(1, 1, 0))?;
    x = net.global_average_pool(x)?;
    if !small {
        x = net.dropout(x, DROPOUT)?;
    }
    net.linear("fc", x, task.classes)?;
    Ok(net)
}

/// Expansion, depthwise convolution, linear projection; the input is added where nothing changes its
/// shape. The CIFAR variant also expands by 1, and adds a projection of the input where only the
/// channels change.
fn inverted_residual(
    net: &mut Builder,
    name: &str,
    input: NodeId,
    small: bool,
    [expansion, channels, stride]: [usize; 3],
) -> Result<NodeId, NetworkError> {
    let one = Convolution2d::square(1, 1, 0);
    let inputs = net.shape(input)[2];
    let hidden = inputs * expansion;
    let mut x = input;
    if expansion > 1 || small {
        x = activated(net, &format!("{name}.expand"), x, hidden, one)?;
    }
    let depthwise = Convolution2d { groups: hidden, ..Convolution2d::square(3, stride, 1) };
    x = activated(net, &format!("{name}.depthwise"), x, hidden, depthwise)?;
    x = normalised(net, &format!("{name}.project"), x, channels, one)?;
    if stride > 1 || (inputs != channels && !small) {
        return Ok(x);
    }
    let shortcut = if inputs == channels {
        input
    } else {
        normalised(net, &format!("{name}.shortcut"), input, channels, one)?
    };
    net.sum(x, shortcut)
}

/// Convolution, batch norm, ReLU6.
fn activated(
    net: &mut Builder,
    name: &str,
    input: NodeId,
    channels: usize,
    geometry: Convolution2d,
) -> Result<NodeId, NetworkError> {
    let x = normalised(net, name, input, channels, geometry)?;
    net.relu6(x)
}
