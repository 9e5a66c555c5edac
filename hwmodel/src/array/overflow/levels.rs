//! Products whose accumulators have levels, a fractional length, or stored sums, where exact sums are not what they hold.

use super::scalar::scalar_sums;
use super::stepping::{AccumulatorSum, Stepped, Stepping, Steps};
use super::{count_candidates, norms};
use crate::array::exact::Proof;
use crate::array::operands::Operands;
use crate::array::plan::Reach;
use crate::array::{MacArray, Sums};
use crate::cast::toward_zero;
use crate::kernels::{Carry, Fit, Levels, StepSum, Tiles};
use crate::number::accumulator::{AccumulatorWidth, Cast};
use crate::number::overflow::Overflow;
use crate::parallel;

/// The largest magnitude of sums in i64.
const I64_SUMS: i128 = 1 << 62;

impl MacArray {
    /// The accumulators of a product for which [`Proof::leaves_free`] fails; column n begins at `initial[n]`, or at zero if it
    /// is empty. Returns their largest magnitude too.
    pub(in crate::array) fn stepped_levels(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        initial: &[i128],
    ) -> (Sums, Stepped, u128) {
        let reach = self.reach(operands, proof, initial);
        match reach {
            Some(reach) if self.has_lanes() => {
                let bound = reach.sums.unsigned_abs();
                let exact = proof.bound <= f64::from(i32::MAX) && proof.words;
                if exact && reach.sums <= i128::from(i32::MAX) {
                    let (sums, stepped) = self.levels(operands, proof, initial, reach);
                    return (Sums::I32(sums), stepped, bound);
                }
                if reach.sums <= I64_SUMS {
                    let (sums, stepped) = self.levels(operands, proof, initial, reach);
                    return (Sums::I64(sums), stepped, bound);
                }
            }
            _ => {}
        }
        let (sums, stepped) = scalar_sums(operands, &self.accumulator, initial);
        let bound = sums.iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0);
        (Sums::I128(sums), stepped, bound)
    }

    fn reach(&self, operands: &Operands<'_>, proof: &Proof, initial: &[i128]) -> Option<Reach> {
        let product = toward_zero::<i128>(proof.largest[0]) * toward_zero::<i128>(proof.largest[1]);
        let initial = largest(initial);
        let shift = self.accumulator.shift(operands.product_fl());
        Reach::new(&self.accumulator, shift, operands.terms, product, initial)
    }

    /// Whether the lanes have every overflow mode of the accumulator.
    fn has_lanes(&self) -> bool {
        let has = |overflow: Overflow| overflow.saturates() || overflow == Overflow::Wrap;
        let inner = self.accumulator.inner;
        has(self.accumulator.overflow) && inner.is_none_or(|inner| has(inner.overflow))
    }

    /// Accumulators that fit `C`.
    fn levels<C: AccumulatorSum>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        initial: &[i128],
        reach: Reach,
    ) -> (Vec<C>, Stepped) {
        let count = operands.rows() * operands.stride();
        let shifted = self.accumulator.shift(operands.product_fl()) != 0;
        let (mut sums, candidates) = if shifted || proof.limits().never() {
            (vec![C::default(); count], vec![true; count])
        } else {
            let others = (!proof.blocks_fit()).then(|| self.candidates_by_blocks(operands, proof));
            let limit = proof.limits().beyond(largest(initial) as f64);
            let (mut sums, candidates) =
                self.exact_or_candidate(operands, proof, limit, others.as_deref());
            add_to_rows::<C>(&mut sums, initial);
            (sums, candidates)
        };
        if count_candidates(&candidates) == 0 {
            return (sums, Stepped::default());
        }
        let (accumulator, shift) =
            (&self.accumulator, self.accumulator.shift(operands.product_fl()));
        let words = proof.words;
        macro_rules! stepping {
            ($sum:ty, $word:ty) => {
                Stepping::<$sum> {
                    simd: self.simd,
                    initial,
                    steps: Steps::Levels(levels::<$sum>(accumulator, shift, proof.blocks_fit())),
                }
                .all::<$word, C>(operands, &candidates, &mut sums)
            };
        }
        // A sum and what is added to it stay within i32 or i64.
        let stepped = if reach.most <= i128::from(i32::MAX) && words {
            stepping!(i32, i16)
        } else if reach.most <= i128::from(i64::MAX) {
            if words { stepping!(i64, i16) } else { stepping!(i64, i32) }
        } else {
            stepping!(i128, i32)
        };
        (sums, stepped)
    }

    /// Outputs with blocks that the norms of single blocks do not exclude from overflowing the inner register.
    fn candidates_by_blocks(&self, operands: &Operands<'_>, proof: &Proof) -> Vec<bool> {
        let (n, stride) = (operands.columns, operands.stride());
        let mut candidates = vec![true; operands.rows() * stride];
        let terms = self.accumulator.inner.map_or(1, |inner| inner.terms.get() as usize);
        let tile = self.accumulator.stored.map_or(0, |stored| stored.tile.get() as usize);
        // Blocks begin at multiples of their length only if tiles do not cut them.
        if !tile.is_multiple_of(terms) || operands.terms == 0 {
            return candidates;
        }
        let terms = terms.min(operands.terms);
        let blocks = self.checkpoint_limits(operands, terms, proof.limits().block);
        let slack = norms::slack(terms);
        parallel::each(candidates.chunks_mut(stride.max(1)).enumerate(), |(row, candidates)| {
            for (group, candidates) in candidates.chunks_exact_mut(n.max(1)).enumerate() {
                let of_row = blocks.rows[group * operands.rows() + row] * slack;
                let columns = &blocks.columns[group * n..][..n];
                for (candidate, column) in candidates.iter_mut().zip(columns) {
                    *candidate = of_row * column > blocks.limit;
                }
            }
        });
        candidates
    }
}

