//! Products of affine words on the MAC array: Σ (a - za)·(b - zb) in int32, which wraps.
//!
//! The array multiplies raw words, as circuits do, and the zero points are corrected with sums of rows and columns:
//!
//! ```text
//! Σ (a - za)(b - zb) = Σ a·b - za Σ b - zb Σ a + K·za·zb
//! ```
//!
//! All of it is modulo 2^32, so that the result is the one of ONNX's int32 whatever the array's sums are. Unsigned words enter
//! with their highest bit inverted, word and zero point less by 2^(bits - 1), which leaves every difference as it is and
//! lets 8 bits be 8-bit operands of the array (a difference has 9, and runs on 16-bit operands).

mod convolution;
mod matrix;
mod operand;

pub use convolution::{Window, convolve};
pub use matrix::{linear, matmul};
pub use operand::Words;

use super::requantise::{RequantiseRule, Scales};
use super::{AffineError, WordRange};
use crate::array::{MacArray, MacReport, Product, Sums};
use crate::cast::low;
use crate::number::accumulator::InnerAccumulator;
use crate::{Accumulator, AccumulatorWidth, BitWidth, Format, Overflow, RawData, SimdLevel};
use operand::Operand;
use std::num::NonZeroU32;

/// How the products of a sum are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Adder {
    /// As the array adds them; exact unless its accumulator overflows.
    #[default]
    Array,
    /// x86 with AVX2 and without VNNI (`vpmaddubsw`): neighbouring products of raw words are added in 16 bits with saturation,
    /// Σ sat16(a₂ᵢ·b₂ᵢ + a₂ᵢ₊₁·b₂ᵢ₊₁), an odd last product alone; these sums are added in int32.
    SaturatedPairs,
}

impl Adder {
    /// How ONNX Runtime 1.32.0 adds in MatMulInteger, QLinearMatMul and QLinearConv on x86 with AVX2 and without VNNI: only
    /// unsigned by signed bytes are added in saturated pairs. ConvInteger, [depthwise](Window::is_depthwise) convolutions,
    /// other types and other CPUs are exact.
    pub fn without_vnni(left: Format, right: Format) -> Self {
        let bytes = left.wl() == 8 && right.wl() == 8;
        match bytes && !left.is_signed() && right.is_signed() {
            true => Self::SaturatedPairs,
            false => Self::Array,
        }
    }

    /// The words that enter the array.
    fn operand<'a>(self, words: Words<'a>) -> Result<Operand<'a>, AffineError> {
        match self {
            Self::Array => words.signed(),
            Self::SaturatedPairs => Ok(words.unchanged()),
        }
    }

    /// The array that adds them.
    fn on(self, array: &MacArray) -> MacArray {
        match self {
            Self::Array => *array,
            Self::SaturatedPairs => MacArray { accumulator: SATURATED_PAIRS, ..*array },
        }
    }
}

/// Two products in 16 bits with saturation, their sums in 32 bits.
const SATURATED_PAIRS: Accumulator = Accumulator {
    inner: Some(InnerAccumulator {
        terms: NonZeroU32::MIN.saturating_add(1),
        width: bits(16),
        overflow: Overflow::Saturate,
    }),
    ..Accumulator::new(bits(32), Overflow::Wrap)
};

const fn bits(bits: u32) -> AccumulatorWidth {
    match BitWidth::new(bits) {
        Ok(bits) => AccumulatorWidth::Bits(bits),
        Err(_) => AccumulatorWidth::Exact,
    }
}

/// The sums of a product, row-major, modulo 2^32.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerSums {
    sums: Vec<i32>,
    columns: usize,
    /// `[oh, ow]` of a convolution, else `[rows, 1]`.
    pixels: [usize; 2],
    report: MacReport,
}

