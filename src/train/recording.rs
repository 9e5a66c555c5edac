//! Costs and totals of a step.

use super::accounting::StepAccounts;
use super::error::TrainError;
use super::trainer::Trainer;
use crate::cost::{LayerStep, SwitchState};
use crate::precision::{ControllerReport, Decision, NumberFormat};

impl Trainer {
    /// Adds a step to costs and totals.
    pub(super) fn record(
        &mut self,
        in_force: &[(NumberFormat, u64)],
        accounts: &StepAccounts,
        decision: &Decision,
    ) -> Result<Vec<(NumberFormat, u64, ControllerReport)>, TrainError> {
        let mut steps = Vec::with_capacity(in_force.len());
        let mut layers = Vec::with_capacity(in_force.len());
        for (index, layer) in self.network.mac_layers.iter().enumerate() {
            let (format, nonzero) = in_force[index];
            let report = self.controller.report(layer.weight);
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
}
