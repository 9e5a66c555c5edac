//! Weight-stationary: every processing element keeps one element of W, inputs stream through.
//!
//! Row r of the array holds a row of W (one k), column c a column (one output channel). Weights load from the
//! top, one array row a cycle. Then element (m, k) of I enters row r at cycle m + r and moves right, partial
//! sums move down, and column c gives the sum of input row m at cycle m + R + c. Sums over more k than the
//! array has rows wait in the output's SRAM.

use super::dataflow::{DataflowDescription, Stationary};
use super::stationary::{Dimensions, folds};
use super::{Resources, Schedule};
use crate::mac_style::{ColumnOperand, Throughput};
use crate::product::{ByOperand, GemmShape, GemmWork};

/// The dataflow.
pub const DESCRIPTION: DataflowDescription = DataflowDescription {
    name: "weight-stationary",
    help: "every processing element keeps one element of W, inputs stream through, partial sums leave",
    stationary: Stationary::Weight,
    column_operand: ColumnOperand::Weight,
    schedule,
};

/// The timetable of `work` (no dimension zero).
///
/// With R rows of p products and C columns of q sums: ⌈K/(R·p)⌉·⌈N/(C·q)⌉ folds for each block of inputs; one fold has
/// load R, fill R + C - 2, stream T (the cycles of the block's inputs) and drain 1.
pub fn schedule(resources: &Resources<'_>, throughput: Throughput, work: &GemmWork) -> Schedule {
    let GemmShape { m, n, .. } = work.shape();
    let folds = folds(resources, throughput, work, &Dimensions { columns: n, streamed: m });
    let passes = ByOperand { input: folds.column_folds, weight: folds.blocks, output: 1 };
    let strip = ByOperand { weight: folds.strip, ..ByOperand::default() };
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
        // (rows, columns), (M, N, K), Total Cycles of SCALE-Sim v3.0.0 without stalls: the index of the
        // last cycle of folds · (M + 2 · rows + columns - 2).
        for (rows, columns, m, n, k, last_cycle) in WEIGHT_STATIONARY_RUNS {
            let schedule = schedule_of(Array::new(rows, columns), 1 << 40, (m, n, k));
            let without_drain = schedule.fold.load + schedule.fold.fill + schedule.streams.cycles;
            assert_eq!(schedule.streams.folds * u128::from(without_drain) - 1, last_cycle);
            assert_eq!(schedule.fold.drain, 1);
        }
    }

    #[test]
    fn a_two_by_two_array_by_hand() {
        // W is 4 x 3: two folds down, two along. Weights load in cycles 0 and 1, PE (0, 0) works in 2 to 6,
        // PE (1, 1) in 4 to 8, its last sum leaves in cycle 9.
        let with = |overlap_load, overlap_drain| {
            let array = Array { overlap_load, overlap_drain, ..Array::new(2, 2) };
            schedule_of(array, 1 << 20, (5, 3, 4)).compute_cycles(array)
        };
        assert_eq!(with(false, false), 4 * 10);
        assert_eq!(with(true, false), 3 * 6 + 10);
        assert_eq!(with(false, true), 3 * 9 + 10);
        assert_eq!(with(true, true), 3 * 5 + 10);
        let schedule = schedule_of(Array::new(2, 2), 1 << 20, (5, 3, 4));
        let elements = schedule.array_side_elements;
        assert_eq!((elements.input, elements.weight, elements.output), (5 * 4 * 2, 12, 15));
        // Sums over k = 0, 1 wait for those over k = 2, 3.
        assert_eq!(schedule.partial_sums, 15);
    }

    #[test]
    fn partial_sums_that_do_not_fit_cut_the_inputs_into_equal_blocks() {
        // Two columns of 24-bit sums: 48 bits a row of inputs, so 100 bits hold two.
        let array = Array::new(2, 2);
        let schedule = schedule_of(array, 100, (5, 3, 4));
        assert_eq!((schedule.blocks, schedule.passes.weight), (3, 3));
        assert_eq!(schedule.array_side_elements.weight, 36);
        // Twelve folds: blocks of 2, 2 and 1 inputs.
        assert_eq!(schedule.compute_cycles(array), 4 * (7 + 7 + 6));
        // One fold over K: nothing waits.
        assert_eq!(schedule_of(array, 1, (5, 3, 2)).blocks, 1);
        assert_eq!(schedule_of(array, 1, (5, 3, 2)).partial_sums, 0);
    }

    #[test]
    fn a_depthwise_convolution_uses_one_column() {
        // 64 channels of a 3 x 3 kernel on 100 pixels: 9 of 16 rows and 1 of 16 columns work.
        let mac = exact();
        let array = Array::new(16, 16);
        let resources = Resources { array, mac: &mac, partial_sum_bits: 1 << 20 };
        let work = fixed((100, 1, 9)).with_groups(64).unwrap();
        let schedule = schedule(&resources, Throughput::ONE, &work);
        assert_eq!(schedule.compute_cycles(array), 64 * (16 + 30 + 100 + 1));
        assert_eq!(schedule.array_side_elements.weight, 64 * 9);
    }

    const WEIGHT_STATIONARY_RUNS: [(u32, u32, u64, u64, u64, u128); 8] = [
        (16, 16, 4, 256, 3456, 172799),
        (128, 128, 100, 50, 20, 481),
        (8, 8, 100, 50, 20, 2561),
        (32, 8, 9, 20, 75, 710),
        (32, 32, 64, 64, 363, 3791),
        (8, 8, 4, 256, 2304, 239615),
        (1, 1, 13, 100, 47, 65799),
        (32, 32, 64, 64, 288, 2843),
    ];
}
