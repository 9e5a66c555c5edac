//! The networks of Simonyan and Zisserman (2015, "Very deep convolutional networks for large-scale image
//! recognition", table 1): five stages of 3×3 convolutions, each followed by a 2×2 max pool.

use super::Task;
use crate::network::{BiasBound, Builder, NetworkError};
use hwmodel::array::Convolution2d;

/// Filters of the convolutions of each stage.
const FILTERS: [usize; 5] = [64, 128, 256, 512, 512];
/// Units of the two hidden linear layers.
const HIDDEN: usize = 4096;
const DROPOUT: f32 = 0.5;

/// A network of `convolutions` in each stage. For large images as published: no batch norm, two hidden
/// linear layers with dropout after each. For small ones the usual CIFAR variant: batch norm after every
/// convolution, and one linear layer on the mean over the last pixels (just one for 32×32).
pub(super) fn build(
    name: &str,
    task: &Task,
    convolutions: [usize; 5],
) -> Result<Builder, NetworkError> {
    let bias = BiasBound::ReciprocalRootChannels;
    let mut net = Builder::new(name, task.input, task.initialisation, bias);
    let small = task.has_small_images();
    let mut x = net.image();
    for (stage, (filters, convolutions)) in FILTERS.into_iter().zip(convolutions).enumerate() {
        for index in 0..convolutions {
            let name = format!("conv{}.{}", stage + 1, index + 1);
            x = net.convolution(&name, x, filters, Convolution2d::square(3, 1, 1), true)?;
            if small {
                x = net.batch_norm(&format!("{name}.norm"), x)?;
            }
            x = net.relu(x)?;
        }
        x = net.max_pool(x, 2, 2)?;
    }
    if small {
        x = net.global_average_pool(x)?;
        net.linear("fc", x, task.classes)?;
        return Ok(net);
    }
    x = net.flatten(x)?;
    for name in ["fc1", "fc2"] {
        x = net.linear(name, x, HIDDEN)?;
        x = net.relu(x)?;
        x = net.dropout(x, DROPOUT)?;
    }
    net.linear("fc3", x, task.classes)?;
    Ok(net)
}
