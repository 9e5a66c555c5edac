//! A training run in memory: network, update, ledger and progress.

use super::accounting::LayerTotals;
use super::error::TrainError;
use super::ledger::Ledger;
use super::model::Model;
use super::options::RunOptions;
use super::outcome::{Evaluation, Position};
use super::phases::PhaseSeconds;
use super::update::Update;
use crate::data::{Dataset, EpochOrder};
use crate::network::{Initialisation, Network, arch};
use crate::precision::ControllerOptions;
use hwmodel::machine::Machine;
use hwmodel::{Accumulator, SimdLevel};

/// A run in memory: a model that is trained, an update that changes it, and a ledger of what that costs.
pub struct Trainer {
    /// All that determines the run.
    pub(super) options: RunOptions,
    /// Training and test set.
    pub(super) dataset: Dataset,
    /// Instructions of the host; no result depends on them.
    pub(super) simd: SimdLevel,
    /// Network and formats.
    pub(super) model: Model,
    /// Optimisers and learning rate.
    pub(super) update: Update,
    /// Costs, evaluations and time so far.
    pub(super) ledger: Ledger,
    /// Progress of the run.
    pub(super) position: Position,
    /// Whether the controller has ended the run.
    pub(super) stopped: bool,
    /// Order of the training set in an epoch, and which epoch that is.
    pub(super) order: Option<(u32, EpochOrder)>,
    /// Memory for the images of a micro-batch.
    pub(super) images: Vec<f32>,
}

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
        let network = network(&options, &dataset)?;
        check_stages(&options)?;
        let update = Update::new(&network, &options, (train.len() / needed) as u64)?;
        let ledger = Ledger::new(machine, &network, &options)?;
        let model = Model::new(network, &options, simd)?;
        Ok(Self {
            options,
            dataset,
            simd,
            model,
            update,
            ledger,
            position: Position::default(),
            stopped: false,
            order: None,
            images: Vec::new(),
        })
    }

    /// The options of the run.
    pub fn options(&self) -> &RunOptions {
        &self.options
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.model.network
    }

    /// The data.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.ledger.machine
    }

    /// The accumulator in force.
    pub fn accumulator(&self) -> Accumulator {
        self.ledger.accumulator
    }

    /// The controller's name.
    pub fn controller_name(&self) -> &'static str {
        self.model.controller.name()
    }

    /// Progress of the run.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Sums over the steps so far, by layer on the array.
    pub fn totals(&self) -> &[LayerTotals] {
        &self.ledger.totals
    }

    /// Wall time so far by phase, earlier parts of a resumed run included.
    pub fn phases(&self) -> PhaseSeconds {
        self.ledger.clock.seconds()
    }

    /// Evaluations so far.
    pub fn evaluations(&self) -> &[Evaluation] {
        &self.ledger.evaluations
    }

    /// Perplexity e^loss of the last evaluation, if the data are a text.
    pub fn perplexity(&self) -> Option<f64> {
        let loss = self.evaluations().last()?.loss;
        self.dataset.text.map(|_| libm::exp(loss))
    }

    /// Optimiser steps of an epoch; images that do not fill an update are left out of that epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        let images = self.options.batch_size * self.options.optimiser.accumulation as usize;
        (self.dataset.train.len() / images) as u64
    }

    /// Epochs of the steps so far, a part of one as a fraction.
    pub fn epochs_executed(&self) -> f64 {
        self.position.step as f64 / self.steps_per_epoch().max(1) as f64
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
        self.model.mean_word_length()
    }
}

/// The network of a run with its initial values.
fn network(options: &RunOptions, dataset: &Dataset) -> Result<Network, TrainError> {
    let train = &dataset.train;
    let initialisation = Initialisation { seed: options.seed, scale: options.initialisation_scale };
    let task = arch::Task { input: train.input(), classes: dataset.classes(), initialisation };
    let network = match &options.network {
        None => arch::build(&options.arch, &task)?,
        Some(layers) => layers.builder(&options.arch, initialisation)?.finish()?,
    };
    if options.network.is_some() {
        let (given, classes) = (train.input(), dataset.classes());
        if (network.input, network.classes) != (given, classes) {
            let (arch, data) = (options.arch.clone(), dataset.name.clone());
            let (expected, own) = (network.input, network.classes);
            return Err(TrainError::NetworkData { arch, expected, own, data, given, classes });
        }
    }
    let (predictions, targets) = (network.predictions(), train.targets_each());
    if predictions != targets {
        let (arch, dataset) = (options.arch.clone(), dataset.name.clone());
        return Err(TrainError::Predictions { arch, predictions, dataset, targets });
    }
    Ok(network)
}

/// Refuses changes of static formats after the run's end: they would give the final model formats that it was never
/// trained or evaluated with.
fn check_stages(options: &RunOptions) -> Result<(), TrainError> {
    let ControllerOptions::Static(formats) = &options.controller else { return Ok(()) };
    match formats.later.iter().find(|stage| stage.epoch >= options.epochs) {
        None => Ok(()),
        Some(stage) => {
            let (epoch, epochs) = (stage.epoch, options.epochs);
            Err(TrainError::FormatSchedule { epoch, epochs })
        }
    }
}
