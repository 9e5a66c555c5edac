//! Vector-unit operations per element; each operation states its own next to its arithmetic.

/// Float32 operations of the vector unit per element; an elementary function (exp, erf, a division) is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorOperations {
    /// In the forward pass.
    pub forward: u64,
    /// In the backward pass.
    pub backward: u64,
}

impl VectorOperations {
    /// No operation: integer work on the array's results, or elements that only move.
    pub const NONE: Self = Self::new(0, 0);

    /// `forward` and `backward` operations.
    pub const fn new(forward: u64, backward: u64) -> Self {
        Self { forward, backward }
    }

    /// Operations of the forward pass on `elements` elements.
    pub fn forward_on(self, elements: usize) -> u64 {
        self.forward * elements as u64
    }

    /// Operations of the backward pass on `elements` elements.
    pub fn backward_on(self, elements: usize) -> u64 {
        self.backward * elements as u64
    }
}
