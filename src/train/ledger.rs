//! Running totals of a run: costs on the machine, the papers' equations, evaluations, wall time.

use super::accounting::{Accountant, LayerTotals, StepAccounts};
use super::error::TrainError;
use super::model::{InForce, Model};
use super::options::RunOptions;
use super::outcome::{Evaluation, LayerOutcome};
use super::paper_cost::{CostAccumulator, LayerStep, SwitchState};
use super::phases::{PhaseClock, PhaseSeconds};
use super::terms::{cost_options, layer_costs};
use super::weight_update::{layer_updates, update_cost};
use crate::network::{LayerTally, Network};
use crate::precision::{Decision, NumberFormat};
use hwmodel::Accumulator;
use hwmodel::machine::Machine;

/// Running totals of a run.
pub(super) struct Ledger {
    /// The machine that is charged.
    pub(super) machine: Machine,
    /// The accumulator in force: the run's, or else the machine's own.
    pub(super) accumulator: Accumulator,
    /// Sums of the papers' cost equations.
    pub(super) costs: CostAccumulator,
    /// Counts and costs of all steps, by layer on the array.
    pub(super) totals: Vec<LayerTotals>,
    /// Evaluations, in their order.
    pub(super) evaluations: Vec<Evaluation>,
    /// The last loss that the controller saw; not a number before the first step.
    pub(super) last_loss: f64,
    /// Wall time by phase.
    pub(super) clock: PhaseClock,
}

impl Ledger {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// If the cost equations are not defined for these options.
    pub(super) fn new(
        machine: Machine,
        network: &Network,
        options: &RunOptions,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            accumulator: options.accumulator.unwrap_or(machine.accumulator()),
            machine,
            costs: CostAccumulator::new(cost_options(options), &layer_costs(network, options))?,
            totals: vec![LayerTotals::default(); network.mac_layers.len()],
            evaluations: Vec::new(),
            last_loss: f64::NAN,
            clock: PhaseClock::after(PhaseSeconds::default()),
        })
    }

    /// Charges the products and vector operations of a micro-batch.
    pub(super) fn charge_pass(
        &self,
        tallies: &[LayerTally],
        accounts: &mut StepAccounts,
    ) -> Result<(), TrainError> {
        let accountant = Accountant { machine: &self.machine, accumulator: self.accumulator };
        Ok(accounts.add_pass(&accountant, tallies)?)
    }

    /// Charges the update that follows the gradients: gradients have the formats of the step, weights those that the
    /// controller has now.
    pub(super) fn charge_update(
        &self,
        model: &Model,
        options: &RunOptions,
        accounts: &mut StepAccounts,
    ) {
        let formats = model.controller.formats();
        let weight_bits = |tensor: usize| match formats[tensor].weight {
            NumberFormat::Float32 => None,
            quantised => Some(quantised.word_length()),
        };
        let updates = layer_updates(&model.network, options.optimiser.rule.work(), weight_bits);
        for (layer, update) in updates.into_iter().enumerate() {
            let cost = update_cost(&self.machine, update.operations, update.dram_bits());
            accounts.add_update(layer, cost);
        }
    }

    /// Adds a step of `micro_batches` micro-batches to costs and totals; returns what its layers did.
    pub(super) fn record(
        &mut self,
        model: &Model,
        in_force: &[InForce],
        accounts: &StepAccounts,
        micro_batches: u32,
    ) -> Result<Vec<LayerOutcome>, TrainError> {
        let mut steps = Vec::with_capacity(in_force.len());
        let mut layers = Vec::with_capacity(in_force.len());
        for (index, layer) in model.network.mac_layers.iter().enumerate() {
            let InForce { format, nonzero, switched_before } = in_force[index];
            let mut report = model.controller.report(layer.weight);
            report.switched |= switched_before;
            let switch = report.lookback.zip(report.resolution);
            let switch = switch.map(|(lookback, resolution)| SwitchState { lookback, resolution });
            if layer.has_weight() {
                steps.push(LayerStep { word_length: format.word_length(), nonzero, switch });
            }
            layers.push(LayerOutcome { format, nonzero, report });
            self.totals[index].add(&accounts.layers[index], format.fixed());
        }
        // The equations count micro-batches.
        for _ in 0..micro_batches {
            self.costs.step(&steps)?;
        }
        Ok(layers)
    }

    /// Counts the changes of format of `decision` for the final table.
    pub(super) fn count_switches(&mut self, network: &Network, decision: &Decision) {
        for switch in &decision.switches {
            let layers = network.mac_layers.iter().zip(&mut self.totals);
            for (_, totals) in layers.filter(|(layer, _)| layer.weight == switch.tensor) {
                totals.switches += 1;
            }
        }
    }

    /// Adds an evaluation.
    pub(super) fn evaluated(&mut self, evaluation: Evaluation) {
        self.costs.validation(evaluation.top1);
        self.evaluations.push(evaluation);
    }
}
