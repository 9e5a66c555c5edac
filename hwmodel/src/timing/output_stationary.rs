//! Output-stationary: every processing element keeps one output, both operands stream through.
//!
//! Row r of the array holds outputs of one row of O, column c of one column; elements of I enter row
//! r at cycle t + r and move right, elements of W enter column c at cycle t + c and move down, so
//! PE (r, c) does MAC t at cycle t + r + c. When the last MAC of the fold is done, the results leave
//! through the columns, one array row a cycle.

use super::{ByOperand, FoldCycles, GemmShape, Schedule};
use crate::machine::Array;

/// The timetable of `shape` (no dimension zero), where one processing element takes
/// `stream_cycles` for its K MACs.
///
/// With R rows and C columns: folds = ⌈M/R⌉·⌈N/C⌉; cycles of one fold = fill (R + C - 2) + stream
/// (K, if a MAC takes one cycle) + drain (R). The full array is filled and drained whatever part of it a
/// fold uses.
pub fn schedule(array: Array, shape: GemmShape, stream_cycles: u64) -> Schedule {
    let (rows, columns) = (u64::from(array.rows), u64::from(array.columns));
    let GemmShape { m, n, k } = shape;
    let (row_folds, column_folds) = (m.div_ceil(rows), n.div_ceil(columns));
    let product = |a: u64, b: u64, c: u64| u128::from(a) * u128::from(b) * u128::from(c);
    Schedule {
        row_folds,
        column_folds,
        fold: FoldCycles { fill: rows + columns - 2, stream: stream_cycles, drain: rows },
        array_side_elements: ByOperand {
            input: product(m, k, column_folds),
            weight: product(k, n, row_folds),
            output: product(m, n, 1),
        },
        passes: ByOperand { input: column_folds, weight: row_folds, output: 1 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_and_stream_are_the_cycles_of_scale_sim() {
        // (rows, columns), (M, N, K), Total Cycles without stalls of SCALE-Sim v3.0.0, which is the
        // index of the last cycle of folds · (K + rows + columns - 2).
        for (rows, columns, m, n, k, last_cycle) in [
            (16, 16, 64, 64, 363, 6287),
            (32, 32, 16, 192, 1600, 9971),
            (16, 16, 9, 5, 18, 47),
            (32, 8, 12, 7, 24, 61),
            (12, 14, 33, 33, 33, 512),
            (16, 16, 128, 7, 75, 839),
            (32, 8, 17, 33, 9, 234),
            (16, 16, 3, 8, 42, 71),
        ] {
            let schedule = schedule(Array { rows, columns }, GemmShape { m, n, k }, k);
            let without_drain = schedule.fold.fill + schedule.fold.stream;
            assert_eq!(schedule.folds() * u128::from(without_drain) - 1, last_cycle);
            assert_eq!(schedule.fold.drain, u64::from(rows));
        }
    }

    #[test]
    fn every_fold_streams_its_operands_again() {
        let schedule =
            schedule(Array { rows: 16, columns: 16 }, GemmShape { m: 64, n: 65, k: 363 }, 363);
        assert_eq!((schedule.row_folds, schedule.column_folds), (4, 5));
        assert_eq!(schedule.compute_cycles(), 20 * (363 + 30 + 16));
        let elements = schedule.array_side_elements;
        assert_eq!(elements.input, 64 * 363 * 5);
        assert_eq!(elements.weight, 363 * 65 * 4);
        assert_eq!(elements.output, 64 * 65);
    }
}
