//! Candidates for overflow, stepped addition by addition, one a lane.

use super::lanes::pack_lanes;
use crate::array::exact::WideSum;
use crate::array::operands::Operands;
use crate::cast::exact;
use crate::kernels::{
    self, LevelEvents, Levels, RawInteger, STEP_LANES, SimdLevel, StepRange, StepSum,
};
use crate::number::accumulator::AccumulatorEvents;
use crate::parallel;
use crate::with_narrow;
use std::ops::Add;
use std::sync::atomic::{AtomicBool, Ordering};

/// Result of stepping: events and the outputs concerned.
#[derive(Clone, Copy, Default)]
pub(in crate::array) struct Stepped {
    /// What overflowed, by level.
    pub(in crate::array) events: AccumulatorEvents,
    /// Outputs that had to be stepped.
    pub(in crate::array) outputs: u64,
}

impl Add for Stepped {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { events: self.events + other.events, outputs: self.outputs + other.outputs }
    }
}

/// Rows that a thread steps at a time.
pub(super) const ROWS: usize = 32;

/// A sum that can hold the contents of an accumulator.
pub(in crate::array) trait AccumulatorSum: WideSum {
    /// The contents of an accumulator, which fit.
    fn from_accumulator(sum: i128) -> Self;
}
impl AccumulatorSum for i32 {
    fn from_accumulator(sum: i128) -> Self {
        exact::<i32>(sum)
    }
}
impl AccumulatorSum for i64 {
    fn from_accumulator(sum: i128) -> Self {
        exact::<i64>(sum)
    }
}

/// How accumulators are stepped.
pub(super) enum Steps<S> {
    /// One register with the fractional length of the product, from zero.
    OneLevel(StepRange<S>),
    /// Any other.
    Levels(Levels<S>),
}

/// Stepping in sums of one type.
pub(super) struct Stepping<'a, S> {
    pub(super) simd: SimdLevel,
    pub(super) steps: Steps<S>,
    /// What the accumulators of each column begin with; empty for zero.
    pub(super) initial: &'a [i128],
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
fn is_dense(candidates: &[bool]) -> bool {
    10 * candidates.iter().filter(|&&candidate| candidate).count() >= candidates.len()
}

/// A thread's patches and columns of a few lanes.
struct Scratch<B> {
    patches: Vec<i32>,
    lanes: Vec<B>,
}

