//! The parallel loop over blocks of rows.

use super::sink::{Part, Sink, SumRows};
use crate::parallel;

/// A product that can be computed a block of rows at a time.
pub(crate) trait BlockProduct<S>: Sync {
    /// Memory of a thread that is reused from block to block.
    type Scratch;

    /// Rows M and columns N.
    fn shape(&self) -> [usize; 2];

    /// Rows of a block.
    fn block_rows(&self) -> usize;

    /// Memory for a thread.
    fn scratch(&self) -> Self::Scratch;

    /// Overwrites the sums of the rows from `first` on.
    fn compute(&self, first: usize, rows: SumRows<'_, S>, scratch: &mut Self::Scratch);
}

/// Computes `product` with all threads and gives its sums to `sink`, from column `column` on.
pub(crate) fn run<S, P: BlockProduct<S>, K: Sink<S>>(
    product: &P,
    column: usize,
    sink: &mut K,
) -> K::Total {
    let [m, n] = product.shape();
    if m == 0 || n == 0 {
        return K::Total::default();
    }
    let rows = product.block_rows();
    parallel::share(
        sink.parts(rows, n, column).enumerate(),
        || (product.scratch(), Vec::new()),
        |(scratch, sums), (index, part)| {
            part.take(sums, |block| product.compute(index * rows, block, scratch))
        },
    )
}
