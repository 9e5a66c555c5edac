//! Vector-unit operations of a positional embedding.

use super::operations::VectorOperations;

/// Per element: the sum, in float32 for any formats, since table and tokens have no common scale. The
/// gradient passes through.
pub const OPERATIONS: VectorOperations = VectorOperations::new(1, 0);
