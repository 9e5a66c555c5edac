//! The end of an epoch: evaluation, then the updates of schedule and controller.

use super::error::TrainError;
use super::evaluation::{context, evaluate};
use super::outcome::{Evaluation, Position};
use super::trainer::Trainer;
use crate::network::PassSettings;

/// Separates the random numbers of evaluation from those of training.
const EVALUATION_PASS: u64 = 1 << 63;

impl Trainer {
    /// Closes an epoch: evaluates, and lets schedule and controller react.
    ///
    /// # Errors
    /// If training has diverged.
    pub fn end_epoch(&mut self) -> Result<Evaluation, TrainError> {
        let (loss, top1) = self.evaluate()?;
        let closed = self.position.epoch;
        self.position.epoch += 1;
        self.position.step_in_epoch = 0;
        self.update.after_epoch(self.position.epoch, loss);
        let decision = self.model.after_epoch(closed, &self.update.optimisers)?;
        self.ledger.clock.lap(|phases| &mut phases.controller);
        for switch in &decision.switches {
            self.model.requantise(switch.tensor, self.position)?;
        }
        self.ledger.clock.lap(|phases| &mut phases.update);
        self.follow(&decision);
        self.ledger.count_switches(&self.model.network, &decision);
        self.model.mark_switches(&decision);
        Ok(self.evaluated(loss, top1))
    }

    /// Evaluates in the middle of an epoch, when a run ends there.
    ///
    /// # Errors
    /// If training has diverged.
    pub fn evaluate_now(&mut self) -> Result<Evaluation, TrainError> {
        let (loss, top1) = self.evaluate()?;
        Ok(self.evaluated(loss, top1))
    }

    /// Enters an evaluation at this place of the run.
    fn evaluated(&mut self, loss: f64, top1: f64) -> Evaluation {
        let Position { step, epoch, .. } = self.position;
        let learning_rate = self.update.learning_rate;
        let evaluation = Evaluation { step, epoch, loss, top1, learning_rate };
        self.ledger.evaluated(evaluation);
        evaluation
    }

    /// Mean loss and top-1 share of the test set.
    fn evaluate(&mut self) -> Result<(f64, f64), TrainError> {
        self.ledger.clock.skip();
        let context = PassSettings {
            step: EVALUATION_PASS | self.position.step,
            ..context(&self.options, self.simd, self.ledger.accumulator, false)
        };
        let result = evaluate(&mut self.model.network, &self.dataset, &context, |_| {})?;
        self.ledger.clock.lap(|phases| &mut phases.evaluation);
        Ok((result.loss, result.top1))
    }
}
