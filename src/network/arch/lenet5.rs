//! LeNet-5 (LeCun et al. 1998) with ReLU, max pooling and full connections, for 32×32 images.

use super::Task;
use crate::network::{BiasBound, Builder, NetworkError};
use hwmodel::array::Convolution2d;

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    let mut net = Builder::new("lenet5", task.input, task.initialisation, BiasBound::Scale);
    let mut x = net.image();
    for (name, filters) in [("conv1", 6), ("conv2", 16)] {
        x = net.convolution(name, x, filters, Convolution2d::square(5, 1, 0), true)?;
        x = net.relu(x)?;
        x = net.max_pool(x, 2, 2)?;
    }
    x = net.flatten(x)?;
    for (name, outputs) in [("fc1", 120), ("fc2", 84)] {
        x = net.linear(name, x, outputs)?;
        x = net.relu(x)?;
    }
    net.linear("fc3", x, task.classes)?;
    Ok(net)
}
