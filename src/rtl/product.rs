//! What the circuit computes.

use hwmodel::elementwise::ChannelScale;
use hwmodel::random::RandomAddress;
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, Rounding};

/// Matrix products C [m, n] = A [m, k] · B [k, n], one a group, with one accumulator and requantiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C of one group.
    pub n: usize,
    /// Terms of a sum.
    pub k: usize,
    /// A of each group, `[m, k]`.
    pub a: Vec<FixedTensor>,
    /// B of each group, `[k, n]`.
    pub b: Vec<FixedTensor>,
    /// Bias of the columns of all groups, `[groups · n]`.
    pub bias: Option<FixedTensor>,
    /// The accumulator; its field `bias` says when the bias is added.
    pub accumulator: Accumulator,
    /// What becomes of a sum.
    pub output: OutputStage,
}

/// Accumulator to word.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputStage {
    /// Format of the word.
    pub format: Format,
    /// Rounding of what is shifted out.
    pub rounding: Rounding,
    /// What a value outside the word becomes.
    pub overflow: Overflow,
    /// Multiplier, shift and offset of each column of all groups; without them a sum is shifted to the word's fractional length.
    pub scales: Option<Vec<ChannelScale>>,
    /// Random numbers of stochastic rounding: element i of C `[m, groups · n]` takes number i.
    pub address: RandomAddress,
}

impl Product {
    /// Number of products.
    pub fn groups(&self) -> usize {
        self.a.len()
    }

    /// Columns of all groups.
    pub fn columns(&self) -> usize {
        self.groups() * self.n
    }

    /// Format of A.
    pub fn a_format(&self) -> Format {
        self.a[0].format()
    }

    /// Format of B.
    pub fn b_format(&self) -> Format {
        self.b[0].format()
    }

    /// Fractional length of the products, FLa + FLb.
    pub fn product_fl(&self) -> i32 {
        self.a_format().fl() + self.b_format().fl()
    }

    /// Bits by which a column's sum is shifted to the right before it is rounded; negative: to the left.
    pub fn shift(&self, column: usize) -> i32 {
        match &self.output.scales {
            Some(scales) => i32::try_from(scales[column].shift()).unwrap_or(i32::MAX),
            None => self.product_fl() - self.output.format.fl(),
        }
    }
}
