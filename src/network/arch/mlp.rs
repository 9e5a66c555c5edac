//! A multilayer perceptron with two hidden layers of 256 and 128 units.

use super::Task;
use crate::network::{BiasBound, Builder, NetworkError};

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    let bias = BiasBound::ReciprocalRootChannels;
    let mut net = Builder::new("mlp", task.input, task.initialisation, bias);
    let image = net.image();
    let mut x = net.flatten(image)?;
    for (name, outputs) in [("fc1", 256), ("fc2", 128)] {
        x = net.linear(name, x, outputs)?;
        x = net.relu(x)?;
    }
    net.linear("fc3", x, task.classes)?;
    Ok(net)
}
