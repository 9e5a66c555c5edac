//! ResNet-20 for CIFAR (He et al. 2016, 6n + 2 with n = 3): basic blocks, batch norm, 1×1 convolution
//! shortcuts where the shape changes.

use super::Task;
use super::normalised::normalised;
use super::residual::{Block, stages};
use crate::network::{BiasBound, Builder, NetworkError};
use hwmodel::array::Convolution2d;

/// Channels and basic blocks of the three stages.
const STAGES: [(usize, usize); 3] = [(16, 3), (32, 3), (64, 3)];

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    let mut net = Builder::new("resnet20", task.input, task.initialisation, BiasBound::Scale);
    let (image, channels) = (net.image(), STAGES[0].0);
    let mut x = normalised(&mut net, "conv1", image, channels, Convolution2d::square(3, 1, 1))?;
    x = net.relu(x)?;
    x = stages(&mut net, x, Block::Basic, &STAGES)?;
    x = net.global_average_pool(x)?;
    net.linear("fc", x, task.classes)?;
    Ok(net)
}
