//! Evaluates a network on a test set.

use super::error::TrainError;
use super::options::RunOptions;
use crate::data::{Augmentation, Dataset, EpochOrder, Preparation, SampleSet};
use crate::network::vector::softmax_cross_entropy::cross_entropy;
use crate::network::{Activation, LayerTally, Network, Pass, PassSettings};
use hwmodel::array::MacArray;
use hwmodel::{Accumulator, SimdLevel};

/// Most samples of an evaluation batch; results do not depend on it, unless scales are chosen from the data: then
/// they are those of a batch.
const EVALUATION_BATCH: usize = 250;
/// Most logits of an evaluation batch.
const EVALUATION_LOGITS: usize = 1 << 24;

/// Loss, accuracy and counts over a test set.
#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    /// Mean cross-entropy of a prediction in nats.
    pub loss: f64,
    /// Share of predictions that are right.
    pub top1: f64,
    /// Images or sequences.
    pub images: usize,
}

/// A batch that an evaluation has run.
pub struct EvaluatedBatch<'a> {
    /// The images, normalised, or token numbers.
    pub images: &'a Activation,
    /// Their labels or targets.
    pub labels: &'a [u16],
    /// Output of the network.
    pub pass: &'a Pass,
}

/// Runs the test set of `dataset` through `network`; `observe` sees the counts of every batch.
///
/// # Errors
/// If images or formats do not fit, or a value is not a number.
pub fn evaluate(
    network: &mut Network,
    dataset: &Dataset,
    context: &PassSettings,
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
    context: &PassSettings,
    mut observe: impl FnMut(&EvaluatedBatch<'_>),
) -> Result<TestResult, TrainError> {
    let test = &dataset.test;
    let order = EpochOrder::sequential(test.len());
    let (mut loss, mut correct) = (0.0, 0);
    let mut buffer = Vec::new();
    let logits = test.targets_each() * network.classes;
    let size = (EVALUATION_LOGITS / logits.max(1)).clamp(1, EVALUATION_BATCH);
    for (batch, indices) in order.batches(size).enumerate() {
        let images = batch_of(dataset, test, None, (context.seed, 0), indices, &mut buffer);
        let labels = test.targets(indices);
        // Batches draw from different streams if evaluation rounds stochastically.
        let step = context.step ^ ((batch as u64) << 40);
        let pass = network.forward(images.clone(), &PassSettings { step, ..*context })?;
        let part = cross_entropy(&pass.logits, network.classes, &labels)?;
        loss += part.loss * labels.len() as f64;
        correct += part.correct;
        observe(&EvaluatedBatch { images: &images, labels: &labels, pass: &pass });
    }
    let images = test.len();
    let count = (images * test.targets_each()).max(1) as f64;
    Ok(TestResult { loss: loss / count, top1: correct as f64 / count, images })
}

/// The settings of a pass.
pub(super) fn context(
    options: &RunOptions,
    simd: SimdLevel,
    accumulator: Accumulator,
    training: bool,
) -> PassSettings {
    let rounding =
        if training { options.rounding.activations } else { options.rounding.evaluation };
    PassSettings {
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

/// Samples `indices` of a set as the network takes them.
pub(super) fn batch_of(
    dataset: &Dataset,
    set: &SampleSet,
    augmentation: Option<&Augmentation>,
    (seed, epoch): (u64, u32),
    indices: &[u32],
    buffer: &mut Vec<f32>,
) -> Activation {
    let place = (seed, epoch.into());
    let normalisation = &dataset.normalisation;
    set.fill(&Preparation { normalisation, augmentation, place }, indices, buffer);
    let [h, w, c] = set.input();
    let shape = [indices.len(), h, w, c];
    Activation::float(std::mem::take(buffer), shape)
}
