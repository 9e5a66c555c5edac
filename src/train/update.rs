//! Parameter updates: optimisers and learning rate.

use super::error::TrainError;
use super::optimiser::{Optimiser, OptimiserError};
use super::options::RunOptions;
use super::schedule::Scheduler;
use crate::network::Network;
use hwmodel::cast::nearest_f32;

/// Optimisers and learning rate of a run.
pub(super) struct Update {
    /// One for each parameter, with its gradient and moments.
    pub(super) optimisers: Vec<Optimiser>,
    /// Changes the learning rate.
    pub(super) scheduler: Scheduler,
    /// Learning rate of the next update.
    pub(super) learning_rate: f64,
}

impl Update {
    /// The update of `network`'s parameters in epochs of `steps_per_epoch` steps.
    ///
    /// # Errors
    /// If an option of the optimiser or the schedule is out of range.
    pub(super) fn new(
        network: &Network,
        options: &RunOptions,
        steps_per_epoch: u64,
    ) -> Result<Self, TrainError> {
        let optimiser = |parameter: &crate::network::Parameter| {
            Optimiser::new(options.optimiser, parameter.master.len())
                .map_err(|source| named(&parameter.name, source))
        };
        let optimisers = network.parameters.iter().map(optimiser).collect::<Result<_, _>>()?;
        let (schedule, rate) = (&options.schedule, options.learning_rate);
        let scheduler = Scheduler::new(schedule, rate, options.epochs, steps_per_epoch)?;
        let learning_rate = scheduler.after_step(0, rate);
        Ok(Self { optimisers, scheduler, learning_rate })
    }

    /// Adds the gradients of a micro-batch, one a parameter of `network`.
    pub(super) fn accumulate(
        &mut self,
        network: &Network,
        gradients: Vec<Vec<f32>>,
    ) -> Result<(), TrainError> {
        let tensors = self.optimisers.iter_mut().zip(gradients).zip(&network.parameters);
        for ((optimiser, gradient), parameter) in tensors {
            let added = optimiser.accumulate(gradient);
            added.map_err(|source| named(&parameter.name, source))?;
        }
        Ok(())
    }

    /// Changes the master values of `network` by the prepared gradients.
    pub(super) fn apply(&mut self, network: &mut Network) -> Result<(), TrainError> {
        let rate = nearest_f32(self.learning_rate);
        for (parameter, optimiser) in network.parameters.iter_mut().zip(&mut self.optimisers) {
            let updated = optimiser.update(&mut parameter.master, rate);
            updated.map_err(|source| named(&parameter.name, source))?;
        }
        Ok(())
    }

    /// Sets the learning rate after `steps` steps.
    pub(super) fn after_step(&mut self, steps: u64) {
        self.learning_rate = self.scheduler.after_step(steps, self.learning_rate);
    }

    /// Sets the learning rate after `epochs` epochs, the last of which had the test loss `loss`.
    pub(super) fn after_epoch(&mut self, epochs: u32, loss: f64) {
        self.learning_rate = self.scheduler.after_epoch(epochs, loss, self.learning_rate);
    }
}

/// An error of the optimiser of `parameter`.
pub(super) fn named(parameter: &str, source: OptimiserError) -> TrainError {
    TrainError::Optimiser { parameter: parameter.to_owned(), source }
}
