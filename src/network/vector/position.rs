//! What the addition of a table of positions costs.

use super::operations::VectorOperations;

/// Per element: the sum, in float32 whatever the formats, since table and tokens have no common scale. The
/// gradient passes through.
pub const OPERATIONS: VectorOperations = VectorOperations::new(1, 0);
