//! Products whose accumulators may overflow: which outputs can, and those stepped addition by addition.
//!
//! Norms clear outputs before anything is multiplied. If they leave many, the exact product is made with
//! a look at every sum after each block of terms: a prefix differs from the nearer of the sums before and
//! after it by at most the norms of half a block, so outputs whose sums stay well inside the range are
//! cleared too. The others are stepped, many side by side.

use super::MacArray;
use super::bound::{self, Norms};
use super::digit_rows::{CheckpointLimits, WideSum};
use super::operands::Operands;
use super::proof::Proof;
use super::share::{Done, share};
use crate::kernels::{self, RawInteger, STEP_LANES, SimdLevel, StepRange, StepSum};
use crate::overflow::Overflow;
use crate::with_raw;
use rayon::prelude::*;
use std::ops::Add;

/// What stepping found.
#[derive(Clone, Copy, Default)]
pub(super) struct Stepped {
    /// Additions that left the accumulator's range.
    pub(super) events: u64,
    /// Outputs that had to be stepped.
    pub(super) outputs: u64,
}

impl Add for Stepped {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { events: self.events + other.events, outputs: self.outputs + other.outputs }
    }
}

/// The largest sum that 64 bits hold with room for more.
const I64_LIMIT: f64 = (1u64 << 62) as f64;
/// Steps cost this many times as much as MACs of an exact product.
const STEP_COST: usize = 16;
/// Rows that a thread steps at a time.
const ROWS: usize = 32;

