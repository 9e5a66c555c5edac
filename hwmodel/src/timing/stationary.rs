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
    /// Cycles of the last folds along the columns, and their strips of all groups, if they leave early.
    pub(super) edge: FoldCycles,
    pub(super) edge_strips: u128,
    /// Cycles that belong to no fold.
    pub(super) start: u64,
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
            edge: self.edge,
            edge_strips: self.edge_strips,
            start: self.start,
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
/// after its last MAC, if the [`Circuit`](super::Circuit) is the usual one. Staged tiles have a stream of their own.
pub(super) fn folds(
    resources: &Resources<'_>,
    throughput: Throughput,
    work: &GemmWork,
    dimensions: &Dimensions,
) -> Folds {
    let circuit = resources.array.circuit;
    let side @ [rows, columns] = resources.array.side();
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
    let stream_of = |rows| resources.mac.stream_cycles(rows, work, throughput, false);
    let strips = product(row_folds, column_folds, groups);
    let (blocks, cycles, longer) = match circuit.staging {
        // The cycles of the whole stream are shared out, so that blocks never add to them.
        None => {
            let stream = stream_of(streamed);
            (blocks, stream / blocks, stream % blocks)
        }
        Some(staging) => {
            let rows = u64::from(staging.rows);
            (blocks.max(streamed.div_ceil(rows)), stream_of(rows), 0)
        }
    };
    // What the last folds along the columns leave of them.
    let used = (across - (column_folds - 1) * outputs).div_ceil(u64::from(throughput.outputs));
    Folds {
        row_folds,
        column_folds,
        blocks,
        fold: circuit.fold(rows, false, side, columns),
        edge: circuit.fold(rows, false, side, used),
        edge_strips: if circuit.leave_early { groups.into() } else { 0 },
        start: circuit.staging.map_or(0, |staging| staging.product_cycles.into()),
        streams: Streams {
            folds: strips * u128::from(blocks),
            cycles,
            longer: strips * u128::from(longer),
        },
        strip: k * across.min(widest),
        partial_sums: product(across, streamed, row_folds - 1) * u128::from(groups),
    }
}
