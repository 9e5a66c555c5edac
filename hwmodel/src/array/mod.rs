//! The MAC array: exact integer products with an accumulator of stated width.
//!
//! C[m, n] = Σ_k A[m, k]·B[k, n] with exact products, added in ascending k. Where a bound proves that
//! no partial sum can leave the accumulator, the order of additions cannot matter and a fast kernel gives the
//! same bits; for the other outputs every addition is simulated. Results depend on operands, formats and
//! accumulator only: never on threads, SIMD level or how a batch is split.

mod bias;
mod definition;
mod direct;
mod exact;
mod gradients;
mod initial;
mod operands;
mod overflow;
mod plan;
mod product;
mod product_format;
mod requantise;
mod wide;
pub mod width;

use crate::cast::toward_zero;
pub use crate::convolution::{Convolution2d, ShapeError};
pub use definition::{OutputStates, StepState, TileState};
pub use direct::{DirectFilters, DirectShape};
pub use product::{Product, Sums, SumsError};
pub use product_format::product_format;

use crate::kernels::SimdLevel;
use crate::number::accumulator::{Accumulator, AccumulatorEvents, AccumulatorWidth};
use crate::number::overflow::Overflow;
use crate::number::tensor::FixedTensor;
use exact::{Proof, SumContainer, stored};
use initial::Initial;
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
    /// Values that left the range of the accumulator, at any of its levels.
    pub accumulator_events: u64,
    /// The same by level.
    #[serde(default)]
    pub level_events: AccumulatorEvents,
    /// Outputs for which no bound excludes an overflow, so that they were stepped addition by addition.
    pub stepped_outputs: u64,
}

impl std::ops::AddAssign for MacReport {
    fn add_assign(&mut self, other: Self) {
        self.macs += other.macs;
        self.nonzero_macs += other.nonzero_macs;
        self.accumulator_events += other.accumulator_events;
        self.level_events += other.level_events;
        self.stepped_outputs += other.stepped_outputs;
    }
}

impl MacArray {
    /// A `[m, k]` times B `[k, n]`.
    ///
    /// # Errors
    /// If the shapes do not fit, or the accumulator's fractional length is impossible.
    pub fn matmul(&self, a: &FixedTensor, b: &FixedTensor) -> Result<Product, ShapeError> {
        let ([m, k], [inner, n]) = (matrix(a, b, a)?, matrix(a, b, b)?);
        if k != inner {
            return Err(inner_error(a, b));
        }
        self.product(&Operands::matrices(a, b, Order::ByK, [m, k, n]))
    }

    /// X `[n, k]` times the transpose of W `[o, k]`, as in a linear layer.
    ///
    /// # Errors
    /// If the shapes do not fit, or the accumulator's fractional length is impossible.
    pub fn linear(&self, x: &FixedTensor, w: &FixedTensor) -> Result<Product, ShapeError> {
        let ([m, k], [n, inner]) = (matrix(x, w, x)?, matrix(x, w, w)?);
        if k != inner {
            return Err(inner_error(x, w));
        }
        self.product(&Operands::matrices(x, w, Order::ByN, [m, k, n]))
    }

    /// X `[n, h, w, c]` convolved (cross-correlated) with W `[o, kh, kw, c / groups]`; rows of the
    /// product are output pixels (n, y, x), columns output channels.
    ///
    /// # Errors
    /// If the shapes do not fit, or the accumulator's fractional length is impossible.
    pub fn convolve(
        &self,
        x: &FixedTensor,
        w: &FixedTensor,
        geometry: Convolution2d,
    ) -> Result<Product, ShapeError> {
        self.product(&self.convolution(x, w, geometry)?)
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

    fn product(&self, operands: &Operands<'_>) -> Result<Product, ShapeError> {
        self.check(operands.product_fl())?;
        if operands.are_wide() {
            return Ok(self.product_by_definition(operands, &Initial::ZERO));
        }
        Ok(self.proven_product(operands, &Proof::new(self, operands, 0.0), &Initial::ZERO))
    }

    /// Checks that exact sums with the accumulator's own fractional length have few enough bits.
    fn check(&self, product_fl: i32) -> Result<(), ShapeError> {
        let Accumulator { width, fl, .. } = self.accumulator;
        let left = self.accumulator.shift(product_fl).saturating_neg();
        match fl {
            Some(fl) if width == AccumulatorWidth::Exact && left > MOST_LEFT => {
                Err(ShapeError::AccumulatorFraction { fl, product_fl, most: MOST_LEFT })
            }
            _ => Ok(()),
        }
    }

    fn proven_product(&self, operands: &Operands<'_>, proof: &Proof, initial: &Initial) -> Product {
        let plain = matches!(self.accumulator.overflow, Overflow::Wrap | Overflow::Saturate);
        let one_level = self.accumulator.is_one_level() && plain && initial.is_zero();
        let (sums, stepped, bound) = match self.accumulator.width {
            AccumulatorWidth::Bits(bits) if one_level && !proof.excludes_overflow() => {
                let (sums, stepped) = match proof.container() {
                    SumContainer::I32 => {
                        let (sums, stepped) = self.product_with_overflow(operands, proof, bits);
                        (Sums::I32(sums), stepped)
                    }
                    _ => {
                        let (sums, stepped) = self.product_with_overflow(operands, proof, bits);
                        (Sums::I64(sums), stepped)
                    }
                };
                (sums, stepped, toward_zero::<u128>(proof.bound))
            }
            _ if !proof.leaves_free(initial.largest()) => {
                self.stepped_levels(operands, proof, &initial.values)
            }
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
                let left = self.accumulator.shift(operands.product_fl()).min(0).unsigned_abs();
                let bound = toward_zero::<u128>(proof.bound);
                let (sums, bound) = initial.added(sums, bound, left);
                (sums, Stepped::default(), bound)
            }
        };
        self.summed(operands, initial, (sums, stepped, bound))
    }

    /// The product of these sums, of magnitudes up to the bound, and its report.
    fn summed(
        &self,
        operands: &Operands<'_>,
        initial: &Initial,
        (sums, stepped, bound): (Sums, Stepped, u128),
    ) -> Product {
        let events = stepped.events + initial.events(operands.rows());
        Product {
            rows: operands.rows(),
            columns: operands.stride(),
            terms: operands.terms,
            fl: self.accumulator.sum_fl(operands.product_fl()),
            accumulator: self.accumulator,
            sums,
            bound,
            report: MacReport {
                accumulator_events: events.total(),
                level_events: events,
                stepped_outputs: stepped.outputs,
                ..operands.report(self.simd)
            },
        }
    }
}

/// The most fractional bits that an exact accumulator may have beyond the product's.
const MOST_LEFT: i32 = 32;

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
