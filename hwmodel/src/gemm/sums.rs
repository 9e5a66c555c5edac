//! The sums of a product, each container by the fastest kernel that is exact.

use super::MacArray;
use super::digit_rows::{
    ByteOperands, CheckpointLimits, Checkpoints, DigitOperands, HIGH, WideSum,
};
use super::digits::{Digits, Magnitude, Plan};
use super::frame::{Output, RowsThen, by_rows, rows_then};
use super::operand::Panels;
use super::operands::Operands;
use super::proof::Proof;
use crate::kernels::{self, RawInteger, SimdLevel, TileKernel};
use crate::tensor::RawData;
use crate::with_raw;
use rayon::prelude::*;
use std::ops::Add;

/// Length of a block of k by kernel, in elements: the packed panels of a block stay in the cache.
const BLOCK_I8: usize = 1024;
const BLOCK_I16: usize = 512;
/// Words split into digits at a time by a thread.
const CHUNK: usize = 1 << 14;

/// An operand's planes of digits, and its bytes where the scheme wants them.
struct Planes<T, U> {
    words: Vec<T>,
    bytes: Option<U>,
}

/// How large the words of both operands are.
fn magnitudes(operands: &Operands<'_>, proof: &Proof) -> [Magnitude; 2] {
    [(operands.left, 0), (operands.right, 1)]
        .map(|(tensor, side)| Magnitude::new(proof.largest[side] as u64, tensor.format().wl()))
}

