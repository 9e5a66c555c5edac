//! The sums of a product, each container by the fastest kernel that is exact.

use super::MacArray;
use super::digit_rows::DigitOperands;
use super::digits::{Lanes, Magnitude, Plan};
use super::frame::{Output, RowsThen, by_rows, rows_then};
use super::operand::Panels;
use super::operands::Operands;
use super::proof::Proof;
use crate::kernels::{self, RawInteger, TileKernel};
use crate::tensor::RawData;
use crate::with_raw;
use rayon::prelude::*;
use std::ops::Add;

/// Length of a block of k by kernel, in elements: the packed panels of a block stay in the cache.
const BLOCK_I8: usize = 1024;
const BLOCK_I16: usize = 512;
/// Words split into digits at a time by a thread.
const CHUNK: usize = 1 << 14;

/// Which bits of the left operand's words take part.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Whole,
    /// All above the lowest 16, signed.
    High,
    /// The lowest 16, unsigned.
    Low,
}

fn plan(operands: &Operands<'_>, part: Part, proof: &Proof) -> Plan {
    let (whole, wl) = (proof.largest[0] as u64, operands.left.format().wl());
    let (left, bound) = match part {
        Part::Whole => (Magnitude::new(whole, wl), proof.bound),
        Part::High => (Magnitude::new((whole >> 16) + 1, wl.max(17) - 16), f64::INFINITY),
        Part::Low => (Magnitude::new(0xffff, 17), f64::INFINITY),
    };
    let right = Magnitude::new(proof.largest[1] as u64, operands.right.format().wl());
    Plan::new(left, right, bound)
}

/// Each digit of the left operand as an image of its own, so that a word that many patches share is split
/// once.
macro_rules! digits {
    ($array:expr, $operands:expr, $part:expr, $plan:expr, $element:ty) => {{
        let (shift, mask) = match $part {
            Part::Whole => (0, -1),
            Part::High => (16, -1),
            Part::Low => (0, 0xffff),
        };
        let (simd, plan) = ($array.simd, $plan);
        let split = |digit: usize| -> Vec<$element> {
            with_raw!($operands.left.data(), data => {
                let mut out = vec![<$element>::default(); data.len()];
                let chunks = data.par_chunks(CHUNK).zip(out.par_chunks_mut(CHUNK));
                chunks.for_each(|(data, out)| simd.run(
                    #[inline(always)]
                    || for (out, &x) in out.iter_mut().zip(data) {
                        let word = (i64::from(RawInteger::to_i32(x)) >> shift) & mask;
                        *out = plan.a.of(word, digit) as $element;
                    },
                ));
                out
            })
        };
        (0..plan.a.count).map(split).collect::<Vec<_>>()
    }};
}

macro_rules! digit_panels {
    ($operands:expr, $group:expr, $kernel:expr, $plan:expr, $element:ty) => {{
        let (operands, plan) = ($operands, $plan);
        let (n, k) = (operands.columns, operands.terms);
        let pack = |digit: usize| {
            with_raw!(operands.right.data(), data => Panels::pack(
                &$kernel, operands.right_of(data, $group), k, n, plan.block,
                |x| plan.b.of(RawInteger::to_i32(x).into(), digit) as $element))
        };
        (0..plan.b.count).map(pack).collect::<Vec<Panels<$element>>>()
    }};
}

/// One group's product of 8-bit words: A is stored with 128 added, so its sums start at -128·Σ_k B[k, n].
struct Bytes<'a> {
    kernel: TileKernel<i8, i32>,
    left: &'a [i8],
    panels: Panels<i8>,
    offsets: Vec<i32>,
}

