//! Forward and backward pass of one micro-batch.

use super::accounting::{Accountant, StepAccounts};
use super::error::TrainError;
use super::evaluation::{batch_of, context};
use super::trainer::Trainer;
use crate::data::EpochOrder;
use crate::network::Context;
use crate::network::vector::softmax_cross_entropy::softmax_cross_entropy;

impl Trainer {
    /// Forward and backward pass of one micro-batch: cross-entropy, hits and images.
    pub(super) fn micro_batch(
        &mut self,
        micro: u32,
        accounts: &mut StepAccounts,
    ) -> Result<(f64, usize, usize), TrainError> {
        let epoch = self.position.epoch;
        if self.order.as_ref().is_none_or(|(of, _)| *of != epoch) {
            let order = EpochOrder::new(self.options.seed, epoch.into(), self.dataset.train.len());
            self.order = Some((epoch, order));
        }
        let Some((_, order)) = &self.order else { unreachable!("set above") };
        let accumulation = u64::from(self.options.optimiser.accumulation);
        let batch = (self.position.step_in_epoch * accumulation + u64::from(micro)) as usize;
        let size = self.options.batch_size;
        let indices = &order.indices()[batch * size..(batch + 1) * size];
        let augmentation = self.dataset.augmentation.as_ref().filter(|_| self.options.augment);
        let context = Context {
            step: self.position.pass,
            ..context(&self.options, self.simd, self.accumulator, true)
        };
        let images = batch_of(
            &self.dataset,
            &self.dataset.train,
            augmentation,
            (self.options.seed, epoch),
            indices,
            &mut self.images,
        );
        let labels = self.dataset.train.targets(indices);
        self.clock.lap(|phases| &mut phases.data);
        let mut pass = self.network.forward(images, &context)?;
        let mut gradient = vec![0.0; pass.logits.len()];
        let classes = self.network.classes;
        let loss = softmax_cross_entropy(&pass.logits, classes, &labels, 1.0, &mut gradient)?;
        self.clock.split(pass.array_time, |phases| {
            (&mut phases.forward_array, &mut phases.forward_vector)
        });
        let gradients = self.network.backward(&mut pass, gradient, &context, false)?;
        self.clock.split(gradients.array_time, |phases| {
            (&mut phases.backward_array, &mut phases.backward_vector)
        });
        let accountant = Accountant { machine: &self.machine, accumulator: self.accumulator };
        accounts.add_pass(&accountant, &pass.tallies)?;
        self.clock.lap(|phases| &mut phases.accounting);
        for ((optimiser, gradient), parameter) in
            self.optimisers.iter_mut().zip(gradients.parameters).zip(&self.network.parameters)
        {
            optimiser.accumulate(gradient).map_err(|source| TrainError::Optimiser {
                parameter: parameter.name.clone(),
                source,
            })?;
        }
        self.position.pass += 1;
        self.clock.lap(|phases| &mut phases.update);
        Ok((loss.loss, loss.correct, indices.len()))
    }
}
