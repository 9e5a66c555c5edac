//! The scalar definition of a product: every state of the accumulator, one addition at a time.

use super::{MacArray, ShapeError, inner_error, matrix};
use crate::number::accumulator::{AccumulatorEvents, Summation};
use crate::number::tensor::FixedTensor;
use std::num::NonZeroUsize;

/// The accumulator of one output after one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepState {
    /// What the accumulator holds; with two levels, the outer one, which changes at the end of a block.
    pub sum: i128,
    /// What the inner accumulator holds; the product, if there is one level.
    pub inner: i128,
    /// Whether anything left its range.
    pub event: bool,
    /// What left its range.
    pub events: AccumulatorEvents,
}

impl MacArray {
    /// Every addition that makes output (`row`, `column`) of A `[m, k]` times B `[k, n]`: one state a
    /// term, k ascending. This is the scalar definition of [`MacArray::matmul`], whose sum is the last
    /// state's and whose events are those of all outputs.
    ///
    /// ```
    /// use hwmodel::array::MacArray;
    /// use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, SimdLevel};
    /// let format = Format::new(4, 0)?;
    /// let a = FixedTensor::from_raw(&[1, 3], format, &[7, 7, -1])?;
    /// let b = FixedTensor::from_raw(&[3, 1], format, &[1, 1, 1])?;
    /// let accumulator =
    ///     Accumulator::new(AccumulatorWidth::bits(4).unwrap(), Overflow::Saturate);
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
        let fl = a.format().fl() + b.format().fl();
        let mut summation = Summation::new(&self.accumulator, fl);
        let mut before = AccumulatorEvents::default();
        let states = (0..k).map(|term| {
            let product = i128::from(a.data().get(row * k + term))
                * i128::from(b.data().get(term * n + column));
            summation.add(product);
            if term + 1 == k {
                summation.finish();
            }
            let after = summation.events();
            let events = after.since(std::mem::replace(&mut before, after));
            let (sum, inner) = (summation.value(), summation.inner());
            StepState { sum, inner, event: events.total() > 0, events }
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
            events: tile.iter().map(|state| state.events.total()).sum(),
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
    /// Values of the tile that left their range, at any level.
    pub events: u64,
}
