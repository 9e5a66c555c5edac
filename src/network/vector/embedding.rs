//! Vector-unit operations of an embedding: rows are read without arithmetic, their gradients are added.

use super::operations::VectorOperations;

/// Per element of the output: nothing forward; backward the sum into the gradient of the token's row.
pub const OPERATIONS: VectorOperations = VectorOperations::new(0, 1);
