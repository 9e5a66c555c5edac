//! The sums of a product, each container by the fastest kernel that is exact.

use super::MacArray;
use super::digits::{Magnitude, Multipliers, Plan};
use super::frame::{Output, RowsThen, by_rows, rows_then};
use super::operands::Operands;
use super::panels::Panels;
use super::proof::Proof;
use super::wide_rows::{CheckpointLimits, Checkpoints, HIGH, WideSum};
use crate::kernels::{self, RawInteger, TileKernel};
use crate::number::tensor::{FixedTensor, RawData};
use crate::parallel;
use crate::with_raw;
use std::ops::Add;

/// Length of a block of k by kernel, in elements: the packed panels of a block stay in the cache.
const BLOCK_I8: usize = 1024;
const BLOCK_I16: usize = 512;
/// The same for a tile unit: a tile of 32 columns and one of 32 rows are 16 KiB each, which the first cache of
/// 48 KiB holds with their sums, so that the columns stay there while rows come from the second.
const BLOCK_TILES: usize = 512;
/// Sums that a thread widens at a time.
const CHUNK: usize = 1 << 14;

/// How large the words of both operands are.
fn magnitudes(operands: &Operands<'_>, proof: &Proof) -> [Magnitude; 2] {
    [(operands.left, 0), (operands.right, 1)]
        .map(|(tensor, side)| Magnitude::new(proof.largest[side] as u64, tensor.format().wl()))
}

/// One group's product of 8-bit words. Where A is stored with 128 added, sums start at `offsets`,
/// -128·Σ_k B[k, n].
struct Bytes<'a> {
    kernel: TileKernel<i8, i32>,
    left: &'a [i8],
    panels: Panels<i8>,
    offsets: Option<Vec<i32>>,
}

