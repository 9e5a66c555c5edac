//! VGG-13: column B of the paper's table 1.

use super::{Task, vgg};
use crate::network::{Builder, NetworkError};

/// Convolutions of each stage.
const CONVOLUTIONS: [usize; 5] = [2, 2, 2, 2, 2];

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    vgg::build("vgg13", task, CONVOLUTIONS)
}
