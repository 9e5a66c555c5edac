//! The end of an epoch: evaluation, and what schedule and controller make of it.

use super::error::TrainError;
use super::evaluation::{context, evaluate};
use super::gradients::views;
use super::outcome::{Evaluation, Position};
use super::trainer::Trainer;
use crate::network::Context;
use crate::precision::EpochEnd;

/// Random numbers of an evaluation never meet those of training.
const EVALUATION_PASS: u64 = 1 << 63;

impl Trainer {
    /// Closes an epoch: evaluates, and lets schedule and controller react.
    ///
    /// # Errors
    /// If training has diverged.
    pub fn end_epoch(&mut self) -> Result<Evaluation, TrainError> {
        let (loss, top1) = self.evaluate()?;
        self.position.epoch += 1;
        self.position.step_in_epoch = 0;
        self.learning_rate =
            self.scheduler.after_epoch(self.position.epoch, loss, self.learning_rate);
        let views = views(&self.network, &self.optimisers);
        let epoch = EpochEnd { epoch: self.position.epoch - 1, tensors: &views };
        let decision = self.controller.end_of_epoch(&epoch)?;
        self.clock.lap(|phases| &mut phases.controller);
        for switch in &decision.switches {
            self.requantise_weights(switch.tensor)?;
        }
        self.clock.lap(|phases| &mut phases.update);
        self.apply(&decision);
        self.count_switches(&decision);
        self.mark_switches(&decision);
        self.costs.validation(top1);
        let (step, epoch, learning_rate) =
            (self.position.step, self.position.epoch, self.learning_rate);
        let evaluation = Evaluation { step, epoch, loss, top1, learning_rate };
        self.evaluations.push(evaluation);
        Ok(evaluation)
    }

    /// Evaluates in the middle of an epoch, when a run ends there.
    ///
    /// # Errors
    /// If training has diverged.
    pub fn evaluate_now(&mut self) -> Result<Evaluation, TrainError> {
        let (loss, top1) = self.evaluate()?;
        self.costs.validation(top1);
        let Position { step, epoch, .. } = self.position;
        let evaluation = Evaluation { step, epoch, loss, top1, learning_rate: self.learning_rate };
        self.evaluations.push(evaluation);
        Ok(evaluation)
    }
    /// Mean loss and top-1 share of the test set.
    fn evaluate(&mut self) -> Result<(f64, f64), TrainError> {
        self.clock.skip();
        let context = Context {
            step: EVALUATION_PASS | self.position.step,
            ..context(&self.options, self.simd, self.accumulator, false)
        };
        let result = evaluate(&mut self.network, &self.dataset, &context, |_| {})?;
        self.clock.lap(|phases| &mut phases.evaluation);
        Ok((result.loss, result.top1))
    }
}