impl<S: StepSum + Send + Sync> Stepping<'_, S> {
    /// Steps every candidate.
    pub(super) fn all<B: RawInteger, C: AccumulatorSum>(
        &self,
        operands: &Operands<'_>,
        candidates: &[bool],
        sums: &mut [C],
    ) -> Stepped {
        let stride = operands.stride();
        let mut total = Stepped::default();
        for group in 0..operands.geometry.groups {
            let columns = right_by_column::<B>(self.simd, operands, group);
            let k = operands.terms;
            let dense = self.panels(&columns, [k, operands.columns], candidates, stride, group);
            let scratch = || Scratch {
                patches: vec![0; ROWS * k],
                lanes: vec![B::from_i32(0); k * STEP_LANES],
            };
            let chunks =
                sums.chunks_mut(ROWS * stride).zip(candidates.chunks(ROWS * stride)).enumerate();
            total = total
                + parallel::share(chunks, scratch, |scratch, (index, (sums, candidates))| {
                    let first = group * operands.columns;
                    let place = |row: usize, column: usize| row * stride + first + column;
                    let rows =
                        Rows { group, first: index * ROWS, columns: &columns, dense: &dense };
                    self.rows(operands, &rows, scratch, place, candidates, sums)
                });
        }
        total
    }

    /// The columns of a group in panels of 64, `[k, 64]` each, if many of any 64 neighbouring outputs are candidates.
    fn panels<B: RawInteger>(
        &self,
        columns: &[B],
        [k, n]: [usize; 2],
        candidates: &[bool],
        stride: usize,
        group: usize,
    ) -> Vec<B> {
        let dense = AtomicBool::new(false);
        parallel::each(candidates.chunks(stride), |candidates| {
            let candidates = &candidates[group * n..(group + 1) * n];
            if !dense.load(Ordering::Relaxed) && candidates.chunks(STEP_LANES).any(is_dense) {
                dense.store(true, Ordering::Relaxed);
            }
        });
        if !dense.into_inner() {
            return Vec::new();
        }
        let mut panels = vec![B::from_i32(0); n.div_ceil(STEP_LANES) * STEP_LANES * k];
        parallel::each(panels.chunks_mut((STEP_LANES * k).max(1)).enumerate(), |(index, lanes)| {
            let at = index * STEP_LANES;
            let wanted: Vec<usize> = (at..n.min(at + STEP_LANES)).collect();
            pack_lanes(self.simd, columns, k, &wanted, lanes);
        });
        panels
    }

    /// Steps the candidates of a few rows.
    fn rows<B: RawInteger, C: AccumulatorSum>(
        &self,
        operands: &Operands<'_>,
        &Rows { group, first, columns, dense }: &Rows<'_, B>,
        scratch: &mut Scratch<B>,
        place: impl Fn(usize, usize) -> usize,
        candidates: &[bool],
        sums: &mut [C],
    ) -> Stepped {
        let (k, n) = (operands.terms, operands.columns);
        let count = sums.len() / operands.stride();
        let Scratch { patches, lanes } = scratch;
        with_narrow!(operands.left.data(), data => {
            let a = operands.patches(data, group);
            a.fill_rows(first..first + count, 0..k, patches, k, 0, RawInteger::to_i32);
        });
        let patch = |row: usize| &patches[row * k..(row + 1) * k];
        let mut stepped = Stepped::default();
        let mut some = Vec::with_capacity(n);
        for at in (0..n).step_by(STEP_LANES) {
            let all = at..n.min(at + STEP_LANES);
            for row in 0..count {
                let chosen = &candidates[place(row, at)..][..all.len()];
                if is_dense(chosen) {
                    let lanes = &dense[at * k..(at + STEP_LANES) * k];
                    let wanted = |column: usize| chosen[column - at];
                    let place = |column| place(row, column);
                    stepped =
                        stepped + self.lanes(patch(row), lanes, all.clone(), wanted, place, sums);
                }
            }
        }
        for row in 0..count {
            some.clear();
            for at in (0..n).step_by(STEP_LANES) {
                let chosen = &candidates[place(row, at)..][..STEP_LANES.min(n - at)];
                if !is_dense(chosen) {
                    some.extend(
                        (at..)
                            .zip(chosen)
                            .filter(|(_, candidate)| **candidate)
                            .map(|(column, _)| column),
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

    /// Steps the outputs of one row in some columns, and stores those for which `wanted` holds.
    fn lanes<B: RawInteger, C: AccumulatorSum>(
        &self,
        patch: &[i32],
        lanes: &[B],
        columns: impl Iterator<Item = usize> + Clone,
        wanted: impl Fn(usize) -> bool,
        place: impl Fn(usize) -> usize,
        sums: &mut [C],
    ) -> Stepped {
        let mut accumulators = [S::from_i128(0); STEP_LANES];
        let mut events = LevelEvents::ZERO;
        match &self.steps {
            Steps::OneLevel(range) => {
                let events = &mut events.outer;
                kernels::step_lanes(self.simd, patch, lanes, *range, &mut accumulators, events);
            }
            Steps::Levels(levels) => {
                if !self.initial.is_empty() {
                    for (accumulator, column) in accumulators.iter_mut().zip(columns.clone()) {
                        *accumulator =
                            S::from_i128(self.initial[place(column) % self.initial.len()]);
                    }
                }
                kernels::step_levels(
                    self.simd,
                    patch,
                    lanes,
                    levels,
                    &mut accumulators,
                    &mut events,
                );
            }
        }
        let mut stepped = Stepped::default();
        for (lane, (column, accumulator)) in columns.zip(accumulators).enumerate() {
            if wanted(column) {
                let sum: i128 = accumulator.into();
                sums[place(column)] = C::from_accumulator(sum);
                stepped.events += AccumulatorEvents {
                    inner: events.inner[lane].into(),
                    cast: events.cast[lane].into(),
                    outer: events.outer[lane].into(),
                    stored: events.stored[lane].into(),
                };
                stepped.outputs += 1;
            }
        }
        stepped
    }
}

/// The right operand of a group as `[n, k]`.
pub(super) fn right_by_column<B: RawInteger>(
    simd: SimdLevel,
    operands: &Operands<'_>,
    group: usize,
) -> Vec<B> {
    let (k, n) = (operands.terms, operands.columns);
    let mut out = vec![B::from_i32(0); k * n];
    with_narrow!(operands.right.data(), data => {
        let right = operands.right_of(data, group);
        let chunks = out.chunks_mut((16 * k).max(1)).enumerate();
        parallel::each(chunks, |(index, out)| {
            simd.run(
                #[inline(always)]
                || right.columns(16 * index, [k, n], out, |x| B::from_i32(RawInteger::to_i32(x))),
            );
        });
    });
    out
}