impl MacArray {
    /// The 8-bit form of a product, where words and instructions allow it.
    fn bytes<'a>(&self, operands: &Operands<'a>, group: usize) -> Option<Bytes<'a>> {
        let (n, k) = (operands.columns, operands.terms);
        let kernel = kernels::int8_kernel(self.simd, n)?;
        debug_assert!(kernel.offset_a);
        let (RawData::I8(left), RawData::I8(right)) = (operands.left.data(), operands.right.data())
        else {
            return None;
        };
        let panels =
            Panels::pack(&kernel, operands.right_of(right, group), k, n, BLOCK_I8, |x: i8| x);
        let offsets = operands.column_sums(group).iter().map(|sum| -128 * sum).collect();
        Some(Bytes { kernel, left, panels, offsets })
    }

    fn words(&self, operands: &Operands<'_>, group: usize) -> (TileKernel<i16, i32>, Panels<i16>) {
        let (n, k) = (operands.columns, operands.terms);
        let kernel = kernels::int16_kernel(self.simd, n);
        let panels = with_raw!(operands.right.data(), data => Panels::pack(
            &kernel, operands.right_of(data, group), k, n, BLOCK_I16,
            |x| RawInteger::to_i32(x) as i16));
        (kernel, panels)
    }

    /// Sums that fit i32, of words that fit 16 bits.
    pub(super) fn sums_i32(&self, operands: &Operands<'_>) -> Vec<i32> {
        let stride = operands.stride();
        let mut c = vec![0i32; operands.rows() * stride];
        for group in 0..operands.geometry.groups {
            let column = group * operands.columns;
            if let Some(Bytes { kernel, left, panels, offsets }) = self.bytes(operands, group) {
                for row in c.chunks_exact_mut(stride.max(1)) {
                    row[column..column + offsets.len()].copy_from_slice(&offsets);
                }
                let out = Output { c: &mut c, c_stride: stride, column, accumulate: true };
                let patches = operands.patches(left, group);
                by_rows(&kernel, &patches, i8::MIN, |x: i8| x ^ i8::MIN, &panels, out);
                continue;
            }
            let (kernel, panels) = self.words(operands, group);
            let out = Output { c: &mut c, c_stride: stride, column, accumulate: false };
            with_raw!(operands.left.data(), data => by_rows(
                &kernel, &operands.patches(data, group), 0,
                |x| RawInteger::to_i32(x) as i16, &panels, out));
        }
        c
    }

    /// As [`MacArray::sums_i32`] for a product of one group, whose rows are used by `finish(index of the
    /// first sum, sums, out)` as soon as they are complete; the results of `finish` are added.
    pub(super) fn use_sums_i32<O, R>(
        &self,
        operands: &Operands<'_>,
        out: &mut [O],
        finish: impl Fn(usize, &[i32], &mut [O]) -> R + Sync,
    ) -> R
    where
        O: Send,
        R: Default + Add<Output = R> + Send,
    {
        debug_assert_eq!(operands.geometry.groups, 1);
        if let Some(Bytes { kernel, left, panels, offsets }) = self.bytes(operands, 0) {
            let then = RowsThen { initial: Some(&offsets), out, finish };
            let patches = operands.patches(left, 0);
            return rows_then(&kernel, &patches, i8::MIN, |x: i8| x ^ i8::MIN, &panels, then);
        }
        let (kernel, panels) = self.words(operands, 0);
        let then = RowsThen { initial: None, out, finish };
        with_raw!(operands.left.data(), data => rows_then(
            &kernel, &operands.patches(data, 0), 0,
            |x| RawInteger::to_i32(x) as i16, &panels, then))
    }

    /// Sums modulo 2^64 of `part` of the left operand.
    pub(super) fn sums_i64(&self, operands: &Operands<'_>, part: Part, proof: &Proof) -> Vec<i64> {
        let plan = plan(operands, part, proof);
        let stride = operands.stride();
        let mut c = vec![0i64; operands.rows() * stride];
        macro_rules! add_products {
            ($kernel:expr, $element:ty) => {{
                let kernel = $kernel(self.simd, operands.columns);
                let left = digits!(self, operands, part, plan, $element);
                for group in 0..operands.geometry.groups {
                    let right = digit_panels!(operands, group, kernel, plan, $element);
                    let left = left.iter().map(|digits| operands.patches(digits, group)).collect();
                    let widths = [plan.a.width, plan.b.width];
                    DigitOperands { left, right: &right, widths }
                        .add_to(&kernel, (&mut c, stride, group * operands.columns));
                }
            }};
        }
        match plan.lanes {
            Lanes::Words => add_products!(kernels::int16_kernel, i16),
            Lanes::Floats => add_products!(kernels::float64_kernel, f64),
        }
        c
    }

    /// As [`MacArray::use_sums_i32`] for sums that fit i64.
    pub(super) fn use_sums_i64<O, R>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        out: &mut [O],
        finish: impl Fn(usize, &[i64], &mut [O]) -> R + Sync,
    ) -> R
    where
        O: Send,
        R: Default + Add<Output = R> + Send,
    {
        debug_assert_eq!(operands.geometry.groups, 1);
        let plan = plan(operands, Part::Whole, proof);
        let then = RowsThen { initial: None, out, finish };
        macro_rules! use_products {
            ($kernel:expr, $element:ty) => {{
                let kernel = $kernel(self.simd, operands.columns);
                let left = digits!(self, operands, Part::Whole, plan, $element);
                let right = digit_panels!(operands, 0, kernel, plan, $element);
                let left = left.iter().map(|digits| operands.patches(digits, 0)).collect();
                let widths = [plan.a.width, plan.b.width];
                DigitOperands { left, right: &right, widths }.rows_then(&kernel, then)
            }};
        }
        match plan.lanes {
            Lanes::Words => use_products!(kernels::int16_kernel, i16),
            Lanes::Floats => use_products!(kernels::float64_kernel, f64),
        }
    }

    /// Exact sums beyond 64 bits: the left operand in two halves of 16 bits, whose sums fit i64 for
    /// any K below 2^16.
    pub(super) fn sums_i128(&self, operands: &Operands<'_>, proof: &Proof) -> Vec<i128> {
        if operands.terms >= 1 << 16 {
            return operands.slow_sums();
        }
        let high = self.sums_i64(operands, Part::High, proof);
        let low = self.sums_i64(operands, Part::Low, proof);
        high.par_iter()
            .zip(&low)
            .map(|(&high, &low)| (i128::from(high) << 16) + i128::from(low))
            .collect()
    }
}
