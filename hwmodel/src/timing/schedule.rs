//! Schedule: folds, cycles per fold and edge traffic of a product.

use super::{Array, Dataflow, DrainStart, MacUnit, PartialSums};
use crate::mac_style::{MacWords, Throughput};
use crate::product::{ByOperand, GemmWork, NumberSystem};

/// Cycles of one fold, apart from its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FoldCycles {
    /// Before the first operand can stream: stationary operands come in.
    pub load: u64,
    /// Until the last processing element has its first operands, less the first cycle of streaming.
    pub fill: u64,
    /// After the last MAC, until the last result has left the array.
    pub drain: u64,
}

impl FoldCycles {
    /// Cycles of a fold with a stream of `stream` cycles that has the array to itself.
    pub fn alone(self, stream: u64) -> u64 {
        self.load + self.fill + stream + self.drain
    }

    /// Cycles from the start of a fold with a stream of `stream` cycles to the start of the next.
    ///
    /// | overlap | interval |
    /// |---|---|
    /// | none | load + fill + stream + drain |
    /// | load | max(stream + drain, load): operands follow the last ones without a gap |
    /// | load, drain after the last | max(fill + stream + drain, load): sums stay where they are until all are done |
    /// | drain | max(load + fill + stream, drain): results leave through separate registers |
    /// | both | max(stream, load, drain) |
    ///
    /// Separate registers that drain after the last sum is done add [`Circuit::least_interval`](super::Circuit::least_interval).
    pub fn interval(self, stream: u64, array: Array) -> u64 {
        let shadow = array.circuit.least_interval(array.side());
        match (array.overlap_load, array.overlap_drain) {
            (false, false) => self.alone(stream),
            (true, false) if array.circuit.drain_start == DrainStart::AfterLast => {
                self.load.max(self.fill + stream + self.drain)
            }
            (true, false) => self.load.max(stream + self.drain),
            (false, true) => self.drain.max(self.load + self.fill + stream).max(shadow),
            (true, true) => self.load.max(self.drain).max(stream).max(shadow),
        }
    }

    /// The same where the next fold goes on with the sums of this one. Sums that are fed back at the top have to be out
    /// of the array, fill + drain cycles after their first operands went in.
    pub fn interval_of_sums(self, stream: u64, array: Array) -> u64 {
        let interval = self.interval(stream, array);
        match array.circuit.partial_sums {
            PartialSums::Top => interval.max(self.fill + self.drain),
            PartialSums::Carried | PartialSums::Below => interval,
        }
    }
}

/// The streams of all folds: the first `longer` ones take one cycle more than `cycles`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streams {
    /// Number of folds.
    pub folds: u128,
    /// Cycles in which one processing element does its MACs of a fold.
    pub cycles: u64,
    /// Folds of one cycle more; fewer than all.
    pub longer: u128,
}

/// The timetable of a matrix product on an array, before memory limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule {
    /// Folds along the rows of the array, of one group.
    pub row_folds: u64,
    /// Folds along the columns of the array, of one group.
    pub column_folds: u64,
    /// Parts into which the streamed dimension is cut so that partial sums fit the output's SRAM.
    pub blocks: u64,
    /// Cycles of one fold.
    pub fold: FoldCycles,
    /// Cycles of a fold of the last strip along the columns, where it leaves early.
    pub edge: FoldCycles,
    /// Strips of all groups whose folds have these; 0 if no fold leaves early.
    pub edge_strips: u128,
    /// Cycles of the product that belong to no fold.
    pub start: u64,
    /// The folds of all groups, with their streams.
    pub streams: Streams,
    /// Elements of all groups that cross between SRAM and array, by operand: reads of input and weight,
    /// writes of finished output.
    pub array_side_elements: ByOperand<u128>,
    /// Partial sums of all groups written to the output's SRAM and read back, at accumulator width.
    pub partial_sums: u128,
    /// How often an operand crosses between DRAM and SRAM if nothing of it stays.
    pub passes: ByOperand<u64>,
    /// Elements of the operand along the columns that stay while the array goes down the rows: K for each
    /// column of the array in its widest mode; 0 for the other operands.
    pub strip: ByOperand<u64>,
}

impl Schedule {
    /// Cycles of all folds on `array`.
    ///
    /// The folds of a strip and block form a chain over K, in which each goes on with the sums of the one before. Chains differ in
    /// their stream (by one cycle) and in their strip (whole, or the last one).
    pub fn compute_cycles(&self, array: Array) -> u128 {
        let Streams { folds, cycles, longer } = self.streams;
        if folds == 0 {
            return 0;
        }
        let row_folds = u128::from(self.row_folds.max(1));
        let (chains, long) = (folds / row_folds, longer / row_folds);
        let (edge, edge_long) = match self.edge_strips {
            0 => (0, 0),
            strips => {
                let blocks = u128::from(self.blocks.max(1));
                (strips * blocks, strips * long * blocks / chains)
            }
        };
        let of_chain = |fold: FoldCycles, stream| {
            (row_folds - 1) * u128::from(fold.interval_of_sums(stream, array))
                + u128::from(fold.interval(stream, array))
        };
        let whole_long = long - edge_long;
        let all = whole_long * of_chain(self.fold, cycles + 1)
            + (chains - edge - whole_long) * of_chain(self.fold, cycles)
            + edge_long * of_chain(self.edge, cycles + 1)
            + (edge - edge_long) * of_chain(self.edge, cycles);
        // No fold follows the last one, which is of the last strip and not a longer one.
        let last = if self.edge_strips > 0 { self.edge } else { self.fold };
        let (interval, alone) = (last.interval(cycles, array), last.alone(cycles));
        u128::from(self.start) + all - u128::from(interval) + u128::from(alone)
    }
}

