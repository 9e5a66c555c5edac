//! The CIFAR AlexNet that the MuPPET and AdaPT papers train: five convolutions, three 2×2 max pools,
//! one linear layer.

use super::Task;
use crate::network::{BiasBound, Builder, NetworkError};
use hwmodel::array::Convolution2d;

/// Filters, kernel, stride, padding, and whether a max pool follows.
const CONVOLUTIONS: [(usize, usize, usize, usize, bool); 5] = [
    (64, 11, 4, 5, true),
    (192, 5, 1, 2, true),
    (384, 3, 1, 1, false),
    (256, 3, 1, 1, false),
    (256, 3, 1, 1, true),
];

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    let bias = BiasBound::ReciprocalRootChannels;
    let mut net = Builder::new("alexnet", task.input, task.initialisation, bias);
    let mut x = net.image();
    for (index, (filters, kernel, stride, padding, pool)) in CONVOLUTIONS.into_iter().enumerate() {
        let geometry = Convolution2d::square(kernel, stride, padding);
        x = net.convolution(&format!("conv{}", index + 1), x, filters, geometry, true)?;
        x = net.relu(x)?;
        if pool {
            x = net.max_pool(x, 2, 2)?;
        }
    }
    x = net.flatten(x)?;
    net.linear("fc", x, task.classes)?;
    Ok(net)
}
