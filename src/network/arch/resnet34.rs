//! ResNet-34 (He et al. 2016, table 1): four stages of basic blocks.

use super::Task;
use super::residual::{Block, four_stages};
use crate::network::{Builder, NetworkError};

/// Blocks of each stage.
const BLOCKS: [usize; 4] = [3, 4, 6, 3];

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    four_stages("resnet34", task, Block::Basic, BLOCKS)
}
