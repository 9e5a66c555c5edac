//! VGG-11: column A of the paper's table 1.

use super::{Task, vgg};
use crate::network::{Builder, NetworkError};

/// Convolutions of each stage.
const CONVOLUTIONS: [usize; 5] = [1, 1, 2, 2, 2];

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    vgg::build("vgg11", task, CONVOLUTIONS)
}