impl MacArray {
    /// The accumulators of `bits` bits of a product that [`Proof::clears_all`] does not clear.
    /// `C` holds every exact sum, or what an accumulator can hold.
    pub(super) fn uncleared_product<C: Held>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        bits: u32,
    ) -> (Vec<C>, Stepped) {
        let mut open = self.open_by_norms(operands, proof, bits);
        let count = open.par_iter().filter(|&&open| open).count();
        let block = self.checkpoint_block(operands, proof, bits);
        let mut sums = match block {
            Some(block) if count > open.len() / STEP_COST => {
                let limits = self.checkpoint_limits(operands, block, bits);
                let (sums, beyond) = self.checkpointed_sums(operands, proof, block, &limits);
                open.par_iter_mut().zip(beyond).for_each(|(open, beyond)| *open &= beyond);
                sums
            }
            // If all are stepped, nothing is left to multiply.
            _ if count == open.len() => vec![C::ZERO; open.len()],
            _ => self.wrapping_sums(operands, proof),
        };
        if !open.par_iter().any(|&open| open) {
            return (sums, Stepped::default());
        }
        let stepped = self.step(operands, proof, bits, &open, &mut sums);
        (sums, stepped)
    }

    /// Outputs that the norms do not clear, row-major.
    fn open_by_norms(&self, operands: &Operands<'_>, proof: &Proof, bits: u32) -> Vec<bool> {
        let (n, stride) = (operands.columns, operands.stride());
        let limit = ((1i128 << (bits - 1)) - 1) as f64;
        let mut open = vec![false; operands.rows() * stride];
        open.par_chunks_mut(stride.max(1)).with_min_len(16).enumerate().for_each(|(row, open)| {
            for (group, open) in open.chunks_exact_mut(n.max(1)).enumerate() {
                let (rows, columns): (&Norms, &Norms) = proof.norms(group);
                self.simd.run(
                    #[inline(always)]
                    || {
                        for (column, open) in open.iter_mut().enumerate() {
                            *open = bound::of_output(rows, row, columns, column) > limit;
                        }
                    },
                );
            }
        });
        open
    }

    /// The terms between two looks at a sum, where looks may help.
    fn checkpoint_block(&self, operands: &Operands<'_>, proof: &Proof, bits: u32) -> Option<usize> {
        if proof.bound > I64_LIMIT {
            return None;
        }
        let limit = ((1i128 << (bits - 1)) - 1) as f64;
        let longest = self.longest_checkpoint(operands, proof);
        let mean = |norms: &[f64]| norms.iter().sum::<f64>() / norms.len().max(1) as f64;
        let means = (0..operands.geometry.groups).map(|group| {
            let (rows, columns) = proof.norms(group);
            mean(&rows.two) * mean(&columns.two)
        });
        // What half a block of evenly spread operands adds at most.
        let whole = means.fold(0.0, f64::max) / operands.terms as f64;
        let slack = |block: usize| whole * (block / 2) as f64;
        let blocks = [256, 128, 64, 32].into_iter().filter(|&block| block <= longest);
        let mut blocks =
            blocks.filter(|&block| slack(block) <= limit / if block > 32 { 16.0 } else { 2.0 });
        blocks.next()
    }

    /// How much the terms between a sum and the next look can add, row by row and column by column.
    fn checkpoint_limits(
        &self,
        operands: &Operands<'_>,
        block: usize,
        bits: u32,
    ) -> CheckpointLimits {
        let (k, n) = (operands.terms, operands.columns);
        let half = block / 2;
        let mut limits = CheckpointLimits {
            limit: ((1i128 << (bits - 1)) - 1) as f64,
            rows: vec![0.0; operands.rows() * operands.geometry.groups],
            columns: vec![0.0; operands.stride()],
        };
        for group in 0..operands.geometry.groups {
            let rows = &mut limits.rows[group * operands.rows()..][..operands.rows()];
            share(
                rows.chunks_mut(ROWS).enumerate(),
                || vec![0i32; ROWS * k],
                |patches, (index, norms)| {
                    let rows = index * ROWS..index * ROWS + norms.len();
                    self.simd.run(
                        #[inline(always)]
                        || {
                            with_raw!(operands.left.data(), data => operands
                                .patches(data, group)
                                .fill_rows(rows, 0..k, patches, k, 0, RawInteger::to_i32));
                            for (norm, patch) in norms.iter_mut().zip(patches.chunks_exact(k)) {
                                *norm = largest_norm(patch, half);
                            }
                        },
                    );
                    Done
                },
            );
            let columns = by_columns::<i32>(self.simd, operands, group);
            let norms = &mut limits.columns[group * n..(group + 1) * n];
            norms.par_iter_mut().zip(columns.par_chunks_exact(k)).with_min_len(16).for_each(
                |(norm, column)| {
                    *norm = self.simd.run(
                        #[inline(always)]
                        || largest_norm(column, half),
                    );
                },
            );
        }
        limits
    }

    /// Replaces the open sums by what accumulators of `bits` bits hold.
    fn step<C: Held>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        bits: u32,
        open: &[bool],
        sums: &mut [C],
    ) -> Stepped {
        let limit = 1i128 << (bits - 1);
        let product = (proof.largest[0] as i128) * (proof.largest[1] as i128);
        let overflow = self.accumulator.overflow;
        let words = proof.words;
        macro_rules! stepping {
            ($sum:ty, $word:ty) => {
                Stepping::<$sum> {
                    simd: self.simd,
                    range: StepRange {
                        min: -limit as $sum,
                        max: (limit - 1) as $sum,
                        unused: <$sum>::BITS - bits,
                        saturate: overflow == Overflow::Saturate,
                    },
                }
                .all::<$word, C>(operands, open, sums)
            };
        }
        if limit + product <= i128::from(i32::MAX) && words {
            stepping!(i32, i16)
        } else if limit + product <= i128::from(i64::MAX) {
            if words { stepping!(i64, i16) } else { stepping!(i64, i32) }
        } else {
            stepping!(i128, i32)
        }
    }
}

/// A sum that takes what an accumulator holds.
pub(super) trait Held: WideSum {
    /// The sum of an accumulator; it fits.
    fn held(sum: i128) -> Self;
}
impl Held for i32 {
    fn held(sum: i128) -> Self {
        sum as i32
    }
}
impl Held for i64 {
    fn held(sum: i128) -> Self {
        sum as i64
    }
}

/// Stepping in sums of one type.
struct Stepping<S> {
    simd: SimdLevel,
    range: StepRange<S>,
}

