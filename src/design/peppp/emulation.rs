//! Training in small floats around float32 products, as PEPPP emulates it (papers/peppp.md section 2.2).
//!
//! Format A rounds weights, the output of every layer that computes, and the gradients that flow back to those. Format B
//! rounds gradients of parameters, then, after each step on them, the accumulators (the copy of the weights that is
//! updated) and the momentum; a weight is its accumulator in format A. Sums, the loss and batch norm
//! are float32.

use super::PepppError;
use super::training::{Measurement, TrainingSetup, diverged};
use crate::data::{Dataset, EpochOrder, Preparation, SampleSet};
use crate::network::vector::softmax_cross_entropy::{cross_entropy, softmax_cross_entropy};
use crate::network::{
    Activation, BackwardArithmetic, Between, Initialisation, Network, NetworkError, PassSettings,
    arch,
};
use crate::train::optimiser::RuleOptions;
use crate::train::{RunOptions, Schedule, TrainError};
use hwmodel::array::MacArray;
use hwmodel::cast::{exact, index, nearest_f32};
use hwmodel::number::minifloat::{self, Minifloat};
use hwmodel::number::quantise::NotANumber;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Rounding, SimdLevel};
use std::sync::atomic::{AtomicBool, Ordering};

/// Images of a batch of the test set.
const TEST_BATCH: usize = 250;
/// Separates the random numbers of evaluation from those of training.
const TEST_STEP: u64 = 1 << 63;

/// Trains and tests under formats A and B.
pub(super) fn measure(
    setup: &TrainingSetup,
    (operands, optimiser): (Minifloat, Minifloat),
    dataset: &Dataset,
    stop: &AtomicBool,
) -> Result<Measurement, PepppError> {
    let mut run = Run::new(setup, (operands, optimiser), dataset)?;
    let steps = run.steps_per_epoch() * u64::from(setup.options.epochs);
    let steps = setup.options.max_steps.map_or(steps, |most| steps.min(most));
    match run.train(steps, stop).and_then(|()| run.test()) {
        Ok(error) => Ok(Measurement { error, diverged: false, steps }),
        Err(PepppError::Train(error)) if diverged(&error) => {
            Ok(Measurement::diverged(dataset.classes(), steps))
        }
        Err(error) => Err(error),
    }
}

/// Rounds in place; `layer` and `role` address the random numbers of stochastic rounding.
#[derive(Clone, Copy)]
struct Quantiser {
    simd: SimdLevel,
    rounding: Rounding,
    seed: u64,
    step: u64,
    random: hwmodel::random::RandomSource,
}

impl Quantiser {
    fn apply(
        &self,
        values: &mut [f32],
        format: Minifloat,
        (layer, role): (usize, Role),
        (what, name): (&'static str, &str),
    ) -> Result<(), NetworkError> {
        let Self { simd, rounding, seed, step, random: source } = *self;
        let address =
            RandomAddress { seed, step, layer: exact::<u32>(layer), part: None, role, source };
        let rounded = minifloat::quantise_in_place(simd, values, format, rounding, address);
        // The format exists, so a number without a place in it is what can go wrong.
        rounded.map(|_| ()).map_err(|_| NetworkError::Diverged {
            what,
            layer: name.to_owned(),
            source: NotANumber { index: values.iter().position(|v| v.is_nan()).unwrap_or(0) },
        })
    }
}

/// Format A between layers.
struct InOperands {
    format: Minifloat,
    quantiser: Quantiser,
}

impl Between for InOperands {
    fn output(&mut self, node: usize, name: &str, values: &mut [f32]) -> Result<(), NetworkError> {
        let place = (node, Role::Activation);
        self.quantiser.apply(values, self.format, place, ("output", name))
    }

    fn gradient(
        &mut self,
        node: usize,
        name: &str,
        values: &mut [f32],
    ) -> Result<(), NetworkError> {
        self.quantiser.apply(values, self.format, (node, Role::Error), ("gradient", name))
    }
}

/// A run in memory.
struct Run<'a> {
    setup: &'a TrainingSetup,
    dataset: &'a Dataset,
    operands: Minifloat,
    optimiser: Minifloat,
    network: Network,
    /// The weights in format B, by parameter.
    accumulators: Vec<Vec<f32>>,
    /// Momentum in format B, by parameter; empty before the first step.
    momentum: Vec<Vec<f32>>,
    images: Vec<f32>,
}

