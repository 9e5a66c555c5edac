//! The MAC array: exact integer products with an accumulator of stated width.
//!
//! C[m, n] = Σ_k A[m, k]·B[k, n] with exact products, added in ascending k. Where a bound proves that
//! no partial sum can leave the accumulator, addition order cannot matter and a fast kernel gives the
//! bits; the other outputs are stepped addition by addition. Results depend on operands, formats and
//! accumulator only: never on threads, SIMD level or how a batch is split.

pub mod accumulator;
mod bias;
mod bound;
mod by_pixels;
mod depthwise;
mod digit_rows;
mod digits;
mod frame;
mod geometry;
mod gradients;
mod inside;
mod lanes;
mod limb_rows;
mod operand;
mod operands;
mod panels;
mod planes;
mod product;
mod proof;
mod requantised;
mod right;
mod stepped;
mod stepping;
mod sums;
mod uncleared;
mod wide_rows;
pub mod width;

pub use geometry::{Convolution2d, ShapeError};
pub use product::{Product, Sums, SumsError};
pub use stepped::{StepState, TileState};

pub(crate) use depthwise::{Windows, by_terms};
pub(crate) use frame::{Output, SPLIT, by_columns, by_rows, rows_block};
pub(crate) use inside::{by_kernel_places, by_places, places_pay};
pub(crate) use operand::Patches;
pub(crate) use panels::Panels;
pub(crate) use right::Right;

use crate::array::accumulator::{Accumulator, AccumulatorWidth};
use crate::kernels::SimdLevel;
use crate::number::tensor::FixedTensor;
use operands::{Operands, Order};
use proof::{Proof, SumContainer};
use serde::{Deserialize, Serialize};
use stepping::Stepped;

/// An array of multiply-accumulate units with exact operand widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacArray {
    /// Instructions that the simulation may use; never changes a result.
    pub simd: SimdLevel,
    /// The accumulator of every unit.
    pub accumulator: Accumulator,
}

/// What the array did for one product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MacReport {
    /// Multiply-accumulates, M·N·K; products with padding included.
    pub macs: u64,
    /// Those whose two operands are not zero.
    pub nonzero_macs: u64,
    /// Additions that left the accumulator's range.
    pub accumulator_events: u64,
    /// Outputs that no bound cleared, so that they were stepped addition by addition.
    pub stepped_outputs: u64,
}

impl MacArray {
    /// A `[m, k]` times B `[k, n]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn matmul(&self, a: &FixedTensor, b: &FixedTensor) -> Result<Product, ShapeError> {
        let ([m, k], [inner, n]) = (matrix(a, b, a)?, matrix(a, b, b)?);
        if k != inner {
            return Err(inner_error(a, b));
        }
        Ok(self.product(&Operands::matrices(a, b, Order::ByK, [m, k, n])))
    }

    /// X `[n, k]` times the transpose of W `[o, k]`, as a linear layer has it.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn linear(&self, x: &FixedTensor, w: &FixedTensor) -> Result<Product, ShapeError> {
        let ([m, k], [n, inner]) = (matrix(x, w, x)?, matrix(x, w, w)?);
        if k != inner {
            return Err(inner_error(x, w));
        }
        Ok(self.product(&Operands::matrices(x, w, Order::ByN, [m, k, n])))
    }

    /// X `[n, h, w, c]` convolved (cross-correlated) with W `[o, kh, kw, c / groups]`; rows of the
    /// product are output pixels (n, y, x), columns output channels.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn convolve(
        &self,
        x: &FixedTensor,
        w: &FixedTensor,
        geometry: Convolution2d,
    ) -> Result<Product, ShapeError> {
        Ok(self.product(&self.convolution(x, w, geometry)?))
    }

    fn convolution<'a>(
        &self,
        x: &'a FixedTensor,
        w: &'a FixedTensor,
        geometry: Convolution2d,
    ) -> Result<Operands<'a>, ShapeError> {
        let (input, weights, output) = geometry.check(x.shape(), w.shape())?;
        Ok(Operands {
            left: x,
            right: w,
            order: Order::ByN,
            input,
            geometry,
            output,
            columns: weights[0] / geometry.groups,
            terms: weights[1] * weights[2] * weights[3],
        })
    }

    fn product(&self, operands: &Operands<'_>) -> Product {
        self.proven_product(operands, &Proof::new(self, operands))
    }

    fn proven_product(&self, operands: &Operands<'_>, proof: &Proof) -> Product {
        let stride = operands.stride();
        let (sums, stepped) = match self.accumulator.width {
            AccumulatorWidth::Bits(bits) if !proof.clears_all() => match proof.container() {
                SumContainer::I32 => {
                    let (sums, stepped) = self.uncleared_product(operands, proof, bits);
                    (Sums::I32(sums), stepped)
                }
                _ => {
                    let (sums, stepped) = self.uncleared_product(operands, proof, bits);
                    (Sums::I64(sums), stepped)
                }
            },
            _ => {
                let depthwise = operands.is_depthwise();
                let sums = match proof.container() {
                    SumContainer::I32 if depthwise => Sums::I32(self.depthwise_sums(operands)),
                    SumContainer::I64 if depthwise => Sums::I64(self.depthwise_sums(operands)),
                    SumContainer::I32 => Sums::I32(self.sums_i32(operands, proof)),
                    SumContainer::I64 => Sums::I64(self.wrapping_sums(operands, proof)),
                    SumContainer::I128 => Sums::I128(self.sums_i128(operands, proof)),
                };
                (sums, Stepped::default())
            }
        };
        Product {
            rows: operands.rows(),
            columns: stride,
            terms: operands.terms,
            fl: operands.left.format().fl() + operands.right.format().fl(),
            accumulator: self.accumulator,
            sums,
            bound: proof.bound as u128,
            report: MacReport {
                accumulator_events: stepped.events,
                stepped_outputs: stepped.outputs,
                ..operands.report(self.simd)
            },
        }
    }
}

fn matrix(a: &FixedTensor, b: &FixedTensor, of: &FixedTensor) -> Result<[usize; 2], ShapeError> {
    of.shape().try_into().map_err(|_| inner_error(a, b))
}

fn inner_error(a: &FixedTensor, b: &FixedTensor) -> ShapeError {
    ShapeError::Inner { left: a.shape().to_vec(), right: b.shape().to_vec() }
}

impl Sums {
    /// Number of sums.
    pub fn len(&self) -> usize {
        match self {
            Self::I32(sums) => sums.len(),
            Self::I64(sums) => sums.len(),
            Self::I128(sums) => sums.len(),
        }
    }

    /// Whether there are no sums.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sum at `index`.
    ///
    /// # Panics
    /// If `index` is not below the length.
    pub fn get(&self, index: usize) -> i128 {
        match self {
            Self::I32(sums) => sums[index].into(),
            Self::I64(sums) => sums[index].into(),
            Self::I128(sums) => sums[index],
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tile_tests;
