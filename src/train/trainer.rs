//! One optimiser step after the other.

use super::accounting::{Accountant, LayerTotals, PendingWeights, StepAccounts};
use super::asgd::{Asgd, LossComposition, PenaltyTerm, word_length_penalty};
use super::error::TrainError;
use super::evaluation::{batch_of, context, evaluate};
use super::options::{RunOptions, Schedule};
use super::plateau::ReduceOnPlateau;
use super::terms::{cost_options, layer_costs, penalty_terms};
use crate::cost::{CostAccumulator, LayerStep, SwitchState};
use crate::data::{Dataset, EpochOrder};
use crate::network::vector::softmax_cross_entropy::softmax_cross_entropy;
use crate::network::{Context, Initialisation, Network, arch};
use crate::precision::{
    ControllerOptions, ControllerReport, Decision, EpochEnd, NumberFormat, PrecisionController,
    Step, TensorView,
};
use hwmodel::block_float;
use hwmodel::machine::Machine;
use hwmodel::quantise::{self, QuantiseCounts};
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Accumulator, FixedTensor, Rounding, SimdLevel};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Where a run stands. Everything counts from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Epochs completed.
    pub epoch: u32,
    /// Optimiser steps done in the epoch under way.
    pub step_in_epoch: u64,
    /// Optimiser steps done.
    pub step: u64,
    /// Micro-batches done: the step part of the address of random numbers.
    pub pass: u64,
}

/// An evaluation on the test set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Optimiser steps done before it.
    pub step: u64,
    /// Epochs done before it.
    pub epoch: u32,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Share of images whose largest logit is their label's.
    pub top1: f64,
    /// Learning rate in force after it.
    pub learning_rate: f64,
}

/// What one optimiser step did.
#[derive(Debug, Clone)]
pub struct StepOutcome {
    /// Number of the step.
    pub step: u64,
    /// Epoch it belongs to.
    pub epoch: u32,
    /// The loss that the strategy saw.
    pub loss: f64,
    /// Mean cross-entropy of its images in nats.
    pub cross_entropy: f64,
    /// The word-length penalty P.
    pub penalty: Option<f64>,
    /// Share of its images that were classified right.
    pub accuracy: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Norm of the quantised gradient of all parameters, before normalisation.
    pub gradient_norm: f64,
    /// Counts and costs.
    pub accounts: StepAccounts,
    /// For each MAC layer: format in force, non-zero weights, controller state after the step.
    pub layers: Vec<(NumberFormat, u64, ControllerReport)>,
    /// Images seen.
    pub images: usize,
}

/// A run in memory.
pub struct Trainer {
    pub(super) options: RunOptions,
    pub(super) dataset: Dataset,
    pub(super) machine: Machine,
    pub(super) accumulator: Accumulator,
    pub(super) simd: SimdLevel,
    pub(super) network: Network,
    pub(super) controller: Box<dyn PrecisionController>,
    pub(super) optimisers: Vec<Asgd>,
    pub(super) plateau: Option<ReduceOnPlateau>,
    pub(super) learning_rate: f64,
    pub(super) costs: CostAccumulator,
    pub(super) position: Position,
    pub(super) pending: Vec<PendingWeights>,
    pub(super) totals: Vec<LayerTotals>,
    pub(super) evaluations: Vec<Evaluation>,
    pub(super) last_loss: f64,
    pub(super) stopped: bool,
    owners: Vec<usize>,
    order: Option<(u32, EpochOrder)>,
    images: Vec<f32>,
}

/// Random numbers of an evaluation never meet those of training.
const EVALUATION_PASS: u64 = 1 << 63;

