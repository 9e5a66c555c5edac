//! One entry of a matrix of errors: a real training run.

use super::{Configuration, Footprint, PepppError, emulation};
use crate::data::Dataset;
use crate::network::vector::softmax_cross_entropy::CrossEntropyError;
use crate::network::{Initialisation, NetworkError, arch};
use crate::precision::{
    ControllerOptions, NumberFormat, PrecisionError, RoleFormats, StaticOptions,
};
use crate::train::optimiser::OptimiserError;
use crate::train::run::{self, Observer, RunPlan};
use crate::train::{Evaluation, RunOptions, StepOutcome, TrainError, Trainer};
use hwmodel::SimdLevel;
use hwmodel::machine::Machine;
use std::sync::atomic::AtomicBool;

/// Result of a training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// Share of test images classified wrong by the final network; 1 - 1/classes if training diverged.
    pub error: f64,
    /// Whether a value stopped being a number or grew beyond all bounds.
    pub diverged: bool,
    /// Optimiser steps of the whole run.
    pub steps: u64,
}

struct Silent;

impl Observer for Silent {
    fn step(&mut self, _: &Trainer, _: &StepOutcome) {}
    fn evaluation(&mut self, _: &Trainer, _: &Evaluation) {}
}

/// Settings shared by all runs of a matrix.
#[derive(Debug, Clone)]
pub struct TrainingSetup {
    /// Settings; the controller is that of the configuration.
    pub options: RunOptions,
    /// Machine that is simulated; it decides on accumulators.
    pub machine: Machine,
    /// Instructions of this CPU; the result does not depend on them.
    pub simd: SimdLevel,
}

impl TrainingSetup {
    /// The settings of a run under fixed-point `configuration`.
    fn fixed_options(&self, operands: hwmodel::Format, gradients: hwmodel::Format) -> RunOptions {
        let operands = NumberFormat::Fixed(operands);
        let formats =
            RoleFormats { gradient: NumberFormat::Fixed(gradients), ..RoleFormats::all(operands) };
        RunOptions {
            controller: ControllerOptions::Static(StaticOptions {
                formats: vec![formats],
                later: Vec::new(),
            }),
            ..self.options.clone()
        }
    }

    /// Memory of a run on `dataset`.
    ///
    /// # Errors
    /// If the network does not fit the images.
    pub fn footprint(&self, dataset: &Dataset) -> Result<Footprint, PepppError> {
        let RunOptions { arch, seed, initialisation_scale, batch_size, optimiser, .. } =
            &self.options;
        let train = &dataset.train;
        let task = arch::Task {
            input: train.input(),
            classes: dataset.classes(),
            initialisation: Initialisation { seed: *seed, scale: *initialisation_scale },
        };
        let network = arch::build(arch, &task)?;
        Ok(Footprint::of(&network, *batch_size, optimiser.rule.work().moments))
    }

    /// Trains on `dataset` under `configuration` from the first step to the last and tests the final network.
    ///
    /// # Errors
    /// If the run cannot start, fails otherwise than by diverging, or `stop` is set meanwhile.
    pub fn measure(
        &self,
        configuration: Configuration,
        dataset: &Dataset,
        stop: &AtomicBool,
    ) -> Result<Measurement, PepppError> {
        let classes = dataset.classes();
        match configuration {
            Configuration::Fixed { operands, gradients } => {
                let options = self.fixed_options(operands, gradients);
                let machine = self.machine.clone();
                let mut trainer = Trainer::new(options, dataset.clone(), machine, self.simd)?;
                let mut plan = RunPlan { trace_every: 1, stop: Some(stop), ..RunPlan::default() };
                let steps = trainer.total_steps();
                match run::run(&mut trainer, &mut plan, &mut Silent) {
                    Ok(end) if !end.complete => Err(PepppError::Stopped),
                    Ok(_) => {
                        let last = trainer.evaluations().last().map(|last| last.top1);
                        let right = last.unwrap_or(1.0 / classes as f64);
                        // Whole images, so that 1 - 0.586 is 0.414.
                        let images = dataset.test.len().max(1) as f64;
                        let error = ((1.0 - right) * images).round() / images;
                        Ok(Measurement { error, diverged: false, steps })
                    }
                    Err(error) if diverged(&error) => Ok(Measurement::diverged(classes, steps)),
                    Err(error) => Err(error.into()),
                }
            }
            Configuration::Minifloat { operands, optimiser } => {
                emulation::measure(self, (operands, optimiser), dataset, stop)
            }
        }
    }
}

impl Measurement {
    /// Error of a diverged run: that of guessing one of `classes`.
    pub(super) fn diverged(classes: usize, steps: u64) -> Self {
        Self { error: 1.0 - 1.0 / classes.max(1) as f64, diverged: true, steps }
    }
}

/// Whether training failed because numbers ran away, which is a result.
pub(super) fn diverged(error: &TrainError) -> bool {
    matches!(
        error,
        TrainError::Network(NetworkError::Diverged { .. } | NetworkError::Scale { .. })
            | TrainError::Precision(PrecisionError::NotFinite { .. } | PrecisionError::Loss(_))
            | TrainError::Loss(CrossEntropyError::NotFinite { .. })
            | TrainError::Optimiser {
                source: OptimiserError::NotFinite | OptimiserError::Quantiser(_),
                ..
            }
    )
}
