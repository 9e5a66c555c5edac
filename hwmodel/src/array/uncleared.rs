//! Products whose accumulators may overflow: which outputs can, and those stepped addition by addition.
//!
//! Norms clear outputs before anything is multiplied. If they leave many, the exact product is made with
//! a look at every sum after each block of terms: a prefix differs from the nearer of the sums before and
//! after it by at most the norms of half a block, so outputs whose sums stay well inside the range are
//! cleared too. The others are stepped, many side by side.

use super::MacArray;
use super::bound::{self, Norms};
use super::operands::Operands;
use super::proof::Proof;
use super::stepping::{Held, ROWS, Stepped, Stepping, by_columns};
use super::wide_rows::CheckpointLimits;
use crate::BitWidth;
use crate::kernels::{RawInteger, StepRange};
use crate::number::overflow::Overflow;
use crate::parallel::{self, Done};
use crate::with_raw;

/// The largest sum that 64 bits hold with room for more.
const I64_LIMIT: f64 = (1u64 << 62) as f64;
/// Steps cost this many times as much as MACs of an exact product.
const STEP_COST: usize = 16;
/// Flags looked at in one piece.
const FLAGS: usize = 1 << 15;

impl MacArray {
    /// The accumulators of `bits` bits of a product that [`Proof::clears_all`] does not clear.
    /// `C` holds every exact sum, or what an accumulator can hold.
    pub(super) fn uncleared_product<C: Held>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        bits: BitWidth,
    ) -> (Vec<C>, Stepped) {
        let mut open = self.open_by_norms(operands, proof, bits);
        let count = opened(&open);
        let block = self.checkpoint_block(operands, proof, bits);
        let mut sums = match block {
            Some(block) if count > open.len() / STEP_COST => {
                let limits = self.checkpoint_limits(operands, block, bits);
                let (sums, beyond) = self.checkpointed_sums(operands, proof, block, &limits);
                parallel::each(
                    open.chunks_mut(FLAGS).zip(beyond.chunks(FLAGS)),
                    |(open, beyond)| {
                        open.iter_mut().zip(beyond).for_each(|(open, &beyond)| *open &= beyond);
                    },
                );
                sums
            }
            // If all are stepped, nothing is left to multiply.
            _ if count == open.len() => vec![C::ZERO; open.len()],
            _ => self.wrapping_sums(operands, proof),
        };
        if opened(&open) == 0 {
            return (sums, Stepped::default());
        }
        let stepped = self.step(operands, proof, bits, &open, &mut sums);
        (sums, stepped)
    }

    /// Outputs that the norms do not clear, row-major.
    fn open_by_norms(&self, operands: &Operands<'_>, proof: &Proof, bits: BitWidth) -> Vec<bool> {
        let (n, stride) = (operands.columns, operands.stride());
        let limit = bound::at_most(bits.max());
        let mut open = vec![false; operands.rows() * stride];
        parallel::each(open.chunks_mut(stride.max(1)).enumerate(), |(row, open)| {
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
    fn checkpoint_block(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        bits: BitWidth,
    ) -> Option<usize> {
        if proof.bound > I64_LIMIT {
            return None;
        }
        let limit = bound::at_most(bits.max());
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
        bits: BitWidth,
    ) -> CheckpointLimits {
        let (k, n) = (operands.terms, operands.columns);
        let half = block / 2;
        let mut limits = CheckpointLimits {
            limit: bound::at_most(bits.max()),
            rows: vec![0.0; operands.rows() * operands.geometry.groups],
            columns: vec![0.0; operands.stride()],
        };
        for group in 0..operands.geometry.groups {
            let rows = &mut limits.rows[group * operands.rows()..][..operands.rows()];
            parallel::share(
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
            parallel::each(
                norms.iter_mut().zip(columns.chunks_exact(k.max(1))),
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
        bits: BitWidth,
        open: &[bool],
        sums: &mut [C],
    ) -> Stepped {
        let limit = bits.max() + 1;
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
                        unused: <$sum>::BITS - bits.get(),
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

/// How many outputs are open.
fn opened(open: &[bool]) -> usize {
    parallel::sum(open.chunks(FLAGS), |open| open.iter().filter(|&&open| open).count())
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
