//! What the addition of two branches costs.

use super::operations::VectorOperations;

/// Per element: one sum in float32; integers are added on the array's results, at no charge. Gradients pass
/// through.
pub const fn operations(float32: bool) -> VectorOperations {
    if float32 { VectorOperations::new(1, 0) } else { VectorOperations::NONE }
}