/// The array and memory parameters that a dataflow depends on.
#[derive(Debug, Clone, Copy)]
pub struct Resources<'a> {
    /// The array.
    pub array: Array,
    /// Its processing elements.
    pub mac: &'a MacUnit,
    /// Bits of the output's SRAM that may hold partial sums.
    pub partial_sum_bits: u64,
}

/// The words of `work` on an array of `dataflow`.
pub fn words(dataflow: Dataflow, work: &GemmWork) -> MacWords {
    MacWords {
        input_bits: work.bits().input,
        weight_bits: work.bits().weight,
        accumulator_bits: work.accumulator_bits(),
        column: dataflow.column_operand(),
    }
}

/// What a processing element does in a cycle: float32 products are done one by one.
pub fn throughput(dataflow: Dataflow, mac: &MacUnit, work: &GemmWork) -> Throughput {
    match work.number_system() {
        NumberSystem::Fixed => mac.style.throughput(words(dataflow, work)),
        NumberSystem::Float32 => Throughput::ONE,
    }
}

/// The timetable of `work` on `resources` in the order of `dataflow`.
///
/// A product with a dimension of zero has none: all its numbers are 0.
pub fn schedule(resources: &Resources<'_>, dataflow: Dataflow, work: &GemmWork) -> Schedule {
    if work.macs() == 0 {
        return Schedule::default();
    }
    let throughput = throughput(dataflow, resources.mac, work);
    (dataflow.description().schedule)(resources, throughput, work)
}

/// a · b · c, which the limits of a product keep far below 2^128.
pub(super) fn product(a: u64, b: u64, c: u64) -> u128 {
    u128::from(a) * u128::from(b) * u128::from(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(overlap_load: bool, overlap_drain: bool) -> Array {
        Array { overlap_load, overlap_drain, ..Array::new(4, 4) }
    }

    #[test]
    fn chains_of_sums_and_edges_are_counted_fold_by_fold() {
        for partial_sums in [PartialSums::Carried, PartialSums::Top] {
            for (overlap_load, overlap_drain) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let circuit = super::super::Circuit { partial_sums, ..Default::default() };
                let array = Array { overlap_load, overlap_drain, circuit, ..Array::new(4, 4) };
                let fold = FoldCycles { load: 4, fill: 6, drain: 3 };
                let edge = FoldCycles { fill: 5, ..fold };
                // Two groups of three strips, the last one narrower, each in four blocks (the first of 3 cycles, the others
                // of 2) of five folds.
                let schedule = Schedule {
                    row_folds: 5,
                    column_folds: 3,
                    blocks: 4,
                    fold,
                    edge,
                    edge_strips: 2,
                    start: 7,
                    streams: Streams { folds: 2 * 3 * 4 * 5, cycles: 2, longer: 2 * 3 * 5 },
                    ..Schedule::default()
                };
                let (mut now, mut end) = (7, 0);
                for strip in 0..6 {
                    let cycles = if strip % 3 == 2 { edge } else { fold };
                    for block in 0..4 {
                        let stream = if block == 0 { 3 } else { 2 };
                        for row in 0..5 {
                            end = now + cycles.alone(stream);
                            now += match row {
                                4 => cycles.interval(stream, array),
                                _ => cycles.interval_of_sums(stream, array),
                            };
                        }
                    }
                }
                assert_eq!(schedule.compute_cycles(array), u128::from(end));
            }
        }
    }

    #[test]
    fn overlap_shortens_the_interval_and_never_the_last_fold() {
        let fold = FoldCycles { load: 4, fill: 6, drain: 3 };
        let streams = Streams { folds: 5, cycles: 2, longer: 2 };
        let schedule = Schedule { fold, streams, ..Schedule::default() };
        // Alone: 4 + 6 + 2 + 3 = 15; two folds take 16.
        for (load, drain, short, long) in
            [(false, false, 15, 16), (true, false, 5, 6), (false, true, 12, 13), (true, true, 4, 4)]
        {
            let array = array(load, drain);
            assert_eq!((fold.interval(2, array), fold.interval(3, array)), (short, long));
            assert_eq!(schedule.compute_cycles(array), u128::from(2 * long + 2 * short + 15));
        }
        assert_eq!(Schedule::default().compute_cycles(array(true, true)), 0);
    }
}
