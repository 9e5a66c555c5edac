//! What a dataflow makes of the shape of a product.

use super::{ByOperand, GemmWork, output_stationary};
use crate::machine::{Array, Dataflow, MacUnit};

/// Cycles of one fold; folds do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FoldCycles {
    /// Until the last processing element has its first operands, less the first cycle of streaming.
    pub fill: u64,
    /// Streaming: one processing element does its MACs of this fold.
    pub stream: u64,
    /// After the last MAC, until the last result has left the array.
    pub drain: u64,
}

impl FoldCycles {
    /// fill + stream + drain.
    pub fn total(self) -> u64 {
        self.fill + self.stream + self.drain
    }
}

/// The timetable of a matrix product on an array, before memory limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule {
    /// Folds along the rows of the array.
    pub row_folds: u64,
    /// Folds along the columns of the array.
    pub column_folds: u64,
    /// Cycles of one fold.
    pub fold: FoldCycles,
    /// Elements that cross between SRAM and array, by operand: reads of input and weight, writes of
    /// output.
    pub array_side_elements: ByOperand<u128>,
    /// How often an operand crosses between DRAM and SRAM if it does not fit into its SRAM.
    pub passes: ByOperand<u64>,
}

impl Schedule {
    /// Number of folds.
    pub fn folds(&self) -> u128 {
        u128::from(self.row_folds) * u128::from(self.column_folds)
    }

    /// Cycles of all folds: folds · cycles of one fold.
    pub fn compute_cycles(&self) -> u128 {
        self.folds() * u128::from(self.fold.total())
    }
}

/// The timetable of `work` on an array of `array` processing elements that work as `mac`.
///
/// A product with a dimension of zero has none: all its numbers are 0.
pub fn schedule(array: Array, dataflow: Dataflow, mac: &MacUnit, work: &GemmWork) -> Schedule {
    if work.macs() == 0 {
        return Schedule::default();
    }
    match dataflow {
        Dataflow::OutputStationary => {
            let stream = mac.cycles(work.shape().k, work);
            output_stationary::schedule(array, work.shape(), stream)
        }
    }
}
