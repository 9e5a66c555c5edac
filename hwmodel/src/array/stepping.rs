//! Outputs that no bound clears, stepped addition by addition, many side by side.

use super::lanes::pack_lanes;
use super::operands::Operands;
use super::wide_rows::WideSum;
use crate::kernels::{self, RawInteger, STEP_LANES, SimdLevel, StepRange, StepSum};
use crate::parallel;
use crate::with_raw;
use std::ops::Add;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Rows that a thread steps at a time.
pub(super) const ROWS: usize = 32;

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
pub(super) struct Stepping<S> {
    pub(super) simd: SimdLevel,
    pub(super) range: StepRange<S>,
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

/// A thread's patches and columns of a few lanes.
struct Scratch<B> {
    patches: Vec<i32>,
    lanes: Vec<B>,
}

impl<S: StepSum + Send + Sync> Stepping<S> {
    /// Steps every open output.
    pub(super) fn all<B: RawInteger, C: Held>(
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
                + parallel::share(chunks, scratch, |scratch, (index, (sums, open))| {
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
        let dense = AtomicBool::new(false);
        parallel::each(open.chunks(stride), |open| {
            let open = &open[group * n..(group + 1) * n];
            if !dense.load(Ordering::Relaxed) && open.chunks(STEP_LANES).any(is_dense) {
                dense.store(true, Ordering::Relaxed);
            }
        });
        if !dense.into_inner() {
            return Vec::new();
        }
        let mut panels = vec![B::from_i32(0); n.div_ceil(STEP_LANES) * STEP_LANES * k];
        parallel::each(panels.chunks_mut((STEP_LANES * k).max(1)).enumerate(), |(index, lanes)| {
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

/// The right operand of a group as `[n, k]`.
pub(super) fn by_columns<B: RawInteger>(
    simd: SimdLevel,
    operands: &Operands<'_>,
    group: usize,
) -> Vec<B> {
    let (k, n) = (operands.terms, operands.columns);
    let mut out = vec![B::from_i32(0); k * n];
    with_raw!(operands.right.data(), data => {
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
