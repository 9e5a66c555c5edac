//! A run in memory: its parts and where it stands.

use super::accounting::{LayerTotals, PendingWeights};
use super::error::TrainError;
use super::optimiser::Optimiser;
use super::options::RunOptions;
use super::outcome::{Evaluation, Position};
use super::phases::{PhaseClock, PhaseSeconds};
use super::schedule::Scheduler;
use super::terms::{cost_options, layer_costs};
use crate::data::{Dataset, EpochOrder};
use crate::network::vector::elementary::exp;
use crate::network::{Initialisation, Network, arch};
use crate::precision::{ControllerOptions, PrecisionController};
use crate::train::paper_cost::CostAccumulator;
use hwmodel::machine::Machine;
use hwmodel::{Accumulator, SimdLevel};

/// A run in memory.
pub struct Trainer {
    pub(super) options: RunOptions,
    pub(super) dataset: Dataset,
    pub(super) machine: Machine,
    pub(super) accumulator: Accumulator,
    pub(super) simd: SimdLevel,
    pub(super) network: Network,
    pub(super) controller: Box<dyn PrecisionController>,
    pub(super) optimisers: Vec<Optimiser>,
    pub(super) scheduler: Scheduler,
    pub(super) learning_rate: f64,
    pub(super) costs: CostAccumulator,
    pub(super) position: Position,
    pub(super) pending: Vec<PendingWeights>,
    pub(super) totals: Vec<LayerTotals>,
    pub(super) evaluations: Vec<Evaluation>,
    pub(super) last_loss: f64,
    pub(super) stopped: bool,
    pub(super) owners: Vec<usize>,
    pub(super) order: Option<(u32, EpochOrder)>,
    pub(super) images: Vec<f32>,
    pub(super) clock: PhaseClock,
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
        let task = arch::Task {
            input: train.input(),
            classes: dataset.classes(),
            initialisation: Initialisation {
                seed: options.seed,
                scale: options.initialisation_scale,
            },
        };
        let network = arch::build(&options.arch, &task)?;
        let (predictions, targets) = (network.predictions(), train.targets_each());
        if predictions != targets {
            let (arch, dataset) = (options.arch, dataset.name);
            return Err(TrainError::Predictions { arch, predictions, dataset, targets });
        }
        check_stages(&options)?;
        let infos = network.tensor_infos();
        let controller = options.controller.build(&infos)?;
        let optimisers = network
            .parameters
            .iter()
            .map(|parameter| {
                Optimiser::new(options.optimiser, parameter.master.len()).map_err(|source| {
                    TrainError::Optimiser { parameter: parameter.name.clone(), source }
                })
            })
            .collect::<Result<_, _>>()?;
        let steps_per_epoch = (train.len() / needed) as u64;
        let rate = options.learning_rate;
        let scheduler = Scheduler::new(&options.schedule, rate, options.epochs, steps_per_epoch)?;
        let costs = CostAccumulator::new(cost_options(&options), &layer_costs(&network, &options))?;
        let layers = network.mac_layers.len();
        let owners = network.parameter_owners();
        let mut trainer = Self {
            accumulator: options.accumulator.unwrap_or(machine.accumulator()),
            learning_rate: scheduler.after_step(0, rate),
            options,
            dataset,
            machine,
            simd,
            network,
            controller,
            optimisers,
            scheduler,
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
            clock: PhaseClock::after(PhaseSeconds::default()),
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

    /// Wall time so far by phase, earlier parts of a resumed run included.
    pub fn phases(&self) -> PhaseSeconds {
        self.clock.seconds()
    }

    /// Evaluations so far.
    pub fn evaluations(&self) -> &[Evaluation] {
        &self.evaluations
    }

    /// Perplexity e^loss of the last evaluation, if the data are a text.
    pub fn perplexity(&self) -> Option<f64> {
        let loss = self.evaluations.last()?.loss;
        self.dataset.text.map(|_| exp(loss))
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
        let layers = &self.network.mac_layers;
        let sum: u32 = layers
            .iter()
            .map(|layer| self.network.parameters[layer.weight].formats.weight.word_length())
            .sum();
        f64::from(sum) / layers.len() as f64
    }
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
