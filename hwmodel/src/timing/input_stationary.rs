//! Input-stationary: every processing element keeps one element of I, weights stream through.
//!
//! As weight-stationary with the operands exchanged: row r holds a column of I (one k), column c a row of I
//! (one output pixel); element (k, n) of W enters row r at cycle n + r, and column c gives the sums of its pixel.

use super::dataflow::{DataflowDescription, Stationary};
use super::stationary::{Dimensions, folds};
use super::{Resources, Schedule};
use crate::mac_style::{ColumnOperand, Throughput};
use crate::product::{ByOperand, GemmShape, GemmWork};

/// The dataflow.
pub const DESCRIPTION: DataflowDescription = DataflowDescription {
    name: "input-stationary",
    help: "every processing element keeps one element of I, weights stream through, partial sums leave",
    stationary: Stationary::Input,
    column_operand: ColumnOperand::Input,
    schedule,
};

/// The timetable of `work` (no dimension zero).
///
/// With R rows of p products and C columns of q sums: ⌈K/(R·p)⌉·⌈M/(C·q)⌉ folds for each block of output channels; one
/// fold has load R, fill R + C - 2, stream T (the cycles of the block's weights) and drain 1.
pub fn schedule(resources: &Resources<'_>, throughput: Throughput, work: &GemmWork) -> Schedule {
    let GemmShape { m, n, .. } = work.shape();
    let folds = folds(resources, throughput, work, &Dimensions { columns: m, streamed: n });
    let passes = ByOperand { input: folds.blocks, weight: folds.column_folds, output: 1 };
    let strip = ByOperand { input: folds.strip, ..ByOperand::default() };
    folds.schedule(work, passes, strip)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exact, fixed};
    use super::*;
    use crate::timing::Array;

    fn schedule_of(array: Array, partial_sum_bits: u64, shape: (u64, u64, u64)) -> Schedule {
        let mac = exact();
        schedule(&Resources { array, mac: &mac, partial_sum_bits }, Throughput::ONE, &fixed(shape))
    }

    #[test]
    fn load_fill_and_stream_are_the_cycles_of_scale_sim() {
        // As in the weight-stationary test, with folds · (N + 2 · rows + columns - 2).
        for (rows, columns, m, n, k, last_cycle) in INPUT_STATIONARY_RUNS {
            let schedule = schedule_of(Array::new(rows, columns), 1 << 40, (m, n, k));
            let without_drain = schedule.fold.load + schedule.fold.fill + schedule.streams.cycles;
            assert_eq!(schedule.streams.folds * u128::from(without_drain) - 1, last_cycle);
        }
    }

    #[test]
    fn a_two_by_two_array_by_hand() {
        // I is 3 x 4: two folds down K, two along M. Inputs load in cycles 0 and 1, PE (0, 0) works in 2 to 6.
        let array = Array::new(2, 2);
        let schedule = schedule_of(array, 1 << 20, (3, 5, 4));
        assert_eq!((schedule.row_folds, schedule.column_folds, schedule.blocks), (2, 2, 1));
        assert_eq!(schedule.compute_cycles(array), 4 * 10);
        let elements = schedule.array_side_elements;
        assert_eq!((elements.input, elements.weight, elements.output), (12, 5 * 4 * 2, 15));
        assert_eq!((schedule.partial_sums, schedule.strip.input), (15, 8));
    }

    #[test]
    fn it_is_weight_stationary_with_the_operands_exchanged() {
        let array = Array { overlap_load: true, ..Array::new(3, 5) };
        let mac = exact();
        let resources = Resources { array, mac: &mac, partial_sum_bits: 500 };
        let here = schedule(&resources, Throughput::ONE, &fixed((17, 23, 31)));
        let there = super::super::weight_stationary::schedule(
            &resources,
            Throughput::ONE,
            &fixed((23, 17, 31)),
        );
        assert_eq!(here.compute_cycles(array), there.compute_cycles(array));
        assert_eq!(here.array_side_elements.input, there.array_side_elements.weight);
        assert_eq!(here.passes.input, there.passes.weight);
        assert_eq!(here.partial_sums, there.partial_sums);
    }

    const INPUT_STATIONARY_RUNS: [(u32, u32, u64, u64, u64, u128); 8] = [
        (16, 16, 9, 20, 75, 329),
        (16, 16, 4, 256, 2304, 43487),
        (12, 14, 128, 7, 75, 3009),
        (32, 32, 64, 64, 288, 2843),
        (128, 128, 64, 64, 64, 445),
        (128, 128, 128, 7, 75, 388),
        (32, 32, 64, 64, 363, 3791),
        (32, 8, 64, 64, 64, 2143),
    ];
}