/// A word as the digits of a plane, or their sum.
#[inline(always)]
fn digit(digits: Digits, (first, second): (usize, Option<usize>), word: i32) -> i16 {
    let of = |index: usize| digits.of(word, index);
    (of(first) + second.map_or(0, of)) as i16
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
        let offsets = operands.column_sums(self.simd, group).iter().map(|sum| -128 * sum).collect();
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
                let initial = Some(&offsets[..]);
                let out = Output { c: &mut c, c_stride: stride, column, initial };
                let patches = operands.patches(left, group);
                by_rows(&kernel, &patches, i8::MIN, |x: i8| x ^ i8::MIN, &panels, out);
                continue;
            }
            let (kernel, panels) = self.words(operands, group);
            let out = Output { c: &mut c, c_stride: stride, column, initial: None };
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

    fn plan(&self, operands: &Operands<'_>, proof: &Proof) -> Plan {
        let [left, right] = magnitudes(operands, proof);
        let bytes = kernels::int8_kernel(self.simd, operands.columns).is_some();
        Plan::new(left, right, proof.bound, bytes)
    }

    /// Each plane of the left operand as an image of its own, so that a word that many patches share is
    /// split once.
    fn left_planes(&self, operands: &Operands<'_>, plan: Plan) -> Planes<Vec<i16>, Vec<i8>> {
        let simd = self.simd;
        with_raw!(operands.left.data(), data => Planes {
            words: plan
                .planes(plan.a.count)
                .into_iter()
                .map(|plane| converted(simd, data, |x| digit(plan.a, plane, RawInteger::to_i32(x))))
                .collect(),
            bytes: plan.byte().map(|byte| converted(simd, data, |x| byte(RawInteger::to_i32(x)))),
        })
    }

    fn right_planes(
        &self,
        operands: &Operands<'_>,
        group: usize,
        plan: Plan,
    ) -> Planes<Panels<i16>, (Panels<i8>, Vec<i32>)> {
        let (n, k) = (operands.columns, operands.terms);
        let kernel = kernels::int16_kernel(self.simd, n);
        let bytes = kernels::int8_kernel(self.simd, n).zip(plan.byte());
        with_raw!(operands.right.data(), data => {
            let right = operands.right_of(data, group);
            Planes {
                words: plan
                    .planes(plan.b.count)
                    .into_iter()
                    .map(|plane| Panels::pack(&kernel, right, k, n, plan.block, |x| {
                        digit(plan.b, plane, RawInteger::to_i32(x))
                    }))
                    .collect(),
                bytes: bytes.map(|(kernel, byte)| {
                    let byte = |x| byte(RawInteger::to_i32(x));
                    let panels = Panels::pack(&kernel, right, k, n, plan.block, byte);
                    let mut offsets =
                        right.block_sums(self.simd, [k, n], plan.block, |x| byte(x).into());
                    offsets.iter_mut().for_each(|sum| *sum *= -128);
                    (panels, offsets)
                }),
            }
        })
    }

    /// Sums of digits' products.
    fn wide_sums<C: WideSum>(&self, operands: &Operands<'_>, plan: Plan) -> Vec<C> {
        let stride = operands.stride();
        let mut c = vec![C::ZERO; operands.rows() * stride];
        let left = self.left_planes(operands, plan);
        for group in 0..operands.geometry.groups {
            let right = self.right_planes(operands, group, plan);
            self.digit_operands(operands, group, plan, &left, &right).add_to(
                &mut c,
                stride,
                group * operands.columns,
                None,
            );
        }
        c
    }

    /// Sums that fit `C`, and for every output whether it was beyond its limit after any of the blocks of
    /// `block` terms.
    pub(super) fn checkpointed_sums<C: WideSum>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        block: usize,
        limits: &CheckpointLimits,
    ) -> (Vec<C>, Vec<bool>) {
        let plan = Plan { block, ..self.plan(operands, proof) };
        let stride = operands.stride();
        let mut c = vec![C::ZERO; operands.rows() * stride];
        let mut beyond = vec![false; c.len()];
        let left = self.left_planes(operands, plan);
        for group in 0..operands.geometry.groups {
            let right = self.right_planes(operands, group, plan);
            let rows = &limits.rows[group * operands.rows()..][..operands.rows()];
            let columns = &limits.columns[group * operands.columns..][..operands.columns];
            let checkpoints =
                Checkpoints { limit: limits.limit, rows, columns, beyond: &mut beyond };
            self.digit_operands(operands, group, plan, &left, &right).add_to(
                &mut c,
                stride,
                group * operands.columns,
                Some(checkpoints),
            );
        }
        (c, beyond)
    }

    /// The longest block of k that [`MacArray::checkpointed_sums`] can have at any SIMD level.
    pub(super) fn longest_checkpoint(&self, operands: &Operands<'_>, proof: &Proof) -> usize {
        let [left, right] = magnitudes(operands, proof);
        let block = |bytes| Plan::new(left, right, proof.bound, bytes).block;
        block(false).min(block(true))
    }

    fn digit_operands<'a>(
        &self,
        operands: &Operands<'_>,
        group: usize,
        plan: Plan,
        left: &'a Planes<Vec<i16>, Vec<i8>>,
        right: &'a Planes<Panels<i16>, (Panels<i8>, Vec<i32>)>,
    ) -> DigitOperands<'a> {
        let kernel = kernels::int8_kernel(self.simd, operands.columns);
        let bytes = match (kernel, &left.bytes, &right.bytes) {
            (Some(kernel), Some(left), Some((panels, offsets))) => Some(ByteOperands {
                kernel,
                left: operands.patches(left, group),
                right: panels,
                offsets,
            }),
            _ => None,
        };
        DigitOperands {
            plan,
            shape: [operands.rows(), operands.columns, operands.terms],
            words: kernels::int16_kernel(self.simd, operands.columns),
            left: left.words.iter().map(|plane| operands.patches(plane, group)).collect(),
            right: &right.words,
            bytes,
        }
    }

    /// Sums modulo 2^64, or 2^32 for `C` = i32.
    pub(super) fn wrapping_sums<C: WideSum>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
    ) -> Vec<C> {
        self.wide_sums(operands, self.plan(operands, proof))
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
        let plan = self.plan(operands, proof);
        let left = self.left_planes(operands, plan);
        let right = self.right_planes(operands, 0, plan);
        let then = RowsThen { initial: None, out, finish };
        self.digit_operands(operands, 0, plan, &left, &right).rows_then(then)
    }

    /// Exact sums beyond 64 bits.
    pub(super) fn sums_i128(&self, operands: &Operands<'_>, proof: &Proof) -> Vec<i128> {
        if operands.terms >= 1 << 16 {
            return operands.slow_sums();
        }
        self.wide_sums::<[i64; 2]>(operands, self.plan(operands, proof))
            .into_par_iter()
            .with_min_len(CHUNK)
            .map(|[low, high]| i128::from(low) + (i128::from(high) << HIGH))
            .collect()
    }
}

/// Every word converted.
fn converted<T: Copy + Sync, E: Copy + Default + Send>(
    simd: SimdLevel,
    data: &[T],
    convert: impl Fn(T) -> E + Sync + Copy,
) -> Vec<E> {
    let mut out = vec![E::default(); data.len()];
    data.par_chunks(CHUNK).zip(out.par_chunks_mut(CHUNK)).for_each(|(data, out)| {
        simd.run(
            #[inline(always)]
            || out.iter_mut().zip(data).for_each(|(out, &x)| *out = convert(x)),
        );
    });
    out
}