impl Trainer {
    /// Builds the network and everything around it; no step is taken.
    ///
    /// # Errors
    /// If an option does not fit the others or the data.
    pub fn new(
        options: RunOptions,
        dataset: Dataset,
        machine: Machine,
        simd: SimdLevel,
    ) -> Result<Self, TrainError> {
        let train = &dataset.train;
        let needed = options.batch_size * options.optimiser.accumulation as usize;
        if train.len() < needed {
            return Err(TrainError::TooFewImages { images: train.len(), needed });
        }
        let task = arch::Task {
            input: [train.height, train.width, train.channels],
            classes: dataset.classes(),
            initialisation: Initialisation {
                seed: options.seed,
                scale: options.initialisation_scale,
            },
        };
        let network = arch::build(&options.arch, &task)?;
        let infos = network.tensor_infos();
        let controller = options.controller.build(&infos)?;
        let optimisers = network
            .parameters
            .iter()
            .map(|parameter| {
                Asgd::new(options.optimiser, parameter.master.len()).map_err(|source| {
                    TrainError::Optimiser { parameter: parameter.name.clone(), source }
                })
            })
            .collect::<Result<_, _>>()?;
        let plateau = match &options.schedule {
            Schedule::Plateau(plateau) => {
                Some(ReduceOnPlateau::new(*plateau, options.learning_rate))
            }
            _ => None,
        };
        let costs = CostAccumulator::new(cost_options(&options), &layer_costs(&network, &options))?;
        let layers = network.mac_layers.len();
        let owners = network.parameter_owners();
        let mut trainer = Self {
            accumulator: options.accumulator.unwrap_or(machine.accumulator()),
            learning_rate: options.learning_rate,
            options,
            dataset,
            machine,
            simd,
            network,
            controller,
            optimisers,
            plateau,
            costs,
            position: Position::default(),
            pending: vec![PendingWeights::default(); layers],
            totals: vec![LayerTotals::default(); layers],
            evaluations: Vec::new(),
            last_loss: f64::NAN,
            stopped: false,
            owners,
            order: None,
            images: Vec::new(),
        };
        for tensor in 0..infos.len() {
            trainer.requantise_weights(tensor)?;
        }
        Ok(trainer)
    }

    /// The options of the run.
    pub fn options(&self) -> &RunOptions {
        &self.options
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The data.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The accumulator in force.
    pub fn accumulator(&self) -> Accumulator {
        self.accumulator
    }

    /// The controller's name.
    pub fn controller_name(&self) -> &'static str {
        self.controller.name()
    }

    /// Where the run stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Sums over the steps so far, by layer on the array.
    pub fn totals(&self) -> &[LayerTotals] {
        &self.totals
    }

    /// Evaluations so far.
    pub fn evaluations(&self) -> &[Evaluation] {
        &self.evaluations
    }

