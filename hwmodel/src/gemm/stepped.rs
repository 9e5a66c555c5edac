//! The accumulator addition by addition, for outputs that no bound clears.

use super::bound::{self, Norms};
use super::operand::Patches;
use super::{MacArray, ShapeError, inner_error, matrix};
use crate::accumulator::AccumulatorWidth;
use crate::kernels::{self, RawInteger, SimdLevel};
use crate::overflow::Overflow;
use crate::tensor::FixedTensor;
use rayon::prelude::*;
use std::num::NonZeroUsize;

/// The accumulator of one output after one addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepState {
    /// What the accumulator holds.
    pub sum: i128,
    /// Whether the addition left the accumulator's range.
    pub event: bool,
}

impl MacArray {
    /// Every addition that makes output (`row`, `column`) of A `[m, k]` times B `[k, n]`: one state a
    /// term, k ascending. This is the scalar definition of [`MacArray::matmul`], whose sum is the last
    /// state's and whose events are those of all outputs.
    ///
    /// ```
    /// use hwmodel::gemm::MacArray;
    /// use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, SimdLevel};
    /// let format = Format::new(4, 0)?;
    /// let a = FixedTensor::from_raw(&[1, 3], format, &[7, 7, -1])?;
    /// let b = FixedTensor::from_raw(&[3, 1], format, &[1, 1, 1])?;
    /// let accumulator =
    ///     Accumulator { width: AccumulatorWidth::Bits(4), overflow: Overflow::Saturate };
    /// let array = MacArray { simd: SimdLevel::best(), accumulator };
    /// let states = array.step_output(&a, &b, 0, 0)?;
    /// assert_eq!(states.iter().map(|state| state.sum).collect::<Vec<_>>(), [7, 7, 6]);
    /// assert_eq!(states.iter().position(|state| state.event), Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not fit or there is no such output.
    pub fn step_output(
        &self,
        a: &FixedTensor,
        b: &FixedTensor,
        row: usize,
        column: usize,
    ) -> Result<Vec<StepState>, ShapeError> {
        let ([m, k], [inner, n]) = (matrix(a, b, a)?, matrix(a, b, b)?);
        if k != inner {
            return Err(inner_error(a, b));
        }
        if row >= m || column >= n {
            return Err(ShapeError::Output { output: [row, column], shape: [m, n] });
        }
        let mut sum = 0i128;
        let states = (0..k).map(|term| {
            let product = i128::from(a.data().get(row * k + term))
                * i128::from(b.data().get(term * n + column));
            let (held, event) = match self.accumulator.width {
                AccumulatorWidth::Exact => (sum + product, false),
                AccumulatorWidth::Bits(bits) => {
                    self.accumulator.overflow.apply(sum + product, bits.into())
                }
            };
            sum = held;
            StepState { sum, event }
        });
        Ok(states.collect())
    }

    /// What the accumulator of output (`row`, `column`) holds at the end of each K-tile of `k_tile`
    /// terms (the last one may be shorter): what a test bench of a tiled array observes. The partial sum
    /// is carried from tile to tile at the accumulator's width, so the tile never changes a result.
    ///
    /// # Errors
    /// As [`MacArray::step_output`].
    pub fn tile_output(
        &self,
        a: &FixedTensor,
        b: &FixedTensor,
        (row, column): (usize, usize),
        k_tile: NonZeroUsize,
    ) -> Result<Vec<TileState>, ShapeError> {
        let states = self.step_output(a, b, row, column)?;
        let tiles = states.chunks(k_tile.get()).map(|tile| TileState {
            terms: tile.len(),
            sum: tile.last().map_or(0, |state| state.sum),
            events: tile.iter().map(|state| u64::from(state.event)).sum(),
        });
        Ok(tiles.collect())
    }
}

/// An accumulator at the end of a K-tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileState {
    /// Terms added in the tile.
    pub terms: usize,
    /// The sum held.
    pub sum: i128,
    /// Additions of the tile that left the range.
    pub events: u64,
}

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
