//! Merges the settings of all sources and checks them: the options of a run.

use super::controller::{CONTROLLER, CONTROLLERS};
use super::error::SettingsError;
use super::flags::TrainArguments;
use super::layers::Layers;
use super::run::{ARCH, EPOCHS, MAX_STEPS, NetworkName, THREADS, WITH_BASELINE};
use super::{arithmetic, data, optimiser, outputs, requirements, schedule, static_options};
use crate::files::layer_formats;
use crate::precision::adapt::PENALTY;
use crate::precision::shared_settings::{self, VARIANT};
use crate::precision::static_formats::{FORMAT_SCHEDULE, LAYER_FORMATS};
use crate::precision::{
    ControllerOptions, FormatSchedule, LayerFormats, LayerFormatsSource, TensorInfo, Variant,
};
use crate::setting::common::{LEARNING_RATE, SEED};
use crate::setting::{Given, Refusal};
use crate::train::{RunOptions, StartingModel};
use hwmodel::number::format_text::FixedType;
use std::path::{Path, PathBuf};

/// A training run as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The options of the run. A static controller has its global format here; see
    /// [`Resolved::options_for`].
    pub options: RunOptions,
    /// Whether the network of the starting model is trained, and not an architecture that takes its weights.
    pub own_layers: bool,
    /// Files to read and write.
    pub paths: Paths,
    /// Threads; `None` for one for each processor.
    pub threads: Option<usize>,
    /// Whether the float32 twin ([`RunOptions::float32_twin`]) is to be trained too.
    pub with_baseline: bool,
    /// Whether progress is not shown.
    pub quiet: bool,
    /// Formats of single layers for the static controller.
    pub layer_formats: LayerFormats,
    /// Formats by epoch for the static controller.
    pub format_schedule: FormatSchedule,
    /// The format of `--number-format`, else of `--wl` and `--fl`.
    pub format: FixedType,
    /// Names of the settings that were given by flag or file.
    pub explicit: Vec<&'static str>,
}

/// The files of a training run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// Configuration file.
    pub config: Option<PathBuf>,
    /// Folder of the data set.
    pub data_dir: Option<PathBuf>,
    /// Trace to write.
    pub trace: Option<PathBuf>,
    /// Optimiser steps between traced ones.
    pub trace_every: u64,
    /// Final table to write.
    pub summary: Option<PathBuf>,
    /// Folder for checkpoints.
    pub checkpoint: Option<PathBuf>,
    /// Whether the checkpoints of another run may be replaced.
    pub overwrite: bool,
    /// Optimiser steps between checkpoints.
    pub checkpoint_every: u64,
    /// Folder of the checkpoint to continue from.
    pub resume: Option<PathBuf>,
    /// Trained network to write.
    pub save_model: Option<PathBuf>,
}

impl Resolved {
    /// Whether formats are given for single layers, so that [`Resolved::options_for`] has to be asked.
    pub fn names_layers(&self) -> bool {
        !self.layer_formats.is_empty() || self.format_schedule.layers().next().is_some()
    }

    /// The options for a network with `tensors`: with a static controller, the formats of single
    /// layers are put in.
    ///
    /// # Errors
    /// If `layer-formats` names a layer or tensor that the network does not have.
    pub fn options_for(&self, tensors: &[TensorInfo]) -> Result<RunOptions, SettingsError> {
        let mut options = self.options.clone();
        if let ControllerOptions::Static(formats) = &mut options.controller {
            *formats =
                static_options(tensors, self.format, &self.layer_formats, &self.format_schedule)?;
        }
        Ok(options)
    }
}

impl TrainArguments {
    /// Puts these flags over the configuration file and preset that they name and the defaults, and
    /// checks everything.
    ///
    /// # Errors
    /// If the file cannot be read, a value is out of range, settings contradict each other, or one was
    /// given that has no effect. The message names flag or key and what is allowed.
    pub fn resolve(self) -> Result<Resolved, SettingsError> {
        let layers = Layers::new(&self)?;
        if layers.is_explicit(CONTROLLERS.name()) {
            let refusal = CONTROLLERS.refuse("a list", "`controller` where there is one run");
            return Err(layers.explain(refusal));
        }
        Resolved::of(&layers)
    }
}

impl Resolved {
    /// Checks the merged settings.
    pub(super) fn of(layers: &Layers) -> Result<Self, SettingsError> {
        requirements::check(layers)?;
        Self::build(layers, layers.explicit()).map_err(|refusal| layers.explain(refusal))
    }