impl MacArray {
    /// The 8-bit form of a product, where words and instructions allow it.
    fn bytes<'a>(&self, operands: &Operands<'a>, group: usize) -> Option<Bytes<'a>> {
        let (n, k) = (operands.columns, operands.terms);
        let kernel = kernels::int8_kernel(self.simd, n)?;
        let (RawData::I8(left), RawData::I8(right)) = (operands.left.data(), operands.right.data())
        else {
            return None;
        };
        let block = if kernels::has_tiles(self.simd) { BLOCK_TILES } else { BLOCK_I8 };
        let panels = Panels::pack(&kernel, operands.right_of(right, group), k, n, block, |x: i8| x);
        let offsets = kernel.offset_a.then(|| {
            operands
                .column_sums(self.simd, group)
                .iter()
                .map(|sum| sum.wrapping_mul(-128))
                .collect()
        });
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

    /// Whether a product whose sums fit i32 is faster in limbs than in words of 16 bits, which are the
    /// alternative to bytes.
    fn prefers_limbs(&self, operands: &Operands<'_>) -> bool {
        let bytes = |tensor: &FixedTensor| matches!(tensor.data(), RawData::I8(_));
        kernels::has_tiles(self.simd) && !(bytes(operands.left) && bytes(operands.right))
    }

    /// Sums that fit i32, of words that fit 16 bits.
    pub(super) fn sums_i32(&self, operands: &Operands<'_>, proof: &Proof) -> Vec<i32> {
        if self.prefers_limbs(operands) {
            return self.wrapping_sums(operands, proof);
        }
        let stride = operands.stride();
        let mut c = vec![0i32; operands.rows() * stride];
        for group in 0..operands.geometry.groups {
            let column = group * operands.columns;
            if let Some(Bytes { kernel, left, panels, offsets }) = self.bytes(operands, group) {
                let initial = offsets.as_deref();
                let out = Output { c: &mut c, c_stride: stride, column, initial };
                let patches = operands.patches(left, group);
                if kernel.offset_a {
                    by_rows(&kernel, &patches, i8::MIN, |x: i8| x ^ i8::MIN, &panels, out);
                } else {
                    by_rows(&kernel, &patches, 0, |x| x, &panels, out);
                }
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
        proof: &Proof,
        out: &mut [O],
        finish: impl Fn(usize, &[i32], &mut [O]) -> R + Sync,
    ) -> R
    where
        O: Send,
        R: Default + Add<Output = R> + Send,
    {
        debug_assert_eq!(operands.geometry.groups, 1);
        if self.prefers_limbs(operands) {
            return self.use_wide_sums(operands, proof, out, finish);
        }
        if let Some(Bytes { kernel, left, panels, offsets }) = self.bytes(operands, 0) {
            let then = RowsThen { initial: offsets.as_deref(), out, finish };
            let patches = operands.patches(left, 0);
            if kernel.offset_a {
                return rows_then(&kernel, &patches, i8::MIN, |x: i8| x ^ i8::MIN, &panels, then);
            }
            return rows_then(&kernel, &patches, 0, |x| x, &panels, then);
        }
        let (kernel, panels) = self.words(operands, 0);
        let then = RowsThen { initial: None, out, finish };
        with_raw!(operands.left.data(), data => rows_then(
            &kernel, &operands.patches(data, 0), 0,
            |x| RawInteger::to_i32(x) as i16, &panels, then))
    }

    fn plan(&self, operands: &Operands<'_>, proof: &Proof) -> Plan {
        let [left, right] = magnitudes(operands, proof);
        Plan::new(left, right, proof.bound, Multipliers::of(self.simd))
    }

    /// Sums of the products of digits or limbs.
    fn wide_sums<C: WideSum>(&self, operands: &Operands<'_>, plan: Plan) -> Vec<C> {
        let stride = operands.stride();
        let mut c = vec![C::ZERO; operands.rows() * stride];
        let left = self.left_planes(operands, plan);
        for group in 0..operands.geometry.groups {
            let right = self.right_planes(operands, group, plan);
            self.wide_operands(operands, group, plan, &left, &right).add_to(
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
            self.wide_operands(operands, group, plan, &left, &right).add_to(
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
        use Multipliers::{Tiles, Words, WordsAndBytes};
        [Words, WordsAndBytes, Tiles]
            .map(|multipliers| Plan::new(left, right, proof.bound, multipliers).block)
            .into_iter()
            .fold(usize::MAX, usize::min)
    }

    /// Sums modulo 2^64, or 2^32 for `C` = i32.
    pub(super) fn wrapping_sums<C: WideSum>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
    ) -> Vec<C> {
        self.wide_sums(operands, self.plan(operands, proof))
    }

    /// As [`MacArray::use_sums_i32`] for sums that fit `C`.
    pub(super) fn use_wide_sums<C, O, R>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        out: &mut [O],
        finish: impl Fn(usize, &[C], &mut [O]) -> R + Sync,
    ) -> R
    where
        C: WideSum,
        O: Send,
        R: Default + Add<Output = R> + Send,
    {
        debug_assert_eq!(operands.geometry.groups, 1);
        let plan = self.plan(operands, proof);
        let left = self.left_planes(operands, plan);
        let right = self.right_planes(operands, 0, plan);
        let then = RowsThen { initial: None, out, finish };
        self.wide_operands(operands, 0, plan, &left, &right).rows_then(then)
    }

    /// Exact sums beyond 64 bits.
    pub(super) fn sums_i128(&self, operands: &Operands<'_>, proof: &Proof) -> Vec<i128> {
        if operands.terms >= 1 << 16 {
            return operands.slow_sums();
        }
        let halves = self.wide_sums::<[i64; 2]>(operands, self.plan(operands, proof));
        let mut sums = vec![0i128; halves.len()];
        parallel::each(sums.chunks_mut(CHUNK).zip(halves.chunks(CHUNK)), |(sums, halves)| {
            for (sum, &[low, high]) in sums.iter_mut().zip(halves) {
                *sum = i128::from(low) + (i128::from(high) << HIGH);
            }
        });
        sums
    }
}
