//! Output-stationary: every processing element keeps one output, both operands stream through.
//!
//! Row r of the array holds outputs of one row of O, column c of one column; elements of I enter row
//! r at cycle t + r and move right, elements of W enter column c at cycle t + c and move down, so
//! PE (r, c) does MAC t at cycle t + r + c. When the last MAC of the fold is done, the results leave
//! through the columns, one array row a cycle.

use super::dataflow::{DataflowDescription, Stationary};
use super::schedule::product;
use super::{Array, Resources, Schedule, Streams};
use crate::mac_style::{ColumnOperand, Throughput};
use crate::product::{ByOperand, GemmShape, GemmWork};

/// The dataflow.
pub const DESCRIPTION: DataflowDescription = DataflowDescription {
    name: "output-stationary",
    help: "every processing element keeps one output, both operands stream through",
    stationary: Stationary::Sum,
    column_operand: ColumnOperand::Weight,
    schedule,
};

/// The timetable of `work` (no dimension zero).
///
/// With R rows and C columns of q sums: folds = ⌈M/R⌉·⌈N/(C·q)⌉; one fold has fill R + C - 2, stream T (the
/// cycles of K MACs) and drain R, if the [`Circuit`](super::Circuit) is the usual one. The full array is filled and drained, also if
/// a fold uses only a part of it.
///
/// With overlapped loads PE (r, c) takes its first operands of the next fold T + R + r + c cycles after those of
/// this one; the results of the r rows above have then just passed it, so the interval is T + R.
pub fn schedule(resources: &Resources<'_>, throughput: Throughput, work: &GemmWork) -> Schedule {
    let Array { circuit, .. } = resources.array;
    let side @ [rows, columns] = resources.array.side();
    let outputs = columns * u64::from(throughput.outputs);
    let widest = columns * u64::from(resources.mac.style.most_outputs());
    let (GemmShape { m, n, k }, groups) = (work.shape(), work.groups());
    let (row_folds, column_folds) = (m.div_ceil(rows), n.div_ceil(outputs));
    let each_group = |elements: u128| elements * u128::from(groups);
    // What the last fold along the columns leaves of them.
    let used = (n - (column_folds - 1) * outputs).div_ceil(u64::from(throughput.outputs));
    Schedule {
        row_folds,
        column_folds,
        blocks: 1,
        fold: circuit.fold(0, true, side, columns),
        edge: circuit.fold(0, true, side, used),
        edge_strips: if circuit.leave_early { groups.into() } else { 0 },
        start: 0,
        streams: Streams {
            folds: product(row_folds, column_folds, groups),
            cycles: resources.mac.stream_cycles(k, work, throughput, true),
            longer: 0,
        },
        array_side_elements: ByOperand {
            input: each_group(product(m, k, column_folds)),
            weight: each_group(product(k, n, row_folds)),
            output: each_group(product(m, n, 1)),
        },
        partial_sums: 0,
        passes: ByOperand { input: column_folds, weight: row_folds, output: 1 },
        strip: ByOperand { weight: k * n.min(widest), ..ByOperand::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exact, fixed};
    use super::*;

    fn schedule_of(array: Array, shape: (u64, u64, u64)) -> Schedule {
        let mac = exact();
        let resources = Resources { array, mac: &mac, partial_sum_bits: 1 };
        schedule(&resources, Throughput::ONE, &fixed(shape))
    }

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
            let schedule = schedule_of(Array::new(rows, columns), (m, n, k));
            let without_drain = schedule.fold.fill + schedule.streams.cycles;
            assert_eq!(schedule.streams.folds * u128::from(without_drain) - 1, last_cycle);
            assert_eq!(schedule.fold.drain, u64::from(rows));
        }
    }

    #[test]
    fn every_fold_streams_its_operands_again() {
        let array = Array::new(16, 16);
        let schedule = schedule_of(array, (64, 65, 363));
        assert_eq!((schedule.row_folds, schedule.column_folds), (4, 5));
        assert_eq!(schedule.compute_cycles(array), 20 * (363 + 30 + 16));
        let elements = schedule.array_side_elements;
        assert_eq!(elements.input, 64 * 363 * 5);
        assert_eq!(elements.weight, 363 * 65 * 4);
        assert_eq!(elements.output, 64 * 65);
        assert_eq!(schedule.strip.weight, 363 * 16);
    }

    #[test]
    fn a_two_by_two_array_by_hand() {
        // Four folds of fill 2, stream 3, drain 2: at cycle 0 to 2 PE (0, 0) works, at 2 to 4 PE (1, 1), and the
        // results leave in cycles 5 and 6.
        let shape = (4, 4, 3);
        let with = |overlap_load, overlap_drain| {
            let array = Array { overlap_load, overlap_drain, ..Array::new(2, 2) };
            schedule_of(array, shape).compute_cycles(array)
        };
        assert_eq!(with(false, false), 4 * 7);
        assert_eq!(with(true, false), 3 * 5 + 7);
        assert_eq!(with(false, true), 3 * 5 + 7);
        assert_eq!(with(true, true), 3 * 3 + 7);
    }
}
