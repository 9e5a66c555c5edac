//! The MAC array: exact integer products with an accumulator of stated width.
//!
//! C[m, n] = Σ_k A[m, k]·B[k, n] with exact products, added in ascending k. Where a bound proves that
//! no partial sum can leave the accumulator, addition order cannot matter and a fast kernel gives the
//! bits; the other outputs are stepped addition by addition. Results depend on operands, formats and
//! accumulator only: never on threads, SIMD level or how a batch is split.

mod bound;
mod digits;
mod frame;
mod geometry;
mod operand;
mod operands;
mod stepped;

pub use geometry::{Convolution2d, ShapeError};
pub use stepped::{StepState, TileState};

use frame::{DigitRules, by_rows_in_digits};
pub(crate) use frame::{Output, by_columns, by_rows, rows_block};
pub(crate) use operand::{Panels, Patches, Right};

use crate::accumulator::{Accumulator, AccumulatorWidth};
use crate::kernels::{self, RawInteger, SimdLevel};
use crate::tensor::{FixedTensor, RawData};
use crate::with_raw;
use bound::Norms;
use digits::{Lanes, Magnitude, Plan};
use operands::{Operands, Order};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use stepped::Stepped;

/// An array of multiply-accumulate units with exact operand widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacArray {
    /// Instructions that the simulation may use; never changes a result.
    pub simd: SimdLevel,
    /// The accumulator of every unit.
    pub accumulator: Accumulator,
}

/// Accumulator contents, row-major, in the narrowest type that holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sums {
    /// Every sum fits 32 bits.
    I32(Vec<i32>),
    /// Every sum fits 64 bits.
    I64(Vec<i64>),
    /// Sums beyond 64 bits (only with an exact accumulator).
    I128(Vec<i128>),
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

/// The accumulators after a product: `rows` × `columns` sums with FL = FLa + FLb.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Rows, M.
    pub rows: usize,
    /// Columns, N.
    pub columns: usize,
    /// Terms of a sum, K.
    pub terms: usize,
    /// Fractional length of the sums, FLa + FLb, in bits.
    pub fl: i32,
    /// The accumulator that held them.
    pub accumulator: Accumulator,
    /// The sums.
    pub sums: Sums,
    /// No partial sum has a larger magnitude than this.
    pub bound: f64,
    /// Counts.
    pub report: MacReport,
}