impl<'a> Run<'a> {
    fn new(
        setup: &'a TrainingSetup,
        (operands, optimiser): (Minifloat, Minifloat),
        dataset: &'a Dataset,
    ) -> Result<Self, PepppError> {
        let options = &setup.options;
        check(options)?;
        let train = &dataset.train;
        if dataset.text.is_some() {
            return Err(PepppError::Images(dataset.name.clone()));
        }
        if train.len() < options.batch_size {
            let (images, needed) = (train.len(), options.batch_size);
            return Err(TrainError::TooFewImages { images, needed }.into());
        }
        let task = arch::Task {
            input: train.input(),
            classes: dataset.classes(),
            initialisation: Initialisation {
                seed: options.seed,
                scale: options.initialisation_scale,
            },
        };
        let network = arch::build(&options.arch, &task)?;
        let mut run = Self {
            setup,
            dataset,
            operands,
            optimiser,
            accumulators: network.parameters.iter().map(|p| p.master.clone()).collect(),
            momentum: vec![Vec::new(); network.parameters.len()],
            network,
            images: Vec::new(),
        };
        for parameter in 0..run.accumulators.len() {
            // Step 0 of training rounds under other addresses: those of the run's state.
            run.quantise_state(parameter, u64::MAX)?;
        }
        Ok(run)
    }

    fn steps_per_epoch(&self) -> u64 {
        (self.dataset.train.len() / self.setup.options.batch_size) as u64
    }

    fn quantiser(&self, rounding: Rounding, step: u64) -> Quantiser {
        let RunOptions { seed, random, .. } = self.setup.options;
        Quantiser { simd: self.setup.simd, rounding, seed, step, random }
    }

    fn train(&mut self, steps: u64, stop: &AtomicBool) -> Result<(), PepppError> {
        let (seed, size) = (self.setup.options.seed, self.setup.options.batch_size);
        let per_epoch = self.steps_per_epoch();
        let mut order = EpochOrder::new(seed, 0, self.dataset.train.len());
        for step in 0..steps {
            if stop.load(Ordering::SeqCst) {
                return Err(PepppError::Stopped);
            }
            let (epoch, batch) = (step / per_epoch, index(step % per_epoch));
            if batch == 0 {
                order = EpochOrder::new(seed, epoch, self.dataset.train.len());
            }
            let indices = &order.indices()[batch * size..(batch + 1) * size];
            self.step(step, epoch, indices)?;
        }
        Ok(())
    }

    /// Images `indices` of `set` in format A.
    fn batch(
        &mut self,
        (set, varied): (&SampleSet, bool),
        epoch: u64,
        indices: &[u32],
        quantiser: &Quantiser,
    ) -> Result<Activation, PepppError> {
        let options = &self.setup.options;
        let augmentation = self.dataset.augmentation.as_ref().filter(|_| varied && options.augment);
        let normalisation = &self.dataset.normalisation;
        let place = (options.seed, epoch);
        let preparation = Preparation { normalisation, augmentation, place };
        set.fill(&preparation, indices, &mut self.images);
        let [h, w, c] = set.input();
        let mut values = std::mem::take(&mut self.images);
        let place = (self.network.nodes.len(), Role::Activation);
        quantiser
            .apply(&mut values, self.operands, place, ("input", "image"))
            .map_err(TrainError::from)?;
        Ok(Activation::float(values, [indices.len(), h, w, c]))
    }

    fn context(&self, quantiser: &Quantiser, training: bool) -> PassSettings {
        let options = &self.setup.options;
        let accumulator = options.accumulator.unwrap_or(self.setup.machine.accumulator());
        PassSettings {
            array: MacArray { simd: self.setup.simd, accumulator },
            rounding: quantiser.rounding,
            random: options.random,
            overflow: options.overflow,
            seed: options.seed,
            step: quantiser.step,
            training,
            backward: BackwardArithmetic::Float32,
        }
    }

    fn step(&mut self, step: u64, epoch: u64, indices: &[u32]) -> Result<(), PepppError> {
        let quantiser = self.quantiser(self.setup.options.rounding.activations, step);
        let dataset = self.dataset;
        let images = self.batch((&dataset.train, true), epoch, indices, &quantiser)?;
        let labels = dataset.train.targets(indices);
        let context = self.context(&quantiser, true);
        let mut between = InOperands { format: self.operands, quantiser };
        let mut pass = self
            .network
            .forward_with(images, &context, Some(&mut between))
            .map_err(TrainError::from)?;
        let mut gradient = vec![0.0; pass.logits.len()];
        let classes = self.network.classes;
        softmax_cross_entropy(&pass.logits, classes, &labels, 1.0, &mut gradient)
            .map_err(TrainError::from)?;
        let gradients = self
            .network
            .backward_with(&mut pass, gradient, &context, false, Some(&mut between))
            .map_err(TrainError::from)?;
        for (parameter, gradient) in gradients.parameters.into_iter().enumerate() {
            self.update(parameter, gradient, step)?;
        }
        Ok(())
    }

