//! The scalar definition of a product: every state of the accumulator, one addition at a time.

use super::initial::Initial;
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
        let [m, n] = outputs(a, b)?;
        if row >= m || column >= n {
            return Err(ShapeError::Output { output: [row, column], shape: [m, n] });
        }
        Ok(self.states(a, b, [row, column], 0).collect())
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
        Ok(OutputStates::new(states.into_iter(), k_tile).tiles)
    }

    /// What the accumulators of row `row` of A `[m, k]` times B `[k, n]` hold at the end of each K-tile, and where each first
    /// left its range. They begin at `initial`, as in [`MacArray::matmul_from`], whose sums are those of the last tiles; at zero
    /// if it is empty.
    ///
    /// # Errors
    /// As [`MacArray::matmul_from`], or if there is no such row.
    pub fn row_states(
        &self,
        a: &FixedTensor,
        b: &FixedTensor,
        initial: &[i64],
        row: usize,
        k_tile: NonZeroUsize,
    ) -> Result<Vec<OutputStates>, ShapeError> {
        let [m, n] = outputs(a, b)?;
        if row >= m {
            return Err(ShapeError::Output { output: [row, 0], shape: [m, n] });
        }
        let initial = match initial {
            [] => Initial::ZERO,
            sums => Initial::sums(self, sums, [m, n])?,
        };
        let of_column = |column| {
            let states = self.states(a, b, [row, column], initial.of(row * n + column));
            OutputStates::new(states, k_tile)
        };
        Ok((0..n).map(of_column).collect())
    }

    /// Every addition of an output that exists, from `initial` on.
    fn states<'a>(
        &'a self,
        a: &'a FixedTensor,
        b: &'a FixedTensor,
        [row, column]: [usize; 2],
        initial: i128,
    ) -> impl Iterator<Item = StepState> + 'a {
        let (k, n) = (a.shape()[1], b.shape()[1]);
        let fl = a.format().fl() + b.format().fl();
        let mut summation = Summation::new(&self.accumulator, fl).holding(initial);
        let mut before = AccumulatorEvents::default();
        (0..k).map(move |term| {
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
        })
    }
}

/// Rows and columns of A `[m, k]` times B `[k, n]`.
fn outputs(a: &FixedTensor, b: &FixedTensor) -> Result<[usize; 2], ShapeError> {
    let ([m, k], [inner, n]) = (matrix(a, b, a)?, matrix(a, b, b)?);
    if k == inner { Ok([m, n]) } else { Err(inner_error(a, b)) }
}

/// An accumulator at the end of a K-tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileState {
    /// Terms added in the tile.
    pub terms: usize,
    /// The sum held.
    pub sum: i128,
    /// What the inner accumulator holds, the sum of its block from zero; the last product, if there is one level.
    pub inner: i128,
    /// Values of the tile that left their range, at any level.
    pub events: u64,
}

/// The accumulator of one output, from tile to tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputStates {
    /// At the end of each K-tile.
    pub tiles: Vec<TileState>,
    /// The first k at which a value left its range.
    pub first_overflow: Option<usize>,
}

impl OutputStates {
    fn new(states: impl Iterator<Item = StepState>, k_tile: NonZeroUsize) -> Self {
        let (mut tiles, mut first_overflow) = (Vec::<TileState>::new(), None);
        for (term, StepState { sum, inner, events, .. }) in states.enumerate() {
            if events.total() > 0 {
                first_overflow.get_or_insert(term);
            }
            let begins = term.is_multiple_of(k_tile.get());
            let before = tiles.pop_if(|_| !begins);
            let (terms, count) = before.map_or((0, 0), |tile| (tile.terms, tile.events));
            tiles.push(TileState { terms: terms + 1, sum, inner, events: count + events.total() });
        }
        Self { tiles, first_overflow }
    }

    /// The sum after the last term; 0 without terms.
    pub fn sum(&self) -> i128 {
        self.tiles.last().map_or(0, |tile| tile.sum)
    }

    /// Values that left their range, at any level.
    pub fn events(&self) -> u64 {
        self.tiles.iter().map(|tile| tile.events).sum()
    }
}
