//! AlexNet for images of 224×224 in one column (Krizhevsky 2014, "One weird trick for parallelizing
//! convolutional neural networks"), as torchvision and MuPPET have it (papers/muppet.md section 4): no
//! groups, no local response normalisation.

use super::Task;
use crate::network::{BiasBound, Builder, NetworkError};
use hwmodel::array::Convolution2d;

/// Filters, kernel, stride, padding, and whether a max pool follows.
const CONVOLUTIONS: [(usize, usize, usize, usize, bool); 5] = [
    (64, 11, 4, 2, true),
    (192, 5, 1, 2, true),
    (384, 3, 1, 1, false),
    (256, 3, 1, 1, false),
    (256, 3, 1, 1, true),
];
/// Units of the two hidden linear layers.
const HIDDEN: usize = 4096;
const DROPOUT: f32 = 0.5;

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    let bias = BiasBound::ReciprocalRootChannels;
    let mut net = Builder::new("alexnet-imagenet", task.input, task.initialisation, bias);
    let mut x = net.image();
    for (index, (filters, kernel, stride, padding, pool)) in CONVOLUTIONS.into_iter().enumerate() {
        let geometry = Convolution2d::square(kernel, stride, padding);
        x = net.convolution(&format!("conv{}", index + 1), x, filters, geometry, true)?;
        x = net.relu(x)?;
        if pool {
            x = net.max_pool(x, 3, 2)?;
        }
    }
    x = net.flatten(x)?;
    for name in ["fc1", "fc2"] {
        x = net.dropout(x, DROPOUT)?;
        x = net.linear(name, x, HIDDEN)?;
        x = net.relu(x)?;
    }
    net.linear("fc3", x, task.classes)?;
    Ok(net)
}
