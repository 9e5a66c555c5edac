//! The MAC array: exact integer products with an accumulator of stated width.
//!
//! C[m, n] = Σ_k A[m, k]·B[k, n] with exact products, added in ascending k. Where a bound proves that
//! no partial sum can leave the accumulator, the order of additions cannot matter and a fast kernel gives the
//! same bits; for the other outputs every addition is simulated. Results depend on operands, formats and
//! accumulator only: never on threads, SIMD level or how a batch is split.

mod bias;
mod definition;
mod exact;
mod gradients;
mod operands;
mod overflow;
mod product;
mod product_format;
mod requantise;
mod wide;
pub mod width;

use crate::cast::toward_zero;
pub use crate::convolution::{Convolution2d, ShapeError};
pub use definition::{StepState, TileState};
pub use product::{Product, Sums, SumsError};
pub use product_format::product_format;

use crate::kernels::SimdLevel;
use crate::number::accumulator::{Accumulator, AccumulatorWidth};
use crate::number::tensor::FixedTensor;
use exact::{Proof, SumContainer, stored};
use operands::{Operands, Order};
use overflow::Stepped;
use serde::{Deserialize, Serialize};

/// An array of multiply-accumulate units with exact operand widths.
///
/// ```
/// use hwmodel::array::MacArray;
/// use hwmodel::{Accumulator, FixedTensor, Format, SimdLevel};
/// let a = FixedTensor::from_raw(&[1, 2], Format::new(8, 4)?, &[16, 8])?;
/// let b = FixedTensor::from_raw(&[2, 1], Format::new(8, 2)?, &[4, -4])?;
/// let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
/// let product = array.matmul(&a, &b)?;
/// // 1.0 · 1.0 + 0.5 · -1.0 with 4 + 2 fractional bits.
/// assert_eq!((product.sums().get(0), product.fl()), (32, 6));
/// assert_eq!(product.report().macs, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacArray {
    /// Instructions that the simulation may use; never changes a result.
    pub simd: SimdLevel,
    /// The accumulator of every unit.
    pub accumulator: Accumulator,
}

/// Counts of one product: MACs, overflow events, stepped outputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MacReport {
    /// Multiply-accumulates, M·N·K; products with padding included.
    pub macs: u64,
    /// Those whose two operands are not zero.
    pub nonzero_macs: u64,
    /// Additions that overflowed the accumulator.
    pub accumulator_events: u64,
    /// Outputs for which no bound excludes an overflow, so that they were stepped addition by addition.
    pub stepped_outputs: u64,
}

impl std::ops::AddAssign for MacReport {
    fn add_assign(&mut self, other: Self) {
        self.macs += other.macs;
        self.nonzero_macs += other.nonzero_macs;
        self.accumulator_events += other.accumulator_events;
        self.stepped_outputs += other.stepped_outputs;
    }
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

    /// X `[n, k]` times the transpose of W `[o, k]`, as in a linear layer.
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
        if operands.are_wide() {
            return self.product_of_wide_words(operands);
        }
        self.proven_product(operands, &Proof::new(self, operands))
    }

    fn proven_product(&self, operands: &Operands<'_>, proof: &Proof) -> Product {
        let stride = operands.stride();
        let (sums, stepped) = match self.accumulator.width {
            AccumulatorWidth::Bits(bits) if !proof.excludes_overflow() => match proof.container() {
                SumContainer::I32 => {
                    let (sums, stepped) = self.product_with_overflow(operands, proof, bits);
                    (Sums::I32(sums), stepped)
                }
                _ => {
                    let (sums, stepped) = self.product_with_overflow(operands, proof, bits);
                    (Sums::I64(sums), stepped)
                }
            },
            _ => {
                let sums = match proof.container() {
                    SumContainer::I32 => Sums::I32(stored(operands, |sink| {
                        self.sums_i32(operands, proof, sink);
                    })),
                    SumContainer::I64 => Sums::I64(stored(operands, |sink| {
                        self.sums_i64(operands, proof, sink);
                    })),
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
            bound: toward_zero::<u128>(proof.bound),
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

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tile_tests;
