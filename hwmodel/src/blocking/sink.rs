//! Sinks: what happens to the sums of a product (stored, or requantised at once), one block of rows at a time.

use std::ops::Add;

/// Totals of what a sink returns for its blocks, which must not depend on the order of addition.
pub(crate) trait Total: Default + Add<Output = Self> + Send {}
impl<T: Default + Add<Output = T> + Send> Total for T {}

/// Rows of sums in memory: row r begins at `r · stride + column`.
pub(crate) struct SumRows<'a, S> {
    pub(crate) sums: &'a mut [S],
    pub(crate) stride: usize,
    pub(crate) column: usize,
    /// One flag a sum, laid out like the sums, if the sink needs flags from the product.
    pub(crate) flags: Option<&'a mut [bool]>,
}

impl<S> SumRows<'_, S> {
    /// Number of rows.
    pub(crate) fn count(&self) -> usize {
        self.sums.len().div_ceil(self.stride)
    }

    /// The `columns` sums of each row.
    pub(crate) fn rows(&mut self, columns: usize) -> impl Iterator<Item = &mut [S]> {
        let column = self.column;
        self.sums.chunks_mut(self.stride).map(move |row| &mut row[column..column + columns])
    }
}

/// Receives the sums of a product.
pub(crate) trait Sink<S> {
    /// The place of one block of rows.
    type Part<'p>: Part<S, Total = Self::Total> + Send
    where
        Self: 'p;
    /// The total accumulated over the blocks.
    type Total: Total;

    /// The places of blocks of `rows` rows with `columns` sums each, which begin at column `column`.
    fn parts(
        &mut self,
        rows: usize,
        columns: usize,
        column: usize,
    ) -> impl Iterator<Item = Self::Part<'_>> + Send;
}

/// The place of one block of rows.
pub(crate) trait Part<S> {
    /// The result for one block.
    type Total;

    /// Has `compute` write every sum of the block, and takes them. `scratch` is memory of the thread.
    fn take(self, scratch: &mut Vec<S>, compute: impl FnOnce(SumRows<'_, S>)) -> Self::Total;
}

/// No result.
#[derive(Default)]
pub(crate) struct Stored;

impl Add for Stored {
    type Output = Self;
    fn add(self, _: Self) -> Self {
        Self
    }
}

/// Stores the sums row-major, rows `stride` apart, with a flag each if `flags` are given.
pub(crate) struct Store<'a, S> {
    pub(crate) sums: &'a mut [S],
    pub(crate) stride: usize,
    pub(crate) flags: Option<&'a mut [bool]>,
}

impl<S: Send> Sink<S> for Store<'_, S> {
    type Part<'p>
        = SumRows<'p, S>
    where
        Self: 'p;
    type Total = Stored;

    fn parts(
        &mut self,
        rows: usize,
        _columns: usize,
        column: usize,
    ) -> impl Iterator<Item = SumRows<'_, S>> + Send {
        let stride = self.stride;
        let flags = self.flags.as_deref_mut().unwrap_or_default();
        let mut flags = flags.chunks_mut(rows * stride);
        let sums = self.sums.chunks_mut(rows * stride);
        sums.map(move |sums| SumRows { sums, stride, column, flags: flags.next() })
    }
}

impl<S: Send> Part<S> for SumRows<'_, S> {
    type Total = Stored;

    fn take(self, _: &mut Vec<S>, compute: impl FnOnce(SumRows<'_, S>)) -> Stored {
        compute(self);
        Stored
    }
}

/// Uses the sums of whole rows as soon as they are complete: `finish(index of the first sum, sums, out)`, where `out` is
/// what belongs to these sums of one element for each sum of the product.
pub(crate) struct Consume<'a, O, F> {
    pub(crate) out: &'a mut [O],
    pub(crate) finish: F,
}

/// The place of one block of rows of a [`Consume`].
pub(crate) struct ConsumePart<'p, O, F> {
    start: usize,
    columns: usize,
    out: &'p mut [O],
    finish: &'p F,
}

impl<S, O, R, F> Sink<S> for Consume<'_, O, F>
where
    S: Copy + Default,
    O: Send,
    R: Total,
    F: Fn(usize, &[S], &mut [O]) -> R + Sync,
{
    type Part<'p>
        = ConsumePart<'p, O, F>
    where
        Self: 'p;
    type Total = R;

    fn parts(
        &mut self,
        rows: usize,
        columns: usize,
        column: usize,
    ) -> impl Iterator<Item = ConsumePart<'_, O, F>> + Send {
        debug_assert_eq!(column, 0, "only whole rows can be used");
        let finish = &self.finish;
        let out = self.out.chunks_mut(rows * columns).enumerate();
        out.map(move |(index, out)| ConsumePart {
            start: index * rows * columns,
            columns,
            out,
            finish,
        })
    }
}

impl<S, O, R, F> Part<S> for ConsumePart<'_, O, F>
where
    S: Copy + Default,
    F: Fn(usize, &[S], &mut [O]) -> R,
{
    type Total = R;

    fn take(self, scratch: &mut Vec<S>, compute: impl FnOnce(SumRows<'_, S>)) -> R {
        if scratch.len() < self.out.len() {
            scratch.resize(self.out.len(), S::default());
        }
        let sums = &mut scratch[..self.out.len()];
        compute(SumRows { sums, stride: self.columns, column: 0, flags: None });
        (self.finish)(self.start, sums, self.out)
    }
}