    /// Optimiser steps of an epoch; images that do not fill an update are left out of that epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        let images = self.options.batch_size * self.options.optimiser.accumulation as usize;
        (self.dataset.train.len() / images) as u64
    }

    /// Optimiser steps of the whole run.
    pub fn total_steps(&self) -> u64 {
        let all = self.steps_per_epoch() * u64::from(self.options.epochs);
        self.options.max_steps.map_or(all, |steps| steps.min(all))
    }

    /// Whether the run is complete.
    pub fn finished(&self) -> bool {
        self.stopped || self.position.step >= self.total_steps()
    }

    /// Whether the last step completed an epoch that has not been closed by [`Trainer::end_epoch`].
    pub fn epoch_complete(&self) -> bool {
        self.position.step_in_epoch == self.steps_per_epoch()
    }

    /// Mean word length in bits over the MAC layers, as in force now.
    pub fn mean_word_length(&self) -> f64 {
        let layers = &self.network.mac_layers;
        let sum: u32 = layers
            .iter()
            .map(|layer| self.network.parameters[layer.weight].formats.weight.word_length())
            .sum();
        f64::from(sum) / layers.len() as f64
    }

    /// Takes one optimiser step.
    ///
    /// # Errors
    /// If training has diverged.
    pub fn step(&mut self) -> Result<StepOutcome, TrainError> {
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
        self.pending.fill(PendingWeights::default());

        let in_force: Vec<(NumberFormat, u64)> = self
            .network
            .mac_layers
            .iter()
            .map(|layer| {
                let weight = &self.network.parameters[layer.weight];
                let quantised = weight.quantised.as_ref();
                let format = quantised
                    .map_or(NumberFormat::Float32, |tensor| NumberFormat::Fixed(tensor.format()));
                (format, weight.nonzero())
            })
            .collect();
        let (loss, penalty, gradient_norm) =
            self.prepare_gradients(last_cross_entropy, &mut accounts)?;
        let decision = self.ask_controller(loss)?;
        let layers = self.record(&in_force, &accounts, &decision)?;
        let outcome = StepOutcome {
            step: self.position.step,
            epoch: self.position.epoch,
            loss,
            cross_entropy: cross_entropy / f64::from(accumulation),
            penalty,
            accuracy: correct as f64 / images as f64,
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
        for tensor in 0..self.network.parameters.len() {
            self.requantise_weights(tensor)?;
        }
        self.apply(&decision);
        Ok(outcome)
    }

    /// Closes an epoch: evaluates, and lets schedule and controller react.
    ///
    /// # Errors
    /// If training has diverged.
    pub fn end_epoch(&mut self) -> Result<Evaluation, TrainError> {
        let (loss, top1) = self.evaluate()?;
        self.position.epoch += 1;
        self.position.step_in_epoch = 0;
        if let Some(plateau) = &mut self.plateau {
            self.learning_rate = plateau.step(loss);
        }
        if let Schedule::Step { milestones, factor } = &self.options.schedule
            && milestones.contains(&self.position.epoch)
        {
            self.learning_rate *= factor;
        }
        let views = views(&self.network, &self.optimisers);
        let epoch = EpochEnd { epoch: self.position.epoch - 1, tensors: &views };
        let decision = self.controller.end_of_epoch(&epoch)?;
        for switch in &decision.switches {
            self.requantise_weights(switch.tensor)?;
        }
        self.apply(&decision);
        self.count_switches(&decision);
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

    /// Forward and backward pass of one micro-batch: cross-entropy, hits and images.
    fn micro_batch(
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
        let labels: Vec<u16> =
            indices.iter().map(|&i| self.dataset.train.labels[i as usize]).collect();
        let mut pass = self.network.forward(images, &context)?;
        let mut gradient = vec![0.0; pass.logits.len()];
        let classes = self.network.classes;
        let loss = softmax_cross_entropy(&pass.logits, classes, &labels, 1.0, &mut gradient)?;
        let gradients = self.network.backward(&mut pass, gradient, &context, false)?;
        let accountant = Accountant { machine: &self.machine, accumulator: self.accumulator };
        accounts.add_pass(&accountant, &pass.tallies)?;
        for ((optimiser, gradient), parameter) in
            self.optimisers.iter_mut().zip(&gradients.parameters).zip(&self.network.parameters)
        {
            optimiser.accumulate(gradient).map_err(|source| TrainError::Optimiser {
                parameter: parameter.name.clone(),
                source,
            })?;
        }
        self.position.pass += 1;
        Ok((loss.loss, loss.correct, indices.len()))
    }

    /// Adds regularisers, quantises and normalises gradients; returns the loss that the strategy
    /// sees, the penalty and the norm of all gradients.
    fn prepare_gradients(
        &mut self,
        cross_entropy: f64,
        accounts: &mut StepAccounts,
    ) -> Result<(f64, Option<f64>, f64), TrainError> {
        let simd = self.simd;
        let parameters = &self.network.parameters;
        let hardware: Vec<Cow<'_, [f32]>> =
            parameters.iter().map(|parameter| parameter.hardware_values(simd)).collect();
        let quantising = !matches!(self.options.controller, ControllerOptions::Float32);
        let penalty = (self.options.penalty && quantising).then(|| {
            let terms: Vec<PenaltyTerm> = penalty_terms(&self.network, &self.options);
            word_length_penalty(&terms)
        });
        let composition = LossComposition {
            cross_entropy,
            l1: self.options.optimiser.l1.into(),
            l2: self.options.optimiser.weight_decay.into(),
            penalty,
            accumulation: self.options.optimiser.accumulation,
        };
        let loss = composition.value(hardware.iter().map(|values| &**values));
        let mut square = 0.0;
        for (tensor, optimiser) in self.optimisers.iter_mut().enumerate() {
            let parameter = &parameters[tensor];
            let format = parameter.formats.gradient;
            let address = RandomAddress {
                seed: self.options.seed,
                step: self.position.step,
                layer: tensor as u32,
                role: Role::Gradient,
                source: self.options.random,
            };
            let mut counts = QuantiseCounts::default();
            let rounding = self.options.rounding.gradients;
            let norm = optimiser
                .prepare(&hardware[tensor], |gradient| {
                    counts = quantise_in_place(simd, gradient, format, rounding, address)?;
                    Ok(())
                })
                .map_err(|source| TrainError::Optimiser {
                    parameter: parameter.name.clone(),
                    source,
                })?;
            accounts.add_gradient(self.owners[tensor], counts);
            square += norm * norm;
        }
        Ok((loss, penalty, square.sqrt()))
    }

    fn ask_controller(&mut self, loss: f64) -> Result<Decision, TrainError> {
        let views = views(&self.network, &self.optimisers);
        Ok(self.controller.update(&Step { loss, tensors: &views })?)
    }

    /// Adds a step to costs and totals.
    fn record(
        &mut self,
        in_force: &[(NumberFormat, u64)],
        accounts: &StepAccounts,
        decision: &Decision,
    ) -> Result<Vec<(NumberFormat, u64, ControllerReport)>, TrainError> {
        let mut steps = Vec::with_capacity(in_force.len());
        let mut layers = Vec::with_capacity(in_force.len());
        for (index, layer) in self.network.mac_layers.iter().enumerate() {
            let (format, nonzero) = in_force[index];
            let report = self.controller.report(layer.weight);
            let switch = report.lookback.zip(report.resolution);
            let switch = switch.map(|(lookback, resolution)| SwitchState { lookback, resolution });
            steps.push(LayerStep { word_length: format.word_length(), nonzero, switch });
            layers.push((format, nonzero, report));
            self.totals[index].add(&accounts.layers[index], format.fixed());
        }
        // The equations count micro-batches.
        for _ in 0..self.options.optimiser.accumulation {
            self.costs.step(&steps)?;
        }
        self.count_switches(decision);
        Ok(layers)
    }

    fn count_switches(&mut self, decision: &Decision) {
        for switch in &decision.switches {
            let layers = self.network.mac_layers.iter().zip(&mut self.totals);
            for (_, totals) in layers.filter(|(layer, _)| layer.weight == switch.tensor) {
                totals.switches += 1;
            }
        }
    }

    fn apply(&mut self, decision: &Decision) {
        self.learning_rate *= decision.learning_rate_factor;
        self.stopped |= decision.stop;
    }

    /// Gives parameter `tensor` the controller's format and quantises its master values anew.
    fn requantise_weights(&mut self, tensor: usize) -> Result<(), TrainError> {
        let formats = self.controller.formats()[tensor];
        let owner = self.owners[tensor];
        let parameter = &mut self.network.parameters[tensor];
        let is_weight = self.network.mac_layers[owner].weight == tensor;
        // The array is configured for the formats of products: weights and activations.
        let changed = (parameter.formats.weight, parameter.formats.activation)
            != (formats.weight, formats.activation);
        let started = self.position.pass > 0;
        self.pending[owner].reconfigured |= is_weight && changed && started;
        parameter.formats = formats;
        let format = match formats.weight {
            NumberFormat::Float32 => None,
            NumberFormat::Fixed(format) => Some(format),
            NumberFormat::DynamicFixed { wl } => {
                let name = &parameter.name;
                let format = block_float::tensor_format(&parameter.master, wl);
                Some(format.map_err(|source| crate::network::NetworkError::Scale {
                    what: "weights",
                    layer: name.clone(),
                    source,
                })?)
            }
        };
        match format {
            None => parameter.quantised = None,
            Some(format) => {
                let address = RandomAddress {
                    seed: self.options.seed,
                    step: self.position.step,
                    layer: tensor as u32,
                    role: Role::Weight,
                    source: self.options.random,
                };
                let rounding = self.options.rounding.weights;
                let master = &parameter.master;
                let (data, counts) = quantise::quantise(
                    self.simd, master, format, rounding, address,
                )
                .map_err(|source| crate::network::NetworkError::Diverged {
                    what: "weights",
                    layer: parameter.name.clone(),
                    source,
                })?;
                self.pending[owner].counts += counts;
                let tensor = FixedTensor::new(&parameter.shape, format, data)
                    .map_err(crate::network::NetworkError::from)?;
                parameter.quantised = Some(tensor);
            }
        }
        Ok(())
    }

    /// Mean loss and top-1 share of the test set.
    fn evaluate(&mut self) -> Result<(f64, f64), TrainError> {
        let context = Context {
            step: EVALUATION_PASS | self.position.step,
            ..context(&self.options, self.simd, self.accumulator, false)
        };
        let result = evaluate(&mut self.network, &self.dataset, &context, |_| {})?;
        Ok((result.loss, result.top1))
    }
}

fn views<'a>(network: &'a Network, optimisers: &'a [Asgd]) -> Vec<TensorView<'a>> {
    let pairs = network.parameters.iter().zip(optimisers);
    pairs
        .map(|(parameter, optimiser)| TensorView {
            master: &parameter.master,
            gradient: optimiser.gradient(),
        })
        .collect()
}

/// Rounds a gradient to its format, in float32 values.
fn quantise_in_place(
    simd: SimdLevel,
    values: &mut [f32],
    format: NumberFormat,
    rounding: Rounding,
    address: RandomAddress,
) -> Result<QuantiseCounts, String> {
    let format = match format {
        NumberFormat::Float32 => return Ok(QuantiseCounts::default()),
        NumberFormat::Fixed(format) => format,
        NumberFormat::DynamicFixed { wl } => {
            block_float::tensor_format(values, wl).map_err(|error| error.to_string())?
        }
    };
    let (data, counts) = quantise::quantise(simd, values, format, rounding, address)
        .map_err(|error| error.to_string())?;
    let tensor =
        FixedTensor::new(&[values.len()], format, data).map_err(|error| error.to_string())?;
    tensor.dequantise_into(simd, values);
    Ok(counts)
}
