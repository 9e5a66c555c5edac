//! VGG-16: column D of the paper's table 1.

use super::{Task, vgg};
use crate::network::{Builder, NetworkError};

/// Convolutions of each stage.
const CONVOLUTIONS: [usize; 5] = [2, 2, 3, 3, 3];

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    vgg::build("vgg16", task, CONVOLUTIONS)
}