    fn build(given: &dyn Given, explicit: Vec<&'static str>) -> Result<Self, Refusal> {
        Ok(Self {
            options: run_options(given)?,
            // A preset asks for its architecture too.
            own_layers: ARCH.get(given)?.file().is_some()
                || !["arch", "preset"].iter().any(|name| explicit.contains(name)),
            paths: outputs::paths(given)?,
            threads: THREADS.optional(given)?,
            with_baseline: WITH_BASELINE.get(given)?,
            quiet: outputs::QUIET.get(given)?,
            layer_formats: listed_formats(given)?,
            format_schedule: FORMAT_SCHEDULE.optional(given)?.unwrap_or_default(),
            format: shared_settings::number_format(given)?,
            explicit,
        })
    }
}

/// The formats of single layers, out of their file if they have one.
fn listed_formats(given: &dyn Given) -> Result<LayerFormats, Refusal> {
    match LAYER_FORMATS.optional(given)? {
        None => Ok(LayerFormats::default()),
        Some(LayerFormatsSource::List(list)) => Ok(list),
        Some(LayerFormatsSource::File(path)) => layer_formats::read(&path).map_err(|error| {
            let allowed = format!("a file that `hwsim calibrate` wrote ({error})");
            LAYER_FORMATS.refuse(format!("@{}", path.display()), allowed)
        }),
    }
}

fn run_options(given: &dyn Given) -> Result<RunOptions, Refusal> {
    let network = ARCH.get(given)?;
    let init_from = starting_model(given, network.file())?;
    let NetworkName(arch) = network;
    let controller = (CONTROLLER.get(given)?.description().options)(given)?;
    check_epochs(given, &controller)?;
    Ok(RunOptions {
        dataset: data::DATASET.get(given)?,
        text: data::text_options(given)?,
        limit_train: data::LIMIT_TRAIN.optional(given)?,
        limit_test: data::LIMIT_TEST.optional(given)?,
        normalisation: data::normalisation(given)?,
        augment: data::AUGMENT.get(given)?,
        epochs: EPOCHS.get(given)?,
        max_steps: MAX_STEPS.optional(given)?,
        batch_size: data::BATCH_SIZE.get(given)?,
        seed: SEED.get(given)?,
        learning_rate: LEARNING_RATE.get(given)?,
        schedule: schedule::options(given)?,
        optimiser: optimiser::options(given)?,
        penalty: controller.adapt().is_some() && penalty(given, &arch)?,
        initialisation_scale: optimiser::INITIALISATION_SCALE.get(given)?,
        controller,
        rounding: arithmetic::rounding(given)?,
        random: arithmetic::random(given)?,
        overflow: arithmetic::OVERFLOW.get(given)?,
        accumulator: arithmetic::accumulator(given)?,
        machine: arithmetic::MACHINE.get(given)?,
        backward: arithmetic::backward(given)?,
        // The file is read when the run begins.
        init_from,
        // As that of the starting model.
        network: None,
        arch,
    })
}

/// The model of `--init-from`, or the `network` whose layers are trained.
fn starting_model(
    given: &dyn Given,
    network: Option<&Path>,
) -> Result<Option<StartingModel>, Refusal> {
    let reinitialise = outputs::REINITIALISE.get(given)?;
    let file = outputs::INIT_FROM.optional(given)?;
    if let (Some(network), Some(file)) = (network, &file) {
        let allowed = "one file: leave out `--init-from`, or give the name of an architecture that takes its weights";
        let both = format!("`{}` next to --init-from {}", network.display(), file.display());
        return Err(ARCH.refuse(both, allowed));
    }
    let file = file.or(network.map(Path::to_owned));
    Ok(file.map(|file| StartingModel {
        file: file.to_string_lossy().into_owned(),
        checksum: 0,
        reinitialise,
    }))
}

/// Whether P is in the loss: as asked for, otherwise everywhere but in the released LeNet-5
/// (papers/adapt.md section 6, item 2).
fn penalty(given: &dyn Given, arch: &str) -> Result<bool, Refusal> {
    let released_lenet = VARIANT.get(given)? == Variant::Released && arch == "lenet5";
    Ok(PENALTY.optional(given)?.unwrap_or(!released_lenet))
}

/// Formats by epoch are those of epochs that the run has.
fn check_epochs(given: &dyn Given, controller: &ControllerOptions) -> Result<(), Refusal> {
    let ControllerOptions::Static(formats) = controller else { return Ok(()) };
    let Some(epochs) = schedule::known_epochs(given) else { return Ok(()) };
    match formats.later.iter().find(|stage| stage.epoch >= epochs) {
        None => Ok(()),
        Some(late) => {
            let allowed = format!("epochs below the {epochs} of the run, counted from 0");
            Err(FORMAT_SCHEDULE.refuse(format!("for epoch {}", late.epoch), allowed))
        }
    }
}
