//! One optimiser step: micro-batches, gradients, controller, update.

use super::accounting::{PendingWeights, StepAccounts};
use super::error::TrainError;
use super::gradients::views;
use super::outcome::StepOutcome;
use super::recording::InForce;
use super::trainer::Trainer;
use crate::precision::{Decision, NumberFormat, Step};

impl Trainer {
    /// Takes one optimiser step.
    ///
    /// # Errors
    /// If training has diverged.
    pub fn step(&mut self) -> Result<StepOutcome, TrainError> {
        self.clock.skip();
        let accumulation = self.options.optimiser.accumulation;
        let mut accounts = StepAccounts::new(self.network.mac_layers.len());
        let (mut cross_entropy, mut correct, mut images) = (0.0, 0, 0);
        let mut last_cross_entropy = 0.0;
        for micro in 0..accumulation {
            let (loss, hits, count) = self.micro_batch(micro, &mut accounts)?;
            last_cross_entropy = loss;
            cross_entropy += loss;
            correct += hits;
            images += count;
        }
        accounts.add_weights(&self.machine, &self.pending);
        let in_force: Vec<InForce> = self
            .network
            .mac_layers
            .iter()
            .zip(&self.pending)
            .map(|(layer, pending)| {
                let weight = &self.network.parameters[layer.weight];
                let quantised = weight.quantised.as_ref();
                let format = quantised
                    .map_or(NumberFormat::Float32, |tensor| NumberFormat::Fixed(tensor.format()));
                let nonzero = if layer.has_weight() { weight.nonzero() } else { 0 };
                InForce { format, nonzero, switched_before: pending.switched_at_epoch_end }
            })
            .collect();
        self.pending.fill(PendingWeights::default());
        let (loss, penalty, gradient_norm) =
            self.prepare_gradients(last_cross_entropy, &mut accounts)?;
        self.clock.lap(|phases| &mut phases.update);
        let decision = self.ask_controller(loss)?;
        self.clock.lap(|phases| &mut phases.controller);
        self.charge_update(&mut accounts);
        let layers = self.record(&in_force, &accounts, &decision)?;
        self.clock.lap(|phases| &mut phases.accounting);
        let outcome = StepOutcome {
            step: self.position.step,
            epoch: self.position.epoch,
            loss,
            cross_entropy: cross_entropy / f64::from(accumulation),
            penalty,
            accuracy: correct as f64 / (images * self.dataset.train.targets_each()) as f64,
            learning_rate: self.learning_rate,
            gradient_norm,
            accounts,
            layers,
            images,
        };
        self.last_loss = loss;
        let rate = self.learning_rate as f32;
        for (parameter, optimiser) in self.network.parameters.iter_mut().zip(&mut self.optimisers) {
            optimiser.update(&mut parameter.master, rate).map_err(|source| {
                TrainError::Optimiser { parameter: parameter.name.clone(), source }
            })?;
        }
        self.position.step += 1;
        self.position.step_in_epoch += 1;
        self.learning_rate = self.scheduler.after_step(self.position.step, self.learning_rate);
        for tensor in 0..self.network.parameters.len() {
            self.requantise_weights(tensor)?;
        }
        self.apply(&decision);
        self.clock.lap(|phases| &mut phases.update);
        Ok(outcome)
    }
    fn ask_controller(&mut self, loss: f64) -> Result<Decision, TrainError> {
        let views = views(&self.network, &self.optimisers);
        Ok(self.controller.update(&Step { loss, tensors: &views })?)
    }

    /// Follows the controller in what concerns the whole run.
    pub(super) fn apply(&mut self, decision: &Decision) {
        self.learning_rate *= decision.learning_rate_factor;
        self.stopped |= decision.stop;
    }
}