impl IntegerSums {
    /// Rows: of a matrix product M, of a convolution the output pixels (n, y, x).
    pub fn rows(&self) -> usize {
        self.sums.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Columns: of a matrix product N, of a convolution the output channels.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Height and width of the output of a convolution; of a matrix product its rows and 1.
    pub fn pixels(&self) -> [usize; 2] {
        self.pixels
    }

    /// The sums, row-major.
    pub fn sums(&self) -> &[i32] {
        &self.sums
    }

    /// What the array counted: products of raw words, events of its accumulator.
    pub fn report(&self) -> MacReport {
        self.report
    }

    /// Adds `bias` (one value a column, with the scale of the sums) to every row, modulo 2^32.
    ///
    /// # Errors
    /// If the bias does not have one value a column.
    pub fn add_bias(&mut self, bias: &[i32]) -> Result<(), AffineError> {
        if bias.len() != self.columns {
            return Err(AffineError::Count {
                what: "bias values",
                given: bias.len(),
                needed: self.columns,
                why: "one for each output channel",
            });
        }
        for row in self.sums.chunks_exact_mut(self.columns.max(1)) {
            row.iter_mut().zip(bias).for_each(|(sum, &bias)| *sum = sum.wrapping_add(bias));
        }
        Ok(())
    }

    /// The words of the sums, with scales for all columns or for each.
    ///
    /// # Errors
    /// As [`RequantiseRule::words`].
    pub fn requantised(
        &self,
        simd: SimdLevel,
        rule: RequantiseRule,
        scales: &[Scales],
        range: WordRange,
        format: Format,
    ) -> Result<RawData, AffineError> {
        if scales.len() != 1 && scales.len() != self.columns {
            return Err(AffineError::Count {
                what: "scales",
                given: scales.len(),
                needed: self.columns,
                why: "one for each output channel, or one for all",
            });
        }
        rule.words(simd, &self.sums, scales, range, format)
    }

    /// The array's sums of signed words, modulo 2^32.
    ///
    /// # Errors
    /// If the accumulator has its own fractional length.
    fn of_array(product: Product) -> Result<Self, AffineError> {
        if product.fl() != 0 {
            return Err(AffineError::Fraction(product.fl()));
        }
        let (columns, report) = (product.columns(), product.report());
        let pixels = [product.rows(), 1];
        let sums = match product.into_sums() {
            Sums::I32(sums) => sums,
            Sums::I64(sums) => sums.into_iter().map(low).collect(),
            Sums::I128(sums) => sums.into_iter().map(low).collect(),
        };
        Ok(Self { sums, columns, pixels, report })
    }

    /// Takes the zero points off: `rows` holds Σ a of every row for each group of columns, `columns` Σ b of every column.
    fn correct(
        &mut self,
        left: i32,
        right: &[i32],
        terms: usize,
        rows: Option<&RowSums>,
        columns: &[i32],
    ) {
        let terms: i32 = low(terms);
        let zero = |column: usize| right[column % right.len()];
        // Of every column alone.
        let fixed: Vec<i32> = (0..self.columns)
            .map(|column| {
                let of_left = left.wrapping_mul(columns[column]);
                left.wrapping_mul(zero(column)).wrapping_mul(terms).wrapping_sub(of_left)
            })
            .collect();
        for (row, sums) in self.sums.chunks_exact_mut(self.columns.max(1)).enumerate() {
            sums.iter_mut().zip(&fixed).for_each(|(sum, &fixed)| *sum = sum.wrapping_add(fixed));
            let Some(rows) = rows else { continue };
            let groups = &rows.sums[row * rows.groups..][..rows.groups];
            let width = self.columns / rows.groups;
            for (group, (sums, &of_row)) in sums.chunks_exact_mut(width).zip(groups).enumerate() {
                for (column, sum) in sums.iter_mut().enumerate() {
                    let of_right = zero(group * width + column).wrapping_mul(of_row);
                    *sum = sum.wrapping_sub(of_right);
                }
            }
        }
    }
}

/// Σ a of every row, for each group of columns, modulo 2^32.
struct RowSums {
    groups: usize,
    /// `[row, group]`.
    sums: Vec<i32>,
}

#[cfg(test)]
mod tests;