/// Length of a block of k by kernel, in elements: the packed panels of a block stay in the cache.
const BLOCK_I8: usize = 1024;
const BLOCK_I16: usize = 512;

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
        let (input, weights, output) = geometry.check(x.shape(), w.shape())?;
        Ok(self.product(&Operands {
            left: x,
            right: w,
            order: Order::ByN,
            input,
            geometry,
            output,
            columns: weights[0] / geometry.groups,
            terms: weights[1] * weights[2] * weights[3],
        }))
    }

    fn product(&self, operands: &Operands<'_>) -> Product {
        let Operands { left: a, right: b, columns: n, terms: k, .. } = *operands;
        let groups = 0..operands.geometry.groups;
        let columns: Vec<Norms> =
            groups.clone().map(|group| operands.column_norms(self.simd, group)).collect();
        let limit = match self.accumulator.width {
            AccumulatorWidth::Exact => f64::INFINITY,
            AccumulatorWidth::Bits(bits) => ((1i128 << (bits - 1)) - 1) as f64,
        };
        let goal = limit.min(i32::MAX.into());

        // Each step of the proof costs more than the one before and is taken only if it may help.
        let all = |largest: f64| {
            columns.iter().map(|norms| bound::of_all(largest, norms)).fold(0.0, f64::max)
        };
        let mut largest_a = -f64::from(a.format().min_raw());
        let largest_b = columns.iter().map(|norms| norms.largest).fold(0.0, f64::max);
        let mut bound = all(largest_a);
        let mut row_norms = Vec::new();
        if bound > goal || !fits_word(a, largest_a) {
            largest_a = with_raw!(a.data(), data => bound::largest(data));
            bound = all(largest_a);
            if bound > goal {
                row_norms = groups.clone().map(|g| operands.row_norms(largest_a, g)).collect();
                let pairs = row_norms.iter().zip(&columns);
                let tight = pairs.map(|(rows, columns)| bound::of_all_rows(rows, columns));
                bound = tight.fold(0.0, f64::max).min(bound);
            }
        }

        let words = fits_word(a, largest_a) && fits_word(b, largest_b);
        let mut sums = if bound <= f64::from(i32::MAX) && words {
            Sums::I32(self.sums_i32(operands))
        } else if bound <= I64_LIMIT || limit.is_finite() {
            Sums::I64(self.sums_i64(operands, Part::Whole, [largest_a, largest_b], bound))
        } else {
            Sums::I128(self.sums_i128(operands, [largest_a, largest_b]))
        };

        let stride = operands.stride();
        let mut stepped = Stepped::default();
        if let AccumulatorWidth::Bits(bits) = self.accumulator.width
            && bound > limit
        {
            let mut wide = sums.into_i64();
            for group in groups.clone() {
                let b = operands.right_by_k(group);
                let norms = (&row_norms[group], &columns[group]);
                let at = (stride, group * n);
                let overflow = self.accumulator.overflow;
                let result = with_raw!(a.data(), data => stepped::step(
                    self.simd, &operands.patches(data, group), &b, norms, bits.into(), overflow,
                    &mut wide, at));
                stepped.events += result.events;
                stepped.outputs += result.outputs;
            }
            sums = Sums::I64(wide);
        }
        let rows = operands.rows();
        Product {
            rows,
            columns: stride,
            terms: k,
            fl: a.format().fl() + b.format().fl(),
            accumulator: self.accumulator,
            sums,
            bound,
            report: MacReport {
                macs: (rows * stride * k) as u64,
                nonzero_macs: groups.map(|group| operands.nonzero_macs(group)).sum(),
                accumulator_events: stepped.events,
                stepped_outputs: stepped.outputs,
            },
        }
    }

    /// Sums whose bound fits i32, of operands of at most 16 bits.
    fn sums_i32(&self, operands: &Operands<'_>) -> Vec<i32> {
        let Operands { left: a, right: b, columns: n, terms: k, .. } = *operands;
        let stride = operands.stride();
        let mut c = vec![0i32; operands.rows() * stride];
        let bytes = a.format().wl() <= 8 && b.format().wl() <= 8;
        for group in 0..operands.geometry.groups {
            let column = group * n;
            match kernels::int8_kernel(self.simd, n).filter(|_| bytes) {
                Some(kernel) => {
                    debug_assert!(kernel.offset_a);
                    let (RawData::I8(left), RawData::I8(_)) = (a.data(), b.data()) else {
                        unreachable!("words of at most 8 bits are stored in i8");
                    };
                    let panels = with_raw!(b.data(), data => Panels::pack(
                        &kernel, operands.right_of(data, group), k, n, BLOCK_I8,
                        |x| RawInteger::to_i32(x) as i8));
                    // A is stored with 128 added, so 128·Σ_k B[k, n] is taken off beforehand.
                    let offsets = operands.column_sums(group);
                    for row in c.chunks_exact_mut(stride.max(1)) {
                        for (out, sum) in row[column..column + n].iter_mut().zip(&offsets) {
                            *out = -128 * sum;
                        }
                    }
                    let out = Output { c: &mut c, c_stride: stride, column, accumulate: true };
                    let patches = operands.patches(left, group);
                    by_rows(&kernel, &patches, i8::MIN, |x: i8| x ^ i8::MIN, &panels, out);
                }
                None => {
                    let kernel = kernels::int16_kernel(self.simd, n);
                    let panels = with_raw!(b.data(), data => Panels::pack(
                        &kernel, operands.right_of(data, group), k, n, BLOCK_I16,
                        |x| RawInteger::to_i32(x) as i16));
                    let out = Output { c: &mut c, c_stride: stride, column, accumulate: false };
                    with_raw!(a.data(), data => by_rows(
                        &kernel, &operands.patches(data, group), 0,
                        |x| RawInteger::to_i32(x) as i16, &panels, out));
                }
            }
        }
        c
    }

    /// Sums modulo 2^64 of `part` of the left operand; `largest` are the largest magnitudes of the
    /// operands' words, `bound` that of a partial sum of the part.
    fn sums_i64(
        &self,
        operands: &Operands<'_>,
        part: Part,
        largest: [f64; 2],
        bound: f64,
    ) -> Vec<i64> {
        let Operands { left: a, right: b, columns: n, terms: k, .. } = *operands;
        let stride = operands.stride();
        let mut c = vec![0i64; operands.rows() * stride];
        let (shift, mask) = match part {
            Part::Whole => (0, -1),
            Part::High => (16, -1),
            Part::Low => (0, 0xffff),
        };
        let (whole, wl) = (largest[0] as u64, a.format().wl());
        let left = match part {
            Part::Whole => Magnitude::new(whole, wl),
            Part::High => Magnitude::new((whole >> 16) + 1, wl.max(17) - 16),
            Part::Low => Magnitude::new(0xffff, 17),
        };
        let right = Magnitude::new(largest[1] as u64, b.format().wl());
        let plan = Plan::new(left, right, bound);
        let weight = move |i: usize, j: usize| plan.a.width * i as u32 + plan.b.width * j as u32;
        macro_rules! products {
            ($kernel:expr, $element:ty, $sum:ty) => {
                for group in 0..operands.geometry.groups {
                    let kernel = $kernel(self.simd, n);
                    let panels: Vec<Panels<$element>> = (0..plan.b.count)
                        .map(|j| {
                            with_raw!(b.data(), data => Panels::pack(
                                &kernel, operands.right_of(data, group), k, n, plan.block,
                                |x| plan.b.of(RawInteger::to_i32(x).into(), j) as $element))
                        })
                        .collect();
                    let rules = DigitRules {
                        digits: plan.a.count,
                        weight,
                        widen: |sum: $sum| sum as i64,
                    };
                    let out = (&mut c[..], stride, group * n);
                    with_raw!(a.data(), data => by_rows_in_digits(
                        &kernel, &operands.patches(data, group),
                        |x, i| {
                            let word = (i64::from(RawInteger::to_i32(x)) >> shift) & mask;
                            plan.a.of(word, i) as $element
                        },
                        &panels, rules, out));
                }
            };
        }
        match plan.lanes {
            Lanes::Words => products!(kernels::int16_kernel, i16, i32),
            Lanes::Floats => products!(kernels::float64_kernel, f64, f64),
        }
        c
    }

    /// Exact sums beyond 64 bits: the left operand in two halves of 16 bits, whose sums fit i64 for
    /// any K below 2^16.
    fn sums_i128(&self, operands: &Operands<'_>, largest: [f64; 2]) -> Vec<i128> {
        if operands.terms >= 1 << 16 {
            return operands.slow_sums();
        }
        let high = self.sums_i64(operands, Part::High, largest, f64::INFINITY);
        let low = self.sums_i64(operands, Part::Low, largest, f64::INFINITY);
        high.par_iter()
            .zip(&low)
            .map(|(&high, &low)| (i128::from(high) << 16) + i128::from(low))
            .collect()
    }
}

/// Which bits of the left operand's words take part.
#[derive(Clone, Copy)]
enum Part {
    Whole,
    /// All above the lowest 16, signed.
    High,
    /// The lowest 16, unsigned.
    Low,
}

/// Whether every word of a tensor, of magnitudes up to `largest`, fits a 16-bit lane.
fn fits_word(tensor: &FixedTensor, largest: f64) -> bool {
    tensor.format().wl() <= 16 || largest <= f64::from(i16::MAX)
}

/// Bounds up to this are safe for i64 sums and an aligned bias of the same size.
const I64_LIMIT: f64 = (1u64 << 62) as f64;

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

    /// As i64; only called for sums that fit or are about to be replaced.
    fn into_i64(self) -> Vec<i64> {
        match self {
            Self::I32(sums) => sums.into_iter().map(i64::from).collect(),
            Self::I64(sums) => sums,
            Self::I128(sums) => sums.into_iter().map(|sum| sum as i64).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
