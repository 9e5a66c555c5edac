//! The papers' cost equations over the steps of a trace (papers/adapt.md section 8).

use super::layer::LayerStepRows;
use super::series::Series;
use crate::train::paper_cost::{
    CostAccumulator, CostError, CostOptions, CostSummary, LayerCost, LayerStep, SwitchState,
    push_down_operations, push_up_operations,
};

/// Costs of a run relative to float32.
#[derive(Debug, Clone, Default)]
pub struct Costs {
    /// Memory of training at each traced step, 1 + (Σ_l WL)·(mean_l sp) / (32·layers): 2 in float32.
    pub memory: Series,
    /// Cost of each traced step, (Σ ops·sp·WL + Σ 32·ops + switching) / (2·32·Σ ops): 1 in float32.
    pub relative: Series,
    accumulator: Option<CostAccumulator>,
}

/// A layer in one step, as far as its cost goes.
struct Layer {
    cost: LayerCost,
    step: LayerStep,
    micro_batches: u64,
}

impl Layer {
    /// `None` if there was no forward product, or one too large.
    fn of(rows: &LayerStepRows) -> Option<Self> {
        let row = rows.forward.as_ref()?;
        let operations = row.shape.macs()?.checked_mul(row.groups)?;
        let switch = row.controller.lookback.zip(row.controller.resolution);
        let switch = switch.map(|(lookback, resolution)| SwitchState { lookback, resolution });
        let nonzero = row.weight_nonzero;
        Some(Self {
            cost: LayerCost { operations, elements: row.weight_elements },
            step: LayerStep { word_length: rows.word_length()?, nonzero, switch },
            micro_batches: (row.micro_batch_nonzero_macs.len() as u64).max(1),
        })
    }
}

/// The layers with a weight; products of activations count with the one before, whose formats they have, as in training.
fn weighted(all: Vec<Layer>) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::with_capacity(all.len());
    for layer in all {
        match layers.last_mut().filter(|_| layer.cost.elements == 0) {
            Some(before) => {
                let operations = before.cost.operations.saturating_add(layer.cost.operations);
                before.cost.operations = operations;
            }
            None => layers.push(layer),
        }
    }
    layers
}

impl Costs {
    /// Takes in a complete step; a step in which a layer has no forward product of a countable size is left out.
    pub(super) fn push(&mut self, step: u64, rows: &[LayerStepRows]) -> Result<(), CostError> {
        let all: Option<Vec<Layer>> = rows.iter().map(Layer::of).collect();
        let Some(layers) = all.map(weighted).filter(|layers| !layers.is_empty()) else {
            return Ok(());
        };
        let accumulation = layers[0].micro_batches;
        let accumulator = match &mut self.accumulator {
            Some(accumulator) => accumulator,
            none => {
                let sizes: Vec<LayerCost> = layers.iter().map(|layer| layer.cost).collect();
                none.insert(CostAccumulator::new(options(accumulation), &sizes)?)
            }
        };
        let steps: Vec<LayerStep> = layers.iter().map(|layer| layer.step).collect();
        // The equations count micro-batches, which are equal in a step, so one represents all.
        accumulator.step(&steps)?;
        let count = layers.len() as f64;
        let (mut bits, mut nonzero, mut cost, mut full) = (0.0, 0.0, 0.0, 0.0);
        for Layer { cost: size, step, micro_batches } in &layers {
            let share = step.nonzero as f64 / size.elements as f64;
            let word_length = f64::from(step.word_length);
            bits += word_length;
            nonzero += share;
            full += 32.0 * size.operations as f64;
            cost += size.operations as f64 * (share * word_length + 32.0);
            if let Some(SwitchState { lookback, resolution }) = step.switch {
                let push_down =
                    push_down_operations(size.elements, step.word_length, resolution, share);
                let push_up = push_up_operations(size.elements, lookback);
                let updates = f64::from(lookback) * *micro_batches as f64;
                cost += 32.0 * (push_down + push_up) / updates;
            }
        }
        self.memory.push(step, 1.0 + bits * (nonzero / count) / (32.0 * count));
        self.relative.push(step, cost / (2.0 * full));
        Ok(())
    }

    /// Every quantity over the traced steps; `None` without any. SU2 and SU3 need what no trace has.
    pub fn summary(&self) -> Option<CostSummary> {
        self.accumulator.as_ref()?.summary().ok()
    }
}

fn options(accumulation: u64) -> CostOptions {
    CostOptions {
        accumulation: u32::try_from(accumulation).unwrap_or(u32::MAX),
        // Only SU3 depends on the batch and the epochs, only the bound on the resolution.
        batch: 1,
        epochs: 1.0,
        interval: 1,
        largest_resolution: 0,
        baseline_batch: 128,
        target_accuracy: 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::trace::GemmRow;
    use hwmodel::Format;
    use hwmodel::product::{ByOperand, GemmShape};

    fn rows(wl: Option<u32>, nonzero: u64) -> LayerStepRows {
        let format = wl.map(|wl| Format::new(wl, 4).unwrap());
        let mut rows = LayerStepRows::default();
        rows.add(GemmRow {
            formats: format.map(|f| ByOperand { input: f, weight: f, output: f }),
            shape: GemmShape { m: 10, n: 10, k: 10 },
            groups: 1,
            weight_elements: 100,
            weight_nonzero: nonzero,
            micro_batch_nonzero_macs: vec![1000],
            ..GemmRow::default()
        });
        rows
    }

    #[test]
    fn float32_costs_as_much_as_itself_and_eight_sparse_bits_less() {
        let mut costs = Costs::default();
        costs.push(0, &[rows(None, 100), rows(None, 100)]).unwrap();
        assert_eq!((costs.memory.last(), costs.relative.last()), (Some(2.0), Some(1.0)));
        costs.push(1, &[rows(Some(8), 50), rows(Some(8), 50)]).unwrap();
        assert_eq!(costs.memory.last(), Some(1.0 + 8.0 * 0.5 / 32.0));
        assert_eq!(costs.relative.last(), Some((8.0 * 0.5 + 32.0) / 64.0));
        let summary = costs.summary().unwrap();
        assert_eq!(summary.mem_published, (2.0 + 1.125) / 2.0);
        assert_eq!(summary.su1_paper, 2.0 / (1.0 + 36.0 / 64.0));
    }

    #[test]
    fn impossible_steps_are_errors_and_missing_products_are_left_out() {
        let mut costs = Costs::default();
        costs.push(0, &[LayerStepRows::default()]).unwrap();
        assert!(costs.summary().is_none());
        assert!(costs.push(1, &[rows(Some(8), 101)]).is_err());
    }
}
