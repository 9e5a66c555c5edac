//! One optimiser step: micro-batches, gradients, controller, costs, update.

use super::accounting::StepAccounts;
use super::error::TrainError;
use super::gradients::Gradients;
use super::micro_batch::MicroBatch;
use super::outcome::StepOutcome;
use super::trainer::Trainer;
use crate::precision::Decision;

impl Trainer {
    /// Takes one optimiser step.
    ///
    /// # Errors
    /// If training has diverged.
    pub fn step(&mut self) -> Result<StepOutcome, TrainError> {
        self.ledger.clock.skip();
        let mut accounts = StepAccounts::new(self.model.network.mac_layers.len());
        let (seen, cross_entropy) = self.micro_batches(&mut accounts)?;
        accounts.add_weights(&self.ledger.machine, &self.model.pending);
        let in_force = self.model.in_force();

        let (options, position) = (&self.options, self.position);
        let gradients = self.update.prepare(
            &self.model,
            options,
            (self.simd, position.step),
            cross_entropy,
            &mut accounts,
        )?;
        self.ledger.clock.lap(|phases| &mut phases.update);

        let decision = self.model.after_step(gradients.loss, &self.update.optimisers)?;
        self.ledger.clock.lap(|phases| &mut phases.controller);

        let micro_batches = options.optimiser.accumulation;
        self.ledger.charge_update(&self.model, options, &mut accounts);
        let layers = self.ledger.record(&self.model, &in_force, &accounts, micro_batches)?;
        self.ledger.count_switches(&self.model.network, &decision);
        self.ledger.last_loss = gradients.loss;
        self.ledger.clock.lap(|phases| &mut phases.accounting);

        let Gradients { loss, penalty, norm } = gradients;
        let predictions = seen.images * self.dataset.train.targets_each();
        let outcome = StepOutcome {
            step: position.step,
            epoch: position.epoch,
            loss,
            cross_entropy: seen.cross_entropy / f64::from(micro_batches),
            penalty,
            accuracy: seen.correct as f64 / predictions as f64,
            learning_rate: self.update.learning_rate,
            gradient_norm: norm,
            accounts,
            layers,
            images: seen.images,
        };

        self.update.apply(&mut self.model.network)?;
        self.position.step += 1;
        self.position.step_in_epoch += 1;
        self.update.after_step(self.position.step);
        self.model.requantise_all(self.position)?;
        self.follow(&decision);
        self.ledger.clock.lap(|phases| &mut phases.update);
        Ok(outcome)
    }

    /// The passes of all micro-batches of a step: their sums, and the cross-entropy of the last.
    fn micro_batches(
        &mut self,
        accounts: &mut StepAccounts,
    ) -> Result<(MicroBatch, f64), TrainError> {
        let (mut sum, mut last) = (MicroBatch::default(), 0.0);
        for micro in 0..self.options.optimiser.accumulation {
            let seen = self.micro_batch(micro, accounts)?;
            last = seen.cross_entropy;
            sum.cross_entropy += seen.cross_entropy;
            sum.correct += seen.correct;
            sum.images += seen.images;
        }
        Ok((sum, last))
    }

    /// Follows the controller in what concerns the whole run.
    pub(super) fn follow(&mut self, decision: &Decision) {
        self.update.learning_rate *= decision.learning_rate_factor;
        self.stopped |= decision.stop;
    }
}