/// A few rows to step.
struct Rows<'a, B> {
    group: usize,
    /// The first of them.
    first: usize,
    /// The right operand of the group, `[n, k]`.
    columns: &'a [B],
    /// The same in panels, see [`Stepping::panels`].
    dense: &'a [B],
}

/// Whether neighbours are stepped together, rather than gathered with others.
fn is_dense(open: &[bool]) -> bool {
    10 * open.iter().filter(|&&open| open).count() >= open.len()
}

/// The largest Euclidean norm of `half` consecutive values, from multiples of `half` on.
#[inline(always)]
fn largest_norm(values: &[i32], half: usize) -> f64 {
    let square = |values: &[i32]| {
        let mut lanes = [0.0; 8];
        for values in values.chunks(8) {
            for (lane, &x) in lanes.iter_mut().zip(values) {
                *lane += f64::from(x) * f64::from(x);
            }
        }
        lanes.iter().sum::<f64>()
    };
    values.chunks(half).map(square).fold(0.0, f64::max).sqrt()
}

/// A thread's patches and columns of a few lanes.
struct Scratch<B> {
    patches: Vec<i32>,
    lanes: Vec<B>,
}

impl<S: StepSum + Send + Sync> Stepping<S> {
    fn all<B: RawInteger, C: Held>(
        &self,
        operands: &Operands<'_>,
        open: &[bool],
        sums: &mut [C],
    ) -> Stepped {
        let stride = operands.stride();
        let mut total = Stepped::default();
        for group in 0..operands.geometry.groups {
            let columns = by_columns::<B>(self.simd, operands, group);
            let k = operands.terms;
            let dense = self.panels(&columns, [k, operands.columns], open, stride, group);
            let scratch = || Scratch {
                patches: vec![0; ROWS * k],
                lanes: vec![B::from_i32(0); k * STEP_LANES],
            };
            let chunks = sums.chunks_mut(ROWS * stride).zip(open.chunks(ROWS * stride)).enumerate();
            total = total
                + share(chunks, scratch, |scratch, (index, (sums, open))| {
                    let first = group * operands.columns;
                    let place = |row: usize, column: usize| row * stride + first + column;
                    let rows =
                        Rows { group, first: index * ROWS, columns: &columns, dense: &dense };
                    self.rows(operands, &rows, scratch, place, open, sums)
                });
        }
        total
    }

    /// The columns of a group side by side, 64 at a time, `[k, 64]` each, if many of 64 neighbours are open
    /// anywhere.
    fn panels<B: RawInteger>(
        &self,
        columns: &[B],
        [k, n]: [usize; 2],
        open: &[bool],
        stride: usize,
        group: usize,
    ) -> Vec<B> {
        let dense = open.par_chunks(stride).any(|open| {
            let open = &open[group * n..(group + 1) * n];
            open.chunks(STEP_LANES).any(is_dense)
        });
        if !dense {
            return Vec::new();
        }
        let mut panels = vec![B::from_i32(0); n.div_ceil(STEP_LANES) * STEP_LANES * k];
        let chunks = panels.par_chunks_mut((STEP_LANES * k).max(1)).enumerate();
        chunks.for_each(|(index, lanes)| {
            let at = index * STEP_LANES;
            let own: Vec<usize> = (at..n.min(at + STEP_LANES)).collect();
            pack_lanes(self.simd, columns, k, &own, lanes);
        });
        panels
    }

