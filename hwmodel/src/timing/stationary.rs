//! Schedule shared by weight- and input-stationary arrays: K runs down the rows, so a sum is finished in several folds.
//!
//! Folds go down the rows (over K) before they go along the columns. The partial sums of a column strip wait
//! in the output's SRAM, at accumulator width: written after each fold of K but the last, read back in
//! the next. If they do not fit, the streamed dimension is cut into equal blocks that do, and every block
//! loads the stationary operand again. That SRAM is laid out by columns: one word for each sum that
//! stands side by side in the array in its widest mode, whether a product uses all of them or not. A strip of
//! the operand along the columns is as wide, so that shorter words, which stand side by side, never need more
//! space than longer ones.

use super::schedule::product;
use super::{FoldCycles, Resources, Schedule, Streams};
use crate::mac_style::Throughput;
use crate::product::{ByOperand, GemmShape, GemmWork};

/// The dimensions of a product by their role in such an array.
pub(super) struct Dimensions {
    /// Along the columns: N or M.
    pub(super) columns: u64,
    /// Through the array in time: M or N.
    pub(super) streamed: u64,
}

/// The folds of one product.
pub(super) struct Folds {
    pub(super) row_folds: u64,
    pub(super) column_folds: u64,
    /// Parts of the streamed dimension.
    pub(super) blocks: u64,
    pub(super) fold: FoldCycles,
    pub(super) streams: Streams,
    /// Stationary elements of a strip as wide as the columns in their widest mode.
    pub(super) strip: u64,
    /// Partial sums written and read back.
    pub(super) partial_sums: u128,
}

impl Folds {
    /// The schedule of `work` if each operand crosses the edge of the array `passes` times, with the `strip` of the
    /// stationary operand.
    pub(super) fn schedule(
        self,
        work: &GemmWork,
        passes: ByOperand<u64>,
        strip: ByOperand<u64>,
    ) -> Schedule {
        let GemmShape { m, n, k } = work.shape();
        let each_group = |elements: u128| elements * u128::from(work.groups());
        Schedule {
            row_folds: self.row_folds,
            column_folds: self.column_folds,
            blocks: self.blocks,
            fold: self.fold,
            streams: self.streams,
            array_side_elements: ByOperand {
                input: each_group(product(m, k, passes.input)),
                weight: each_group(product(k, n, passes.weight)),
                output: each_group(product(m, n, passes.output)),
            },
            partial_sums: self.partial_sums,
            passes,
            strip,
        }
    }
}

/// Folds of `work`: loads take R cycles (a row a cycle), the skew R + C - 2, and a result leaves in the cycle
/// after its last MAC.
pub(super) fn folds(
    resources: &Resources<'_>,
    throughput: Throughput,
    work: &GemmWork,
    dimensions: &Dimensions,
) -> Folds {
    let array = resources.array;
    let (rows, columns) = (u64::from(array.rows), u64::from(array.columns));
    let (k, groups) = (work.shape().k, work.groups());
    let Dimensions { columns: across, streamed } = *dimensions;
    let outputs = columns * u64::from(throughput.outputs);
    let widest = columns * u64::from(resources.mac.style.most_outputs());
    let row_folds = k.div_ceil(rows * u64::from(throughput.terms));
    let column_folds = across.div_ceil(outputs);
    // Sums that are complete after one fold need no place to wait.
    let blocks = if row_folds == 1 {
        1
    } else {
        let row_of_sums = widest * u64::from(work.accumulator_bits());
        streamed.div_ceil((resources.partial_sum_bits / row_of_sums).max(1))
    };
    // The cycles of the whole stream are shared out, so that blocks never add to them.
    let stream = resources.mac.stream_cycles(streamed, work, throughput, false);
    let strips = product(row_folds, column_folds, groups);
    Folds {
        row_folds,
        column_folds,
        blocks,
        fold: FoldCycles { load: rows, fill: rows + columns - 2, drain: 1 },
        streams: Streams {
            folds: strips * u128::from(blocks),
            cycles: stream / blocks,
            longer: strips * u128::from(stream % blocks),
        },
        strip: k * across.min(widest),
        partial_sums: product(across, streamed, row_folds - 1) * u128::from(groups),
    }
}