    /// g ← Q_B(g); d = g + β·w; m ← Q_B(μ·m + d) (m = d in the first step); w ← Q_B(w - η·m) with m before it
    /// is rounded; the weight of products is Q_A(w).
    fn update(
        &mut self,
        parameter: usize,
        mut gradient: Vec<f32>,
        step: u64,
    ) -> Result<(), PepppError> {
        let options = &self.setup.options;
        let quantiser = self.quantiser(options.rounding.gradients, step);
        let name = &self.network.parameters[parameter].name;
        let place = (parameter, Role::Gradient);
        quantiser
            .apply(&mut gradient, self.optimiser, place, ("gradient", name))
            .map_err(TrainError::from)?;
        let (momentum, decay) = (momentum_of(options)?, options.optimiser.weight_decay);
        let rate = nearest_f32(options.learning_rate);
        let accumulator = &mut self.accumulators[parameter];
        let state = &mut self.momentum[parameter];
        for (g, w) in gradient.iter_mut().zip(accumulator.iter()) {
            *g += decay * w;
        }
        if momentum > 0.0 && !state.is_empty() {
            for (m, d) in state.iter_mut().zip(&gradient) {
                *m = momentum * *m + d;
            }
        } else {
            *state = gradient;
        }
        for (w, m) in accumulator.iter_mut().zip(state.iter()) {
            *w -= rate * m;
        }
        self.quantise_state(parameter, step)
    }

    /// Rounds accumulator and momentum to B and makes the weight of the accumulator.
    fn quantise_state(&mut self, parameter: usize, step: u64) -> Result<(), PepppError> {
        let rounding = &self.setup.options.rounding;
        let quantiser = self.quantiser(rounding.weights, step);
        let of_state = self.quantiser(rounding.gradients, step);
        // Numbers beyond those of the parameters address their states.
        let state = parameter + self.accumulators.len();
        let weight = &mut self.network.parameters[parameter];
        let accumulator = &mut self.accumulators[parameter];
        let momentum = &mut self.momentum[parameter];
        let (optimiser, operands) = (self.optimiser, self.operands);
        let round = |quantiser: &Quantiser, values: &mut [f32], format, place, what| {
            let rounded = quantiser.apply(values, format, place, (what, &weight.name));
            rounded.map_err(TrainError::from)
        };
        round(&quantiser, accumulator, optimiser, (state, Role::Weight), "accumulators")?;
        round(&of_state, momentum, optimiser, (state, Role::Gradient), "momentum")?;
        let mut rounded = accumulator.clone();
        round(&quantiser, &mut rounded, operands, (parameter, Role::Weight), "weights")?;
        weight.master = rounded;
        Ok(())
    }

    /// The share of test images classified wrong.
    fn test(&mut self) -> Result<f64, PepppError> {
        let dataset = self.dataset;
        let order = EpochOrder::sequential(dataset.test.len());
        let (mut correct, classes) = (0, self.network.classes);
        for (number, indices) in order.batches(TEST_BATCH).enumerate() {
            let step = TEST_STEP | number as u64;
            let quantiser = self.quantiser(self.setup.options.rounding.evaluation, step);
            let images = self.batch((&dataset.test, false), 0, indices, &quantiser)?;
            let labels = dataset.test.targets(indices);
            let context = self.context(&quantiser, false);
            let mut between = InOperands { format: self.operands, quantiser };
            let pass = self
                .network
                .forward_with(images, &context, Some(&mut between))
                .map_err(TrainError::from)?;
            let found = cross_entropy(&pass.logits, classes, &labels).map_err(TrainError::from)?;
            correct += found.correct;
        }
        let images = dataset.test.len();
        Ok((images - correct) as f64 / images.max(1) as f64)
    }
}

/// μ of stochastic gradient descent, the only rule here.
fn momentum_of(options: &RunOptions) -> Result<f32, PepppError> {
    match options.optimiser.rule {
        RuleOptions::Sgd(sgd) => Ok(sgd.momentum),
        RuleOptions::Adam(_) => Err(PepppError::Unsupported("optimiser but sgd")),
    }
}

/// Refuses settings of `hwsim train` that this loop does not have.
fn check(options: &RunOptions) -> Result<(), PepppError> {
    let optimiser = &options.optimiser;
    momentum_of(options)?;
    let unsupported = [
        (optimiser.l1 != 0.0, "l1"),
        (optimiser.accumulation != 1, "accumulation"),
        (optimiser.normalise, "normalise-gradients"),
        (options.schedule != Schedule::Constant, "schedule"),
        (options.backward != BackwardArithmetic::Float32, "backward"),
    ];
    match unsupported.into_iter().find(|(used, _)| *used) {
        Some((_, setting)) => Err(PepppError::Unsupported(setting)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
