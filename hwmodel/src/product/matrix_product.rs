//! Sizes of a matrix product, and the gradient products that follow from them.

use super::shape::checked_product;
use super::{ByOperand, Gemm, GemmKind, GemmShape, LayerProducts, SizeError};

/// What the right operand of a product is: it decides what a larger batch means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightOperand {
    /// Weights, the same for every sample: a batch adds rows.
    Weight,
    /// Activations, others for every sample: a batch adds products.
    Activation,
}

/// `batch` products `O[m,n] = I[m,k]·W[k,n]` for one sample of the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixProduct {
    /// Rows of I and O.
    pub m: u64,
    /// Columns of W and O.
    pub n: u64,
    /// Columns of I, rows of W.
    pub k: u64,
    /// Products of that shape, each with its own right operand: heads of an attention, else 1.
    pub batch: u64,
    /// What W is.
    pub right: RightOperand,
    /// Whether the results leave as 32-bit words for the vector unit, also in fixed point: the scores of an attention.
    pub wide_result: bool,
}

impl MatrixProduct {
    /// A linear layer of `m` rows, `k` inputs and `n` outputs.
    pub fn linear(m: u64, n: u64, k: u64) -> Self {
        Self { m, n, k, batch: 1, right: RightOperand::Weight, wide_result: false }
    }

    /// `heads` products of two activations.
    pub fn attention(m: u64, n: u64, k: u64, heads: u64) -> Self {
        Self { m, n, k, batch: heads, right: RightOperand::Activation, wide_result: false }
    }

    /// The scores of `heads` heads: `length` queries by as many keys of `columns` columns.
    pub fn scores(length: u64, columns: u64, heads: u64) -> Self {
        Self { wide_result: true, ..Self::attention(length, length, columns, heads) }
    }

    /// The products of `batch` samples.
    ///
    /// # Errors
    /// If a count is beyond 64 bits.
    pub fn products(&self, batch: u64) -> Result<LayerProducts, SizeError> {
        let Self { m, n, k, .. } = *self;
        let large = || SizeError::TooLarge;
        let (m, groups) = match self.right {
            RightOperand::Weight => (checked_product(&[batch, m]).ok_or_else(large)?, self.batch),
            RightOperand::Activation => {
                (m, checked_product(&[batch, self.batch]).ok_or_else(large)?)
            }
        };
        let elements = ByOperand {
            input: checked_product(&[m, k]).ok_or_else(large)?,
            weight: checked_product(&[k, n]).ok_or_else(large)?,
            output: checked_product(&[m, n]).ok_or_else(large)?,
        };
        let (kind, shape) = (GemmKind::Forward, GemmShape { m, n, k });
        let forward = Gemm { kind, shape, groups, elements, formats: None };
        Ok(LayerProducts { forward, input_tensor: elements.input })
    }

    /// Elements of the weights; 0 for a product of activations.
    ///
    /// # Errors
    /// If the number is beyond 64 bits.
    pub fn weights(&self) -> Result<u64, SizeError> {
        match self.right {
            RightOperand::Activation => Ok(0),
            RightOperand::Weight => {
                checked_product(&[self.batch, self.k, self.n]).ok_or(SizeError::TooLarge)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_adds_rows_to_weights_and_products_to_activations() {
        let linear = MatrixProduct::linear(10, 20, 30);
        let product = linear.products(4).unwrap().forward;
        assert_eq!((product.shape, product.groups), (GemmShape { m: 40, n: 20, k: 30 }, 1));
        assert_eq!(linear.weights(), Ok(600));
        let attention = MatrixProduct::attention(10, 10, 64, 12);
        let product = attention.products(4).unwrap().forward;
        assert_eq!((product.shape, product.groups), (GemmShape { m: 10, n: 10, k: 64 }, 48));
        assert_eq!(product.elements, ByOperand { input: 640, weight: 640, output: 100 });
        assert_eq!(attention.weights(), Ok(0));
    }
}
