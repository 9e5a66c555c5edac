//! What an embedding costs: rows of a table are read without arithmetic, their gradients are added up.

use super::operations::VectorOperations;

/// Per element of the output: nothing forward; backward the sum into the gradient of the token's row.
pub const OPERATIONS: VectorOperations = VectorOperations::new(0, 1);
