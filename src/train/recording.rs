//! Costs and totals of a step.

use super::accounting::StepAccounts;
use super::error::TrainError;
use super::trainer::Trainer;
use crate::precision::{ControllerReport, Decision, NumberFormat};
use crate::train::paper_cost::{LayerStep, SwitchState};

/// What a layer on the array ran with in a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct InForce {
    /// Format of its weight.
    pub(super) format: NumberFormat,
    /// Weights that are not zero.
    pub(super) nonzero: u64,
    /// Whether the end of the epoch before the step changed the format.
    pub(super) switched_before: bool,
}

impl Trainer {
    /// Adds a step to costs and totals.
    pub(super) fn record(
        &mut self,
        in_force: &[InForce],
        accounts: &StepAccounts,
        decision: &Decision,
    ) -> Result<Vec<(NumberFormat, u64, ControllerReport)>, TrainError> {
        let mut steps = Vec::with_capacity(in_force.len());
        let mut layers = Vec::with_capacity(in_force.len());
        for (index, layer) in self.network.mac_layers.iter().enumerate() {
            let InForce { format, nonzero, switched_before } = in_force[index];
            let mut report = self.controller.report(layer.weight);
            report.switched |= switched_before;
            let switch = report.lookback.zip(report.resolution);
            let switch = switch.map(|(lookback, resolution)| SwitchState { lookback, resolution });
            if layer.has_weight() {
                steps.push(LayerStep { word_length: format.word_length(), nonzero, switch });
            }
            layers.push((format, nonzero, report));
            self.totals[index].add(&accounts.layers[index], format.fixed());
        }
        // The equations count micro-batches.
        for _ in 0..self.options.optimiser.accumulation {
            self.costs.step(&steps)?;
        }
        self.count_switches(decision);
        Ok(layers)
    }

    /// Counts the changes of format of `decision` for the final table.
    pub(super) fn count_switches(&mut self, decision: &Decision) {
        for switch in &decision.switches {
            let layers = self.network.mac_layers.iter().zip(&mut self.totals);
            for (_, totals) in layers.filter(|(layer, _)| layer.weight == switch.tensor) {
                totals.switches += 1;
            }
        }
    }

    /// Remembers the changes of format at the end of an epoch for the trace of the next step.
    pub(super) fn mark_switches(&mut self, decision: &Decision) {
        for switch in &decision.switches {
            let layers = self.network.mac_layers.iter().zip(&mut self.pending);
            for (_, pending) in layers.filter(|(layer, _)| layer.weight == switch.tensor) {
                pending.switched_at_epoch_end = true;
            }
        }
    }
}
