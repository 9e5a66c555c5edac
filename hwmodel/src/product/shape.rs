//! Kind and dimensions of a matrix product.

use serde::{Deserialize, Serialize};

/// Which product of a layer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum GemmKind {
    /// Activations from inputs and weights.
    #[default]
    Forward,
    /// The gradient with respect to the layer's inputs.
    GradInput,
    /// The gradient with respect to the layer's weights.
    GradWeight,
}

/// The dimensions of `O[M,N] = I[M,K]·W[K,N]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GemmShape {
    /// Rows of I and O; for a convolution batch · output height · output width.
    pub m: u64,
    /// Columns of W and O; for a convolution the output channels.
    pub n: u64,
    /// Columns of I, rows of W; for a convolution the elements under the kernel.
    pub k: u64,
}

impl GemmShape {
    /// M·N·K; `None` beyond u64.
    pub fn macs(&self) -> Option<u64> {
        if self.m == 0 || self.n == 0 || self.k == 0 {
            return Some(0);
        }
        self.m.checked_mul(self.n)?.checked_mul(self.k)
    }
}

/// The product of `factors`; `None` beyond 64 bits.
pub(super) fn checked_product(factors: &[u64]) -> Option<u64> {
    factors.iter().try_fold(1u64, |product, &factor| product.checked_mul(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_beyond_64_bits_have_no_count() {
        assert_eq!(checked_product(&[1 << 32, 1 << 31]), Some(1 << 63));
        assert_eq!(checked_product(&[1 << 32, 1 << 32]), None);
        assert_eq!(GemmShape { m: 1 << 32, n: 1 << 32, k: 0 }.macs(), Some(0));
        assert_eq!(GemmShape { m: 1 << 32, n: 1 << 32, k: 1 }.macs(), None);
    }
}
