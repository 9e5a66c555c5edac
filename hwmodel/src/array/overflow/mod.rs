//! Products whose accumulators may overflow: which outputs can, and stepping these addition by addition.
//!
//! An output is a *candidate* for overflow until a bound excludes it. Norms exclude outputs before anything is multiplied.
//! If many candidates remain, the exact product is computed and the partial sums are checked after each block of terms: a
//! prefix differs from the nearer of the sums before and after it by at most the norms of half a block, which excludes
//! outputs whose sums stay well inside the range. The remaining candidates are stepped, many at a time.

mod lanes;
mod levels;
mod scalar;
mod stepping;

use super::MacArray;
use super::exact::norms::{self, Norms};
use super::exact::{CheckpointLimits, Proof, stored};
use super::operands::Operands;
use crate::cast::{exact, toward_zero};
use crate::kernels::{RawInteger, StepRange};
use crate::number::bit_width::BitWidth;
use crate::number::overflow::Overflow;
use crate::parallel::{self, Done};
use crate::with_narrow;
use stepping::{AccumulatorSum, ROWS, Stepping, Steps, right_by_column};

pub(super) use scalar::scalar_sums;
pub(super) use stepping::Stepped;

/// The largest sum to which a block can be added in 64 bits.
const I64_LIMIT: f64 = (1u64 << 62) as f64;
/// Cost of a simulated addition relative to a MAC of an exact product.
const STEP_COST: usize = 16;
/// Flags that a task counts or merges.
const FLAGS: usize = 1 << 15;

impl MacArray {
    /// The accumulators of `bits` bits of a product for which [`Proof::excludes_overflow`] fails, where there is one level.
    /// `C` holds every exact sum, or what an accumulator can hold.
    pub(super) fn product_with_overflow<C: AccumulatorSum>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        bits: BitWidth,
    ) -> (Vec<C>, Stepped) {
        let limit = norms::at_most(bits.max());
        let (mut sums, candidates) = self.exact_or_candidate(operands, proof, limit, None);
        if count_candidates(&candidates) == 0 {
            return (sums, Stepped::default());
        }
        let stepped = self.step(operands, proof, bits, &candidates, &mut sums);
        (sums, stepped)
    }

    /// Exact sums, and flags of the outputs that must be stepped instead: those with partial sums that may exceed `limit`, and
    /// those in `others`. Sums of the latter may be missing. `C` holds the sums of the former.
    fn exact_or_candidate<C: AccumulatorSum>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        limit: f64,
        others: Option<&[bool]>,
    ) -> (Vec<C>, Vec<bool>) {
        let mut candidates = self.candidates_by_norms(operands, proof, limit);
        if let Some(others) = others {
            merge(&mut candidates, others, |candidate, other| candidate | other);
        }
        let count = count_candidates(&candidates);
        let block = self.checkpoint_block(operands, proof, limit);
        let sums = match block {
            Some(block) if count > candidates.len() / STEP_COST => {
                let limits = self.checkpoint_limits(operands, block / 2, limit);
                let (sums, near_limit) = self.checkpointed_sums(operands, proof, block, &limits);
                merge(&mut candidates, &near_limit, |candidate, near| candidate & near);
                if let Some(others) = others {
                    merge(&mut candidates, others, |candidate, other| candidate | other);
                }
                sums
            }
            // If all outputs are stepped, no exact product is needed.
            _ if count == candidates.len() => vec![C::default(); candidates.len()],
            _ => stored(operands, |sink| {
                self.wrapping_sums(operands, proof, sink);
            }),
        };
        (sums, candidates)
    }

    /// Outputs that the norms do not exclude, row-major.
    fn candidates_by_norms(&self, operands: &Operands<'_>, proof: &Proof, limit: f64) -> Vec<bool> {
        let (n, stride) = (operands.columns, operands.stride());
        let mut candidates = vec![false; operands.rows() * stride];
        if proof.bound <= limit {
            return candidates;
        }
        if !proof.has_norms() {
            candidates.fill(true);
            return candidates;
        }
        parallel::each(candidates.chunks_mut(stride.max(1)).enumerate(), |(row, candidates)| {
            for (group, candidates) in candidates.chunks_exact_mut(n.max(1)).enumerate() {
                let (rows, columns): (&Norms, &Norms) = proof.norms(group);
                self.simd.run(
                    #[inline(always)]
                    || {
                        for (column, candidates) in candidates.iter_mut().enumerate() {
                            *candidates = norms::of_output(rows, row, columns, column) > limit;
                        }
                    },
                );
            }
        });
        candidates
    }

    /// The terms between two checks of a sum, where checks may exclude candidates.
    fn checkpoint_block(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        limit: f64,
    ) -> Option<usize> {
        if proof.bound > I64_LIMIT || proof.bound <= limit || !proof.has_norms() {
            return None;
        }
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

    /// How much `half` consecutive terms from a multiple of `half` on can add, by row and by column.
    fn checkpoint_limits(
        &self,
        operands: &Operands<'_>,
        half: usize,
        limit: f64,
    ) -> CheckpointLimits {
        let (k, n) = (operands.terms, operands.columns);
        let mut limits = CheckpointLimits {
            limit,
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
                            with_narrow!(operands.left.data(), data => operands
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
            let columns = right_by_column::<i32>(self.simd, operands, group);
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

    /// Replaces the sums of candidates by what accumulators of `bits` bits hold.
    fn step<C: AccumulatorSum>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        bits: BitWidth,
        candidates: &[bool],
        sums: &mut [C],
    ) -> Stepped {
        let limit = bits.max() + 1;
        let product = toward_zero::<i128>(proof.largest[0]) * toward_zero::<i128>(proof.largest[1]);
        let overflow = self.accumulator.overflow;
        let words = proof.words;
        macro_rules! stepping {
            ($sum:ty, $word:ty) => {
                Stepping::<$sum> {
                    simd: self.simd,
                    initial: &[],
                    steps: Steps::OneLevel(StepRange {
                        min: exact(-limit),
                        max: exact(limit - 1),
                        unused: <$sum>::BITS - bits.get(),
                        saturate: overflow == Overflow::Saturate,
                    }),
                }
                .all::<$word, C>(operands, candidates, sums)
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

/// Combines two lists of flags in the first.
fn merge(flags: &mut [bool], others: &[bool], with: impl Fn(bool, bool) -> bool + Sync) {
    parallel::each(flags.chunks_mut(FLAGS).zip(others.chunks(FLAGS)), |(flags, others)| {
        flags.iter_mut().zip(others).for_each(|(flag, &other)| *flag = with(*flag, other));
    });
}

/// Number of candidates.
fn count_candidates(candidates: &[bool]) -> usize {
    parallel::sum(candidates.chunks(FLAGS), |candidates| {
        candidates.iter().filter(|&&candidates| candidates).count()
    })
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