    /// Steps the open outputs of a few rows.
    fn rows<B: RawInteger, C: Held>(
        &self,
        operands: &Operands<'_>,
        &Rows { group, first, columns, dense }: &Rows<'_, B>,
        scratch: &mut Scratch<B>,
        place: impl Fn(usize, usize) -> usize,
        open: &[bool],
        sums: &mut [C],
    ) -> Stepped {
        let (k, n) = (operands.terms, operands.columns);
        let count = sums.len() / operands.stride();
        let Scratch { patches, lanes } = scratch;
        with_raw!(operands.left.data(), data => {
            let a = operands.patches(data, group);
            a.fill_rows(first..first + count, 0..k, patches, k, 0, RawInteger::to_i32);
        });
        let patch = |row: usize| &patches[row * k..(row + 1) * k];
        let mut stepped = Stepped::default();
        let mut some = Vec::with_capacity(n);
        for at in (0..n).step_by(STEP_LANES) {
            let all = at..n.min(at + STEP_LANES);
            for row in 0..count {
                let own = &open[place(row, at)..][..all.len()];
                if is_dense(own) {
                    let lanes = &dense[at * k..(at + STEP_LANES) * k];
                    let open = |column: usize| own[column - at];
                    let place = |column| place(row, column);
                    stepped =
                        stepped + self.lanes(patch(row), lanes, all.clone(), open, place, sums);
                }
            }
        }
        for row in 0..count {
            some.clear();
            for at in (0..n).step_by(STEP_LANES) {
                let own = &open[place(row, at)..][..STEP_LANES.min(n - at)];
                if !is_dense(own) {
                    some.extend(
                        (at..).zip(own).filter(|(_, open)| **open).map(|(column, _)| column),
                    );
                }
            }
            for some in some.chunks(STEP_LANES) {
                pack_lanes(self.simd, columns, k, some, lanes);
                let (columns, place) = (some.iter().copied(), |column| place(row, column));
                stepped = stepped + self.lanes(patch(row), lanes, columns, |_| true, place, sums);
            }
        }
        stepped
    }

    /// Steps the outputs of one row in some columns, and keeps those that are `open`.
    fn lanes<B: RawInteger, C: Held>(
        &self,
        patch: &[i32],
        lanes: &[B],
        columns: impl Iterator<Item = usize>,
        open: impl Fn(usize) -> bool,
        place: impl Fn(usize) -> usize,
        sums: &mut [C],
    ) -> Stepped {
        let mut held = [S::from_i128(0); STEP_LANES];
        let mut events = [0u32; STEP_LANES];
        kernels::step_lanes(self.simd, patch, lanes, self.range, &mut held, &mut events);
        let mut stepped = Stepped::default();
        for ((column, held), events) in columns.zip(held).zip(events) {
            if open(column) {
                let sum: i128 = held.into();
                sums[place(column)] = C::held(sum);
                stepped.events += u64::from(events);
                stepped.outputs += 1;
            }
        }
        stepped
    }
}

/// Columns of a `[n, k]` operand side by side, `[k, 64]`; lanes beyond them keep what they held.
fn pack_lanes<B: RawInteger>(
    simd: SimdLevel,
    by_column: &[B],
    k: usize,
    columns: &[usize],
    lanes: &mut [B],
) {
    const TERMS: usize = 32;
    simd.run(
        #[inline(always)]
        || {
            // A few terms of all columns at a time, so that what is written stays in the cache.
            for (part, lanes) in lanes.chunks_mut(TERMS * STEP_LANES).enumerate() {
                let lanes = lanes.as_chunks_mut::<STEP_LANES>().0;
                for (lane, &column) in columns.iter().enumerate().take(STEP_LANES) {
                    let source = &by_column[column * k + part * TERMS..][..lanes.len()];
                    lanes.iter_mut().zip(source).for_each(|(lanes, &value)| lanes[lane] = value);
                }
            }
        },
    );
}

/// The right operand of a group as `[n, k]`.
fn by_columns<B: RawInteger>(simd: SimdLevel, operands: &Operands<'_>, group: usize) -> Vec<B> {
    let (k, n) = (operands.terms, operands.columns);
    let mut out = vec![B::from_i32(0); k * n];
    with_raw!(operands.right.data(), data => {
        let right = operands.right_of(data, group);
        let chunks = out.chunks_mut((16 * k).max(1)).enumerate();
        share(chunks, || (), |(), (index, out)| {
            simd.run(
                #[inline(always)]
                || right.columns(16 * index, [k, n], out, |x| B::from_i32(RawInteger::to_i32(x))),
            );
            Done
        });
    });
    out
}
