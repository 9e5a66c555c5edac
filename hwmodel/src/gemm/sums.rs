//! The sums of a product, each container by the fastest kernel that is exact.

use super::MacArray;
use super::digits::{Lanes, Magnitude, Plan};
use super::frame::{DigitRules, Output, RowsThen, by_rows, by_rows_in_digits, rows_then};
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

/// Which bits of the left operand's words take part.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Whole,
    /// All above the lowest 16, signed.
    High,
    /// The lowest 16, unsigned.
    Low,
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
        let Operands { left: a, right: b, columns: n, terms: k, .. } = *operands;
        let stride = operands.stride();
        let mut c = vec![0i64; operands.rows() * stride];
        let (shift, mask) = match part {
            Part::Whole => (0, -1),
            Part::High => (16, -1),
            Part::Low => (0, 0xffff),
        };
        let (whole, wl) = (proof.largest[0] as u64, a.format().wl());
        let left = match part {
            Part::Whole => Magnitude::new(whole, wl),
            Part::High => Magnitude::new((whole >> 16) + 1, wl.max(17) - 16),
            Part::Low => Magnitude::new(0xffff, 17),
        };
        let right = Magnitude::new(proof.largest[1] as u64, b.format().wl());
        let bound = match part {
            Part::Whole => proof.bound,
            Part::High | Part::Low => f64::INFINITY,
        };
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
