//! Forward and backward pass of one micro-batch.

use super::accounting::StepAccounts;
use super::error::TrainError;
use super::evaluation::{batch_of, context};
use super::trainer::Trainer;
use crate::data::EpochOrder;
use crate::network::PassSettings;
use crate::network::vector::softmax_cross_entropy::softmax_cross_entropy;
use hwmodel::cast::index;

/// Results of the forward passes of one or more micro-batches.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MicroBatch {
    /// Mean cross-entropy of a prediction in nats, one for each micro-batch, added.
    pub(super) cross_entropy: f64,
    /// Predictions that were right.
    pub(super) correct: usize,
    /// Images or sequences.
    pub(super) images: usize,
}

impl Trainer {
    /// Forward and backward pass of micro-batch `micro` of a step. Gradients are added in the optimisers.
    pub(super) fn micro_batch(
        &mut self,
        micro: u32,
        accounts: &mut StepAccounts,
    ) -> Result<MicroBatch, TrainError> {
        let network = &mut self.model.network;
        let (ledger, options) = (&mut self.ledger, &self.options);
        let epoch = self.position.epoch;
        if self.order.as_ref().is_none_or(|(of, _)| *of != epoch) {
            let order = EpochOrder::new(options.seed, epoch.into(), self.dataset.train.len());
            self.order = Some((epoch, order));
        }
        let Some((_, order)) = &self.order else { unreachable!("set above") };
        let accumulation = u64::from(options.optimiser.accumulation);
        let batch = index(self.position.step_in_epoch * accumulation + u64::from(micro));
        let size = options.batch_size;
        let indices = &order.indices()[batch * size..(batch + 1) * size];
        let augmentation = self.dataset.augmentation.as_ref().filter(|_| options.augment);
        let context = PassSettings {
            step: self.position.pass,
            ..context(options, self.simd, ledger.accumulator, true)
        };
        let images = batch_of(
            &self.dataset,
            &self.dataset.train,
            augmentation,
            (options.seed, epoch),
            indices,
            &mut self.images,
        );
        let labels = self.dataset.train.targets(indices);
        ledger.clock.lap(|phases| &mut phases.data);
        let mut pass = network.forward(images, &context)?;
        let mut gradient = vec![0.0; pass.logits.len()];
        let classes = network.classes;
        let loss = softmax_cross_entropy(&pass.logits, classes, &labels, 1.0, &mut gradient)?;
        ledger.clock.split(pass.array_time, |phases| {
            (&mut phases.forward_array, &mut phases.forward_vector)
        });
        let gradients = network.backward(&mut pass, gradient, &context, false)?;
        ledger.clock.split(gradients.array_time, |phases| {
            (&mut phases.backward_array, &mut phases.backward_vector)
        });
        ledger.charge_pass(&pass.tallies, accounts)?;
        ledger.clock.lap(|phases| &mut phases.accounting);
        self.update.accumulate(network, gradients.parameters)?;
        self.position.pass += 1;
        ledger.clock.lap(|phases| &mut phases.update);
        let (cross_entropy, correct) = (loss.loss, loss.correct);
        Ok(MicroBatch { cross_entropy, correct, images: indices.len() })
    }
}
