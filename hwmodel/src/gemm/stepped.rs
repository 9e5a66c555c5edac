//! The accumulator addition by addition, for outputs that no bound clears.

use super::bound::{self, Norms};
use super::operand::Patches;
use crate::kernels::{self, RawInteger, SimdLevel};
use crate::overflow::Overflow;
use rayon::prelude::*;

/// What stepping found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Stepped {
    /// Additions that left the accumulator's range.
    pub(crate) events: u64,
    /// Outputs that had to be stepped.
    pub(crate) outputs: u64,
}

/// Replaces the sums of outputs that may overflow an accumulator of `bits` bits by what the
/// accumulator really holds. `b` is `[k, n]` row-major, `sums` has rows of `stride` with this
/// product's columns from `column` on.
#[allow(clippy::too_many_arguments)]
pub(crate) fn step<T: RawInteger>(
    simd: SimdLevel,
    a: &Patches<'_, T>,
    b: &[i32],
    (rows, columns): (&Norms, &Norms),
    bits: u32,
    overflow: Overflow,
    sums: &mut [i64],
    (stride, column): (usize, usize),
) -> Stepped {
    let (k, n) = (a.k(), columns.one.len());
    let limit = ((1i128 << (bits - 1)) - 1) as f64;
    sums.par_chunks_mut(stride.max(1))
        .enumerate()
        .map_init(
            || (vec![0i32; k], vec![0i64; n], vec![0u64; n]),
            |(patch, stepped, events), (row, sums)| {
                let uncleared = |n: &usize| bound::of_output(rows, row, columns, *n) > limit;
                let open = (0..n).filter(uncleared).count() as u64;
                if open == 0 {
                    return Stepped::default();
                }
                // A whole row is stepped: for its cleared outputs that changes nothing.
                a.fill(row, 0, patch, 0, |x| x.as_());
                step_row(simd, patch, b, bits, overflow, stepped, events);
                sums[column..column + n].copy_from_slice(stepped);
                Stepped { events: events.iter().sum(), outputs: open }
            },
        )
        .reduce(Stepped::default, |x, y| Stepped {
            events: x.events + y.events,
            outputs: x.outputs + y.outputs,
        })
}

/// Steps one row: `sums` and `events` are set for each of the n columns of `b` `[k, n]`.
pub(crate) fn step_row(
    simd: SimdLevel,
    a: &[i32],
    b: &[i32],
    bits: u32,
    overflow: Overflow,
    sums: &mut [i64],
    events: &mut [u64],
) {
    sums.fill(0);
    events.fill(0);
    if sums.is_empty() {
        return;
    }
    if bits <= 62 {
        let max = (1i64 << (bits - 1)) - 1;
        let saturate = overflow == Overflow::Saturate;
        kernels::step_row(simd, a, b, -max - 1, max, 64 - bits, saturate, sums, events);
        return;
    }
    // A sum of a 63- or 64-bit accumulator and a product may leave i64.
    for (&a, b) in a.iter().zip(b.chunks_exact(sums.len())) {
        for ((sum, event), &b) in sums.iter_mut().zip(events.iter_mut()).zip(b) {
            let next = i128::from(*sum) + i128::from(a) * i128::from(b);
            let (fitted, outside) = overflow.apply(next, bits);
            *sum = fitted as i64;
            *event += u64::from(outside);
        }
    }
}
