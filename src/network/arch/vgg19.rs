//! VGG-19: column E of the paper's table 1.

use super::{Task, vgg};
use crate::network::{Builder, NetworkError};

/// Convolutions of each stage.
const CONVOLUTIONS: [usize; 5] = [2, 2, 4, 4, 4];

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    vgg::build("vgg19", task, CONVOLUTIONS)
}
