//! Running a test set through a network.

use super::error::TrainError;
use super::options::RunOptions;
use crate::data::{Augmentation, Dataset, EpochOrder, ImageSet, fill_batch};
use crate::network::vector::softmax_cross_entropy::cross_entropy;
use crate::network::{Activation, Context, LayerTally, Network, Pass};
use hwmodel::gemm::MacArray;
use hwmodel::{Accumulator, SimdLevel};

/// Images of an evaluation batch; results do not depend on it, unless scales are chosen from the data: then
/// they are those of a batch.
const EVALUATION_BATCH: usize = 250;

/// Loss, accuracy and counts over a test set.
#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Share of images classified right.
    pub top1: f64,
    /// Images.
    pub images: usize,
}

/// A batch that an evaluation has run.
pub struct EvaluatedBatch<'a> {
    /// The images, normalised.
    pub images: &'a Activation,
    /// Their labels.
    pub labels: &'a [u16],
    /// What the network made of them.
    pub pass: &'a Pass,
}

/// Runs the test set of `dataset` through `network`; `observe` sees the counts of every batch.
///
/// # Errors
/// If images or formats do not fit, or a value is not a number.
pub fn evaluate(
    network: &mut Network,
    dataset: &Dataset,
    context: &Context,
    mut observe: impl FnMut(&[LayerTally]),
) -> Result<TestResult, TrainError> {
    evaluate_batches(network, dataset, context, |batch| observe(&batch.pass.tallies))
}

/// [`evaluate`] whose `observe` sees images, labels and outputs too.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_batches(
    network: &mut Network,
    dataset: &Dataset,
    context: &Context,
    mut observe: impl FnMut(&EvaluatedBatch<'_>),
) -> Result<TestResult, TrainError> {
    let test = &dataset.test;
    let order = EpochOrder::sequential(test.len());
    let (mut loss, mut correct) = (0.0, 0);
    let mut buffer = Vec::new();
    for (batch, indices) in order.batches(EVALUATION_BATCH).enumerate() {
        let images = batch_of(dataset, test, None, (context.seed, 0), indices, &mut buffer);
        let labels: Vec<u16> = indices.iter().map(|&i| test.labels[i as usize]).collect();
        // Batches draw from different streams if evaluation rounds stochastically.
        let step = context.step ^ ((batch as u64) << 40);
        let pass = network.forward(images.clone(), &Context { step, ..*context })?;
        let part = cross_entropy(&pass.logits, network.classes, &labels)?;
        loss += part.loss * labels.len() as f64;
        correct += part.correct;
        observe(&EvaluatedBatch { images: &images, labels: &labels, pass: &pass });
    }
    let images = test.len();
    let count = images.max(1) as f64;
    Ok(TestResult { loss: loss / count, top1: correct as f64 / count, images })
}

/// The settings of a pass.
pub(super) fn context(
    options: &RunOptions,
    simd: SimdLevel,
    accumulator: Accumulator,
    training: bool,
) -> Context {
    let rounding =
        if training { options.rounding.activations } else { options.rounding.evaluation };
    Context {
        array: MacArray { simd, accumulator },
        rounding,
        random: options.random,
        overflow: options.overflow,
        seed: options.seed,
        step: 0,
        training,
        backward: options.backward,
    }
}

/// Images `indices` of a set, normalised.
pub(super) fn batch_of(
    dataset: &Dataset,
    set: &ImageSet,
    augmentation: Option<&Augmentation>,
    (seed, epoch): (u64, u32),
    indices: &[u32],
    buffer: &mut Vec<f32>,
) -> Activation {
    fill_batch(set, &dataset.normalisation, augmentation, seed, epoch.into(), indices, buffer);
    let shape = [indices.len(), set.height, set.width, set.channels];
    Activation::float(std::mem::take(buffer), shape)
}
