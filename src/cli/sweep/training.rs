//! Points that are trained.

use super::arguments::Specification;
use super::designs::{Designs, PointDesign};
use crate::cli::errors::Failure;
use crate::cli::settings::table::is_execution;
use crate::cli::settings::{Resolved, TrainArguments};
use crate::cli::train::Start;
use crate::cli::{setup, train};
use crate::data::{Dataset, DatasetKind, TextOptions};
use crate::design::sweep::ContentHash;
use crate::design::{COUNT_COLUMNS, TRAINING_COLUMNS, count_cells};
use crate::train::run::{self, Observer, RunPlan};
use crate::train::state::fingerprint;
use crate::train::summary::Summary;
use crate::train::{Evaluation, StepOutcome, Trainer};
use anyhow::{Context as _, anyhow};
use hwmodel::SimdLevel;
use hwmodel::counters::Counters;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use toml::{Table, Value};

/// Settings that a sweep decides on.
const NO_AXIS: [&str; 4] = ["controllers", "layer-formats", "machine", "init-from"];

/// Whether a setting cannot be an axis of a sweep.
fn is_no_axis(name: &str) -> bool {
    is_execution(name) || NO_AXIS.contains(&name)
}

/// What decides which data are loaded.
#[derive(Debug, Clone, PartialEq)]
struct DataKey {
    kind: DatasetKind,
    text: TextOptions,
    folder: Option<PathBuf>,
    limits: (Option<usize>, Option<usize>),
    /// Height and width.
    input: Option<[usize; 3]>,
}

/// Training runs with settings in common.
pub(super) struct Training {
    settings: Table,
    simd: SimdLevel,
    data: Vec<(DataKey, Dataset, u32)>,
    /// Models that runs start from, by their files.
    starts: HashMap<String, Start>,
}

struct Silent;

impl Observer for Silent {
    fn step(&mut self, _: &Trainer, _: &StepOutcome) {}
    fn evaluation(&mut self, _: &Trainer, _: &Evaluation) {}
}

impl Training {
    pub(super) fn new(specification: &Specification) -> Result<Self, Failure> {
        let settings = specification.train.clone().unwrap_or_default();
        let own = |key: &&String| key.as_str() != "data-dir" && is_no_axis(key);
        if let Some(key) = settings.keys().find(own) {
            return Err(Failure::usage(anyhow!("`{key}` cannot be set in a sweep")));
        }
        Ok(Self { settings, simd: setup::simd()?, data: Vec::new(), starts: HashMap::new() })
    }

    /// The result columns.
    pub(super) fn columns(&self) -> Vec<String> {
        COUNT_COLUMNS.iter().chain(&TRAINING_COLUMNS).map(|name| (*name).to_owned()).collect()
    }

    /// The settings of a point.
    fn resolve(&self, design: &PointDesign) -> Result<Resolved, Failure> {
        let mut settings = self.settings.clone();
        for (axis, value) in Designs::other_axes(&design.made.point) {
            if is_no_axis(axis) {
                return Err(Failure::usage(anyhow!("`{axis}` cannot be an axis of a sweep")));
            }
            if axis == "rounding" {
                for role in ["weights", "activations", "gradients"] {
                    settings.insert(format!("rounding-{role}"), value.clone());
                }
            } else {
                settings.insert(axis.to_owned(), value.clone());
            }
        }
        let arguments: TrainArguments = Value::Table(settings)
            .try_into()
            .context("settings of hwsim train")
            .map_err(Failure::Usage)?;
        let mut resolved = arguments.resolve().map_err(Failure::usage)?;
        resolved.options.machine = design.made.machine.name().to_owned();
        let own_layers = resolved.own_layers;
        if let Some(start) = self.start(&resolved) {
            start.complete(&mut resolved.options, own_layers)?;
        }
        Ok(resolved)
    }

    /// The model that a run starts from, if it has been read.
    fn start(&self, resolved: &Resolved) -> Option<&Start> {
        self.starts.get(&resolved.options.init_from.as_ref()?.file)
    }

    fn data(&self, resolved: &Resolved) -> Option<(&Dataset, u32)> {
        let key = data_key(resolved);
        self.data.iter().find(|(of, ..)| *of == key).map(|(_, data, print)| (data, *print))
    }

    /// Settings with what follows from the data.
    fn complete(&self, design: &PointDesign, images: usize) -> Result<Resolved, Failure> {
        let mut resolved = self.resolve(design)?;
        if !["epochs", "preset"].iter().any(|setting| resolved.explicit.contains(setting)) {
            resolved.options.epochs = train::default_epochs(&resolved.options, images);
        }
        Ok(resolved)
    }

    /// The key of a point, after loading its data.
    pub(super) fn prepare(
        &mut self,
        design: &PointDesign,
        key: ContentHash,
    ) -> Result<ContentHash, Failure> {
        let mut resolved = self.resolve(design)?;
        if self.start(&resolved).is_none()
            && let (Some(model), Some(start)) = (&resolved.options.init_from, Start::of(&resolved)?)
        {
            self.starts.insert(model.file.clone(), start);
            resolved = self.resolve(design)?;
        }
        if self.data(&resolved).is_none() {
            let key = data_key(&resolved);
            let DataKey { kind, text, folder, limits, input } = key.clone();
            let data = setup::dataset(kind, &text, folder, input, limits)?;
            let print = fingerprint(&data);
            self.data.push((key, data, print));
        }
        let (data, print) = self.data(&resolved).context("the data were loaded above")?;
        let resolved = self.complete(design, data.train.len())?;
        let options = serde_json::to_string(&resolved.options)?;
        Ok(key.with("train").with(options).with(print.to_le_bytes()))
    }

    /// Trains at a point that was prepared; its result cells.
    pub(super) fn evaluate(
        &self,
        design: &PointDesign,
        stop: &AtomicBool,
    ) -> Result<Vec<String>, Failure> {
        let resolved = self.resolve(design)?;
        let (data, _) = self.data(&resolved).context("the data were loaded before")?;
        let options = self.complete(design, data.train.len())?.options;
        let machine = design.made.machine.clone();
        let mut data = data.clone();
        train::normalise(&mut data, &options)?;
        let mut trainer = Trainer::new(options, data, machine, self.simd)?;
        train::start_from_model(&mut trainer, self.start(&resolved), true)?;
        let mut plan = RunPlan { trace_every: 1, stop: Some(stop), ..RunPlan::default() };
        let end = run::run(&mut trainer, &mut plan, &mut Silent)?;
        if !end.complete {
            return Err(Failure::Run(anyhow!("stopped")));
        }
        // Seconds of computing differ from run to run: they are no result.
        let summary = Summary::of(&trainer, 0.0)?;
        let total: Counters = trainer.totals().iter().map(|layer| layer.counters).sum();
        let pes = trainer.machine().array().processing_elements();
        let float = |value: f64| format!("{value:?}");
        let optional = |value: Option<f64>| value.map_or(String::new(), float);
        let mut cells = count_cells(&total, pes);
        cells.extend([
            float(summary.machine_seconds),
            optional(summary.top1),
            optional(summary.top1_best),
            optional(summary.loss),
            float(summary.su1),
            float(summary.size_ratio),
            float(summary.final_sparsity),
            float(summary.saturation_rate),
            summary.steps.to_string(),
        ]);
        Ok(cells)
    }
}

fn data_key(resolved: &Resolved) -> DataKey {
    let options = &resolved.options;
    DataKey {
        kind: options.dataset,
        text: options.text,
        folder: resolved.paths.data_dir.clone(),
        limits: (options.limit_train, options.limit_test),
        input: train::network_input(options),
    }
}
