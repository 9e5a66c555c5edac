//! The matrix product that a layer is on the array, and the two of its gradients.

use hwmodel::timing::{ByOperand, GemmKind, GemmShape};

/// One or more equal products on the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// Which product of the layer.
    pub kind: GemmKind,
    /// Shape of one product.
    pub shape: GemmShape,
    /// Number of products of that shape: groups of a convolution, heads of an attention.
    pub groups: u64,
    /// Distinct tensor elements that one product reads or writes; the input of a convolution has fewer
    /// than M·K, since windows overlap.
    pub elements: ByOperand<u64>,
    /// Elements of the whole tensor that the left operand is part of: windows may leave some out, but a
    /// gradient is written for each.
    pub input_tensor: u64,
}

impl Product {
    /// M·N·K over all groups; `None` beyond 64 bits.
    pub fn macs(&self) -> Option<u64> {
        self.shape.macs()?.checked_mul(self.groups)
    }

    /// dX = dY·Wᵀ of a forward product Y = X·W: M rows of dX from N terms.
    #[must_use]
    pub fn grad_input(&self) -> Self {
        let GemmShape { m, n, k } = self.shape;
        let ByOperand { weight: w, output: y, .. } = self.elements;
        let dx = self.input_tensor;
        Self {
            kind: GemmKind::GradInput,
            shape: GemmShape { m, n: k, k: n },
            elements: ByOperand { input: y, weight: w, output: dx },
            ..*self
        }
    }

    /// dWᵀ = dYᵀ·X of a forward product Y = X·W: a sum over the M rows of X.
    #[must_use]
    pub fn grad_weight(&self) -> Self {
        let GemmShape { m, n, k } = self.shape;
        let ByOperand { input: x, weight: w, output: y } = self.elements;
        Self {
            kind: GemmKind::GradWeight,
            shape: GemmShape { m: n, n: k, k: m },
            elements: ByOperand { input: y, weight: x, output: w },
            ..*self
        }
    }
}

/// The product of `factors`; `None` beyond 64 bits.
pub(super) fn product(factors: &[u64]) -> Option<u64> {
    factors.iter().try_fold(1u64, |product, &factor| product.checked_mul(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_have_the_same_macs_and_swap_operands() {
        let forward = Product {
            kind: GemmKind::Forward,
            shape: GemmShape { m: 100, n: 8, k: 27 },
            groups: 3,
            elements: ByOperand { input: 300, weight: 216, output: 800 },
            input_tensor: 400,
        };
        let (dx, dw) = (forward.grad_input(), forward.grad_weight());
        assert_eq!(dx.shape, GemmShape { m: 100, n: 27, k: 8 });
        assert_eq!(dw.shape, GemmShape { m: 8, n: 27, k: 100 });
        assert_eq!(dx.elements, ByOperand { input: 800, weight: 216, output: 400 });
        assert_eq!(dw.elements, ByOperand { input: 800, weight: 300, output: 216 });
        assert_eq!([forward, dx, dw].map(|product| product.macs()), [Some(64_800); 3]);
    }

    #[test]
    fn products_beyond_64_bits_have_no_count() {
        assert_eq!(product(&[1 << 32, 1 << 31]), Some(1 << 63));
        assert_eq!(product(&[1 << 32, 1 << 32]), None);
    }
}
