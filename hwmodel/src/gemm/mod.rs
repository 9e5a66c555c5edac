//! The MAC array: exact integer products with an accumulator of stated width.
//!
//! C[m, n] = Σ_k A[m, k]·B[k, n] with exact products, added in ascending k. Where a bound proves that
//! no partial sum can leave the accumulator, addition order cannot matter and a fast kernel gives the
//! bits; the other outputs are stepped addition by addition. Results depend on operands, formats and
//! accumulator only: never on threads, SIMD level or how a batch is split.

mod bound;
mod frame;
mod geometry;
mod operand;
mod stepped;

pub use geometry::{Convolution2d, ShapeError};

pub(crate) use frame::{Output, by_columns, by_rows, rows_block};
pub(crate) use operand::{Panels, Patches, Right};

use crate::accumulator::{Accumulator, AccumulatorWidth};
use crate::kernels::{self, RawInteger, SimdLevel};
use crate::tensor::FixedTensor;
use crate::with_raw;
use bound::Norms;
use num_traits::AsPrimitive;
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

/// A product's shape, K last.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    columns: usize,
    terms: usize,
}

/// Length of a block of k by kernel, in elements: the packed panels of a block stay in the cache.
const BLOCK_I8: usize = 1024;
const BLOCK_I16: usize = 512;
const BLOCK_I32: usize = 256;

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
        let shape = Shape { rows: m, columns: n, terms: k };
        Ok(with_raw!(a.data(), left => with_raw!(b.data(), right => self.product(
            &[Patches::matrix(left, m, k)], &[Right::ByK(right)], shape, (a, b)))))
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
        let shape = Shape { rows: m, columns: n, terms: k };
        Ok(with_raw!(x.data(), left => with_raw!(w.data(), right => self.product(
            &[Patches::matrix(left, m, k)], &[Right::ByN(right)], shape, (x, w)))))
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
        let k = weights[1] * weights[2] * weights[3];
        let per_group = weights[0] / geometry.groups;
        let shape = Shape { rows: input[0] * output[0] * output[1], columns: per_group, terms: k };
        Ok(with_raw!(x.data(), left => with_raw!(w.data(), right => {
            let groups = 0..geometry.groups;
            let left: Vec<_> = groups
                .clone()
                .map(|group| Patches::image(left, input, geometry, output, group))
                .collect();
            let size = per_group * k;
            let right: Vec<_> =
                groups.map(|group| Right::ByN(&right[group * size..(group + 1) * size])).collect();
            self.product(&left, &right, shape, (x, w))
        })))
    }

    /// The product of every group; `shape` is that of one group.
    fn product<A: RawInteger, B: RawInteger>(
        &self,
        left: &[Patches<'_, A>],
        right: &[Right<'_, B>],
        shape: Shape,
        (a, b): (&FixedTensor, &FixedTensor),
    ) -> Product {
        let Shape { rows, columns: n, terms: k } = shape;
        let columns: Vec<Norms> =
            right.iter().map(|&right| Norms::of_columns(self.simd, right, k, n)).collect();
        let narrow = a.format().wl() <= 16 && b.format().wl() <= 16;
        let limit = match self.accumulator.width {
            AccumulatorWidth::Exact => f64::INFINITY,
            AccumulatorWidth::Bits(bits) => ((1i128 << (bits - 1)) - 1) as f64,
        };
        let i32_limit = if narrow { i32::MAX as f64 } else { f64::INFINITY };
        let goal = limit.min(i32_limit).min(I64_LIMIT);

        // Each step of the proof costs more than the one before and is taken only if it may help.
        let all = |largest: f64| {
            columns.iter().map(|norms| bound::of_all(largest, norms)).fold(0.0, f64::max)
        };
        let mut bound = all(-f64::from(a.format().min_raw()));
        let mut row_norms = Vec::new();
        if bound > goal {
            let largest = with_raw!(a.data(), data => bound::largest(data));
            bound = all(largest);
            if bound > goal {
                row_norms = left.iter().map(|a| Norms::of_rows(a, largest)).collect();
                let pairs = row_norms.iter().zip(&columns);
                let tight = pairs.map(|(rows, columns)| bound::of_all_rows(rows, columns));
                bound = tight.fold(0.0, f64::max).min(bound);
            }
        }

        let stride = n * left.len();
        let mut sums = if bound <= i32_limit && narrow {
            Sums::I32(self.sums_i32(left, right, shape, stride, (a, b)))
        } else if bound <= I64_LIMIT || limit.is_finite() {
            Sums::I64(self.sums_i64(left, right, shape, stride, |x| x.as_()))
        } else {
            Sums::I128(self.sums_i128(left, right, shape, stride))
        };

        let mut stepped = Stepped::default();
        if let AccumulatorWidth::Bits(bits) = self.accumulator.width
            && bound > limit
        {
            let mut wide = sums.into_i64();
            for (group, (a, &b)) in left.iter().zip(right).enumerate() {
                let b = by_k(b, k, n);
                let result = stepped::step(
                    self.simd,
                    a,
                    &b,
                    (&row_norms[group], &columns[group]),
                    bits.into(),
                    self.accumulator.overflow,
                    &mut wide,
                    (stride, group * n),
                );
                stepped.events += result.events;
                stepped.outputs += result.outputs;
            }
            sums = Sums::I64(wide);
        }

        let nonzero_macs = left
            .iter()
            .zip(right)
            .map(|(a, &b)| {
                let columns = a.column_counts(|x| x != A::zero());
                let rows = nonzero_by_k(b, k, n);
                columns.iter().zip(&rows).map(|(&a, &b)| a * b).sum::<u64>()
            })
            .sum();
        Product {
            rows,
            columns: stride,
            terms: k,
            fl: a.format().fl() + b.format().fl(),
            accumulator: self.accumulator,
            sums,
            bound,
            report: MacReport {
                macs: (rows * n * k * left.len()) as u64,
                nonzero_macs,
                accumulator_events: stepped.events,
                stepped_outputs: stepped.outputs,
            },
        }
    }

    /// Sums whose bound fits i32, of operands of at most 16 bits.
    fn sums_i32<A: RawInteger, B: RawInteger>(
        &self,
        left: &[Patches<'_, A>],
        right: &[Right<'_, B>],
        shape: Shape,
        stride: usize,
        (a, b): (&FixedTensor, &FixedTensor),
    ) -> Vec<i32> {
        let Shape { rows, columns: n, terms: k } = shape;
        let mut c = vec![0i32; rows * stride];
        let bytes = a.format().wl() <= 8 && b.format().wl() <= 8;
        for (group, (a, &b)) in left.iter().zip(right).enumerate() {
            let column = group * n;
            let out = Output { c: &mut c, c_stride: stride, column, accumulate: false };
            match kernels::int8_kernel(self.simd, n).filter(|_| bytes) {
                Some(kernel) => {
                    debug_assert!(kernel.offset_a);
                    let panels = Panels::pack(&kernel, b, k, n, BLOCK_I8, |x: B| to_i8(x.as_()));
                    // A is stored with 128 added, so 128·Σ_k B[k, n] is taken off beforehand.
                    let offsets: Vec<i32> = column_sums(b, k, n).iter().map(|s| -128 * s).collect();
                    for row in out.c.chunks_exact_mut(stride.max(1)) {
                        row[column..column + n].copy_from_slice(&offsets);
                    }
                    let flip = |x: i64| (x as i8) ^ i8::MIN;
                    let out = Output { accumulate: true, ..out };
                    by_rows(&kernel, a, i8::MIN, |x: A| flip(x.as_()), &panels, out);
                }
                None => {
                    let kernel = kernels::int16_kernel(self.simd, n);
                    let panels = Panels::pack(&kernel, b, k, n, BLOCK_I16, |x: B| to_i16(x.as_()));
                    by_rows(&kernel, a, 0, |x: A| to_i16(x.as_()), &panels, out);
                }
            }
        }
        c
    }

    /// Sums modulo 2^64 of `part` of the left operand.
    fn sums_i64<A: RawInteger, B: RawInteger>(
        &self,
        left: &[Patches<'_, A>],
        right: &[Right<'_, B>],
        shape: Shape,
        stride: usize,
        part: impl Fn(A) -> i64 + Sync + Copy,
    ) -> Vec<i64> {
        let Shape { rows, columns: n, terms: k } = shape;
        let mut c = vec![0i64; rows * stride];
        let kernel = kernels::int32_kernel(self.simd, n);
        for (group, (a, &b)) in left.iter().zip(right).enumerate() {
            let panels = Panels::pack(&kernel, b, k, n, BLOCK_I32, |x: B| x.as_());
            let column = group * n;
            let out = Output { c: &mut c, c_stride: stride, column, accumulate: false };
            by_rows(&kernel, a, 0, part, &panels, out);
        }
        c
    }

    /// Exact sums beyond 64 bits: the left operand in two halves of 16 bits, whose sums fit i64 for
    /// any K below 2^16.
    fn sums_i128<A: RawInteger, B: RawInteger>(
        &self,
        left: &[Patches<'_, A>],
        right: &[Right<'_, B>],
        shape: Shape,
        stride: usize,
    ) -> Vec<i128> {
        if shape.terms >= 1 << 16 {
            return slow_sums(left, right, shape, stride);
        }
        let high = self.sums_i64(left, right, shape, stride, |x| AsPrimitive::<i64>::as_(x) >> 16);
        let low =
            self.sums_i64(left, right, shape, stride, |x| AsPrimitive::<i64>::as_(x) & 0xffff);
        high.par_iter()
            .zip(&low)
            .map(|(&high, &low)| (i128::from(high) << 16) + i128::from(low))
            .collect()
    }
}

/// Bounds up to this are safe for i64 sums and an aligned bias of the same size.
const I64_LIMIT: f64 = (1u64 << 62) as f64;

/// Sums of any size, one by one.
fn slow_sums<A: RawInteger, B: RawInteger>(
    left: &[Patches<'_, A>],
    right: &[Right<'_, B>],
    Shape { rows, columns: n, terms: k }: Shape,
    stride: usize,
) -> Vec<i128> {
    let mut c = vec![0i128; rows * stride];
    for (group, (a, &b)) in left.iter().zip(right).enumerate() {
        let b = by_k(b, k, n);
        c.par_chunks_mut(stride.max(1)).enumerate().for_each_init(
            || vec![0i64; k],
            |patch, (row, sums)| {
                a.fill(row, 0, patch, 0, |x| x.as_());
                for (&a, b) in patch.iter().zip(b.chunks_exact(n.max(1))) {
                    for (sum, &b) in sums[group * n..].iter_mut().zip(b) {
                        *sum += i128::from(a) * i128::from(b);
                    }
                }
            },
        );
    }
    c
}

fn to_i8(x: i64) -> i8 {
    x as i8
}

fn to_i16(x: i64) -> i16 {
    x as i16
}

/// The right operand as `[k, n]` row-major, widened.
fn by_k<B: RawInteger>(right: Right<'_, B>, k: usize, n: usize) -> Vec<i32> {
    match right {
        Right::ByK(data) => data.iter().map(|&x| x.as_()).collect(),
        Right::ByN(data) => {
            let mut out = vec![0; k * n];
            for (column, values) in data.chunks_exact(k.max(1)).enumerate() {
                for (row, &x) in values.iter().enumerate() {
                    out[row * n + column] = x.as_();
                }
            }
            out
        }
    }
}

/// Σ_k of each column; only for operands of at most 8 bits, whose sums fit i32.
fn column_sums<B: RawInteger>(right: Right<'_, B>, k: usize, n: usize) -> Vec<i32> {
    let mut sums = vec![0i32; n];
    match right {
        Right::ByN(data) => {
            for (sum, values) in sums.iter_mut().zip(data.chunks_exact(k.max(1))) {
                *sum = values.iter().map(|&x| AsPrimitive::<i32>::as_(x)).sum();
            }
        }
        Right::ByK(data) => {
            for values in data.chunks_exact(n.max(1)) {
                for (sum, &x) in sums.iter_mut().zip(values) {
                    *sum += AsPrimitive::<i32>::as_(x);
                }
            }
        }
    }
    sums
}

/// For every k, the columns in which the right operand is not zero.
fn nonzero_by_k<B: RawInteger>(right: Right<'_, B>, k: usize, n: usize) -> Vec<u64> {
    let mut counts = vec![0u64; k];
    match right {
        Right::ByN(data) => {
            for values in data.chunks_exact(k.max(1)) {
                for (count, &x) in counts.iter_mut().zip(values) {
                    *count += u64::from(x != B::zero());
                }
            }
        }
        Right::ByK(data) => {
            for (count, values) in counts.iter_mut().zip(data.chunks_exact(n.max(1))) {
                *count = values.iter().map(|&x| u64::from(x != B::zero())).sum();
            }
        }
    }
    counts
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