fn largest(values: &[i128]) -> i128 {
    values.iter().map(|value| value.abs()).max().unwrap_or(0)
}

/// Adds a value of each column to every row of sums that fit.
fn add_to_rows<C: AccumulatorSum>(sums: &mut [C], values: &[i128]) {
    if values.iter().all(|&value| value == 0) {
        return;
    }
    let values: Vec<C> = values.iter().map(|&value| C::from_accumulator(value)).collect();
    parallel::each(sums.chunks_mut(values.len()), |row| {
        row.iter_mut().zip(&values).for_each(|(sum, &value)| sum.merge(value));
    });
}

/// The registers in lanes of `S`, which holds everything on the way. The inner one needs no limit if `blocks_fit`.
fn levels<S: StepSum>(accumulator: &crate::Accumulator, shift: i32, blocks_fit: bool) -> Levels<S> {
    let inner = accumulator.inner;
    let right = shift.max(0).unsigned_abs();
    Levels {
        block: inner.map_or(1, |inner| inner.terms.get() as usize),
        inner: inner
            .filter(|inner| !blocks_fit && inner.width != AccumulatorWidth::Exact)
            .map(|inner| fit(inner.width, inner.overflow)),
        left: shift.min(0).unsigned_abs() as usize,
        carry: Carry::new(accumulator.rounding(), right),
        term: accumulator.cast() == Cast::Term,
        outer: fit(accumulator.width, accumulator.overflow),
        tiles: accumulator.stored.map(|stored| Tiles {
            terms: stored.tile.get() as usize,
            group: stored.group as usize,
            last_exact: stored.last_exact,
            carry: Carry::new(stored.rounding, stored.shift),
            word: fit(AccumulatorWidth::Bits(stored.width), Overflow::Saturate),
        }),
    }
}

/// A register of `width` in lanes of `S`, which holds everything on the way.
fn fit<S: StepSum>(width: AccumulatorWidth, overflow: Overflow) -> Fit<S> {
    let lane = S::zero().count_zeros();
    let free = Fit::free();
    match width {
        AccumulatorWidth::Bits(bits) if bits.get() < lane => {
            let (min, max) = (S::from_i128(bits.min()), S::from_i128(bits.max()));
            match overflow {
                Overflow::SaturateSymmetric => {
                    // One bit has no symmetric range.
                    let least = if bits.get() > 1 { min + S::one() } else { min };
                    Fit { min, max, least, ..free }
                }
                Overflow::SaturateZero => Fit { min, max, least: min, kept: S::zero(), ..free },
                // Other wraps have no lanes.
                Overflow::Wrap
                | Overflow::WrapSaturated { .. }
                | Overflow::WrapSignMagnitude { .. } => {
                    Fit { unused: (lane - bits.get()) as usize, ..free }
                }
                Overflow::Saturate => Fit { min, max, least: min, ..free },
            }
        }
        _ => free,
    }
}
