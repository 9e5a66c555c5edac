//! Typed rows of a trace.

use super::update_cost::UpdateCost;
use crate::precision::ControllerReport;
use hwmodel::counters::Counters;
use hwmodel::number::accumulator::AccumulatorBits;
use hwmodel::product::{ByOperand, Gemm, GemmKind, GemmShape};
use hwmodel::{Format, Overflow};

/// Source of the accumulator width: the machine, or the options of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AccumulatorSource {
    /// The machine: on another machine they would have another width.
    #[default]
    Machine,
    /// The options of the run: on another machine they would have the same width.
    Run,
}

/// One row of a trace.
#[derive(Debug, Clone, PartialEq)]
// Rows are written and read one at a time, and nearly all of them are of the large kind.
#[allow(clippy::large_enum_variant)]
pub enum Row {
    /// A matrix product of one layer in one optimiser step.
    Gemm(GemmRow),
    /// The loss of one optimiser step.
    Step(StepRow),
    /// An evaluation on the test set.
    Evaluation(EvaluationRow),
}

impl Row {
    /// The word in column `row`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Gemm(_) => "gemm",
            Self::Step(_) => "step",
            Self::Evaluation(_) => "evaluation",
        }
    }
}

/// One kind of matrix product of one layer in one optimiser step, summed over the step's
/// micro-batches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GemmRow {
    /// Optimiser step, from 0.
    pub step: u64,
    /// Epoch, from 0.
    pub epoch: u32,
    /// Name of the layer.
    pub layer: String,
    /// Which product of the layer.
    pub kind: GemmKind,
    /// Formats of the operands in the order of the product; `None` if it ran in float32.
    pub formats: Option<ByOperand<Format>>,
    /// Registers of the accumulator.
    pub accumulator: AccumulatorBits,
    /// Source of their widths.
    pub accumulator_source: AccumulatorSource,
    /// Overflow mode of the accumulator.
    pub overflow: Overflow,
    /// Shape of one group's product in one micro-batch.
    pub shape: GemmShape,
    /// Groups of a grouped convolution: products of that shape.
    pub groups: u64,
    /// Distinct tensor elements of each operand in one group's product in one micro-batch.
    pub elements: ByOperand<u64>,
    /// Elements of the layer's weight tensor.
    pub weight_elements: u64,
    /// Elements of the weight tensor that are not zero as used in the product.
    pub weight_nonzero: u64,
    /// The precision controller's state of the weight tensor.
    pub controller: ControllerReport,
    /// Outputs whose additions were simulated one by one, since no bound proved them safe.
    pub stepped_outputs: u64,
    /// The counters.
    pub counters: Counters,
    /// Non-zero MACs of each micro-batch; their sum is in `counters`.
    pub micro_batch_nonzero_macs: Vec<u64>,
    /// Float32 operations of the vector unit in one micro-batch, of the layer and those after it up to the next
    /// on the array; 0 in gradient products.
    pub vector_operations: u64,
    /// Changes of the array's configuration before the product.
    pub reconfigurations: u64,
    /// Processing elements of the array, for the utilisation.
    pub pes: u64,
    /// The update of the layer's parameters, in the row of the weights' gradient; 0 in other rows.
    pub update: UpdateCost,
}

impl GemmRow {
    /// The product of one micro-batch.
    pub fn gemm(&self) -> Gemm {
        let Self { kind, shape, groups, elements, formats, .. } = *self;
        Gemm { kind, shape, groups, elements, formats }
    }

    /// The share of zeros in the weight tensor, 1 - non-zero / elements; `None` without elements.
    pub fn sparsity(&self) -> Option<f64> {
        (self.weight_elements > 0)
            .then(|| 1.0 - self.weight_nonzero as f64 / self.weight_elements as f64)
    }

    /// The share of the array's MAC slots used, in [0, 1]; `None` without cycles.
    pub fn utilisation(&self) -> Option<f64> {
        self.counters.utilisation(self.pes)
    }
}

/// The loss of one optimiser step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StepRow {
    /// Optimiser step, from 0.
    pub step: u64,
    /// Epoch, from 0.
    pub epoch: u32,
    /// The loss that the precision controller sees.
    pub loss: f64,
    /// Mean cross entropy over the step's images, in nats.
    pub cross_entropy: f64,
    /// Word-length penalty P in the loss; `None` if the run has none.
    pub penalty: Option<f64>,
    /// Share of the step's images classified correctly, in [0, 1].
    pub batch_accuracy: f64,
    /// Euclidean norm of the gradient over all parameters.
    pub gradient_norm: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
}

/// An evaluation on the test set.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EvaluationRow {
    /// Optimiser steps done.
    pub step: u64,
    /// Epochs done.
    pub epoch: u32,
    /// Mean cross entropy over the test set, in nats.
    pub test_loss: f64,
    /// Share of the test images whose most probable class is right, in [0, 1].
    pub top1: f64,
    /// Learning rate in force.
    pub learning_rate: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_need_something_to_be_shares_of() {
        let empty = GemmRow::default();
        assert_eq!((empty.sparsity(), empty.utilisation()), (None, None));
        let row = GemmRow { weight_elements: 8, weight_nonzero: 6, ..empty };
        assert_eq!(row.sparsity(), Some(0.25));
    }
}
