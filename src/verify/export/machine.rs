//! The machine that the vectors are for: its folds and cycles of the layer.

use super::error::ExportError;
use super::operands::LayerOperands;
use hwmodel::cast::exact;
use hwmodel::machine::Machine;
use hwmodel::product::ByOperand;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// A layer on a machine, before memory limits (docs/machine.md, section 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineEntry {
    /// Name of the machine, or of its file.
    pub name: String,
    /// Dataflow.
    pub dataflow: String,
    /// Rows of the array.
    pub rows: u32,
    /// Columns of the array.
    pub columns: u32,
    /// Folds along the rows, of one group.
    pub row_folds: u64,
    /// Folds along the columns, of one group.
    pub column_folds: u64,
    /// Parts of the streamed dimension.
    pub blocks: u64,
    /// Cycles of a fold before anything streams.
    pub load: u64,
    /// Cycles until the last processing element has its operands.
    pub fill: u64,
    /// Cycles of a stream; of the shorter ones, if they differ by one.
    pub stream: u64,
    /// Cycles until the results have left.
    pub drain: u64,
    /// Cycles of all folds of all groups.
    pub compute_cycles: u64,
}

impl MachineEntry {
    /// The layer on `machine`.
    ///
    /// # Errors
    /// If shapes do not fit, or the product is too large for the timing model.
    pub fn new(machine: &Machine, operands: &LayerOperands) -> Result<Self, ExportError> {
        let formats = ByOperand {
            input: operands.input.format(),
            weight: operands.weights.format(),
            output: operands.output,
        };
        let gemm = operands.shapes()?.products().forward.in_formats(formats);
        let work = machine.work(&gemm, Some(operands.accumulator))?;
        let (schedule, array) = (machine.schedule(&work), machine.array());
        Ok(Self {
            name: machine.name().to_owned(),
            dataflow: machine.dataflow().name().to_owned(),
            rows: array.rows,
            columns: array.columns,
            row_folds: schedule.row_folds,
            column_folds: schedule.column_folds,
            blocks: schedule.blocks,
            load: schedule.fold.load,
            fill: schedule.fold.fill,
            stream: schedule.streams.cycles,
            drain: schedule.fold.drain,
            compute_cycles: exact(schedule.compute_cycles(array)),
        })
    }
}

/// Terms of a sum that one fold on `machine` adds: R rows of p products; all of them where sums stay in the processing elements.
///
/// # Errors
/// If shapes do not fit.
pub fn terms_of_fold(
    machine: &Machine,
    operands: &LayerOperands,
) -> Result<NonZeroUsize, ExportError> {
    let all = operands.shapes()?.terms();
    let terms = if machine.dataflow().keeps_sums() {
        all
    } else {
        let [input, weight] = [&operands.input, &operands.weights].map(|x| x.format().wl());
        let products =
            machine.mac_cost(input, weight, operands.accumulator_bits()?).throughput.terms;
        (machine.array().rows as usize).saturating_mul(products as usize).min(all)
    };
    Ok(NonZeroUsize::new(terms).unwrap_or(NonZeroUsize::MIN))
}
