//! From the settings of all places to the checked options of a run.

use super::arguments::TrainArguments;
use super::choices::{ControllerKind, ScheduleKind};
use super::error::SettingsError;
use super::format_schedule::FormatSchedule;
use super::layer_formats::LayerFormats;
use super::layers::Layers;
use super::random_source::{RandomSettings, RandomSourceKind};
use super::static_formats::{global_options, static_options};
use super::{optimiser, requirements, rivals, schedule};
use crate::data::TextOptions;
use crate::network::arch;
use crate::precision::edf::MAX_RESOLUTION;
use crate::precision::{
    AdaptOptions, Bounds, ControllerOptions, Granularity, StaticOptions, TensorInfo, Variant,
};
use crate::train::{RoundingOptions, RunOptions, StartingModel};
use hwmodel::random::{RandomBits, RandomSource};
use hwmodel::{Accumulator, Format};
use std::ops::Bound::{Excluded, Included};
use std::path::PathBuf;

/// The longest gradient window in steps that AdaPT accepts.
const MAX_LOOKBACK: i64 = 1 << 20;
/// Above every sensible count of epochs.
pub(super) const MAX_EPOCHS: i64 = 1_000_000;
/// Above every sensible count of images or steps.
const MAX_COUNT: i64 = 1_000_000_000;
/// Above every sensible rate, scale or weight of a loss term.
pub(super) const MAX_NUMBER: f64 = 1e6;

/// A training run as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// What determines the run. A static controller has its global format here; see
    /// [`Resolved::options_for`].
    pub options: RunOptions,
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
    /// ⟨WL, FL⟩ of `--wl` and `--fl`.
    pub format: Format,
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
    /// If `layer-formats` names a layer that the network does not have.
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
        let layers = Layers::new(self)?;
        if layers.is_explicit("controllers") {
            let allowed = "`controller` where there is one run";
            return Err(layers.refuse("controllers", "a list", allowed));
        }
        Resolved::of(&layers)
    }
}

impl Resolved {
    /// Checks what all places together say.
    pub(super) fn of(layers: &Layers) -> Result<Self, SettingsError> {
        let own = &layers.merged;
        let controller = layers.present("controller", own.controller)?;
        let schedule = layers.present("schedule", own.schedule)?;
        let variant = layers.present("variant", own.variant)?;
        requirements::check(layers, controller, variant, schedule)?;
        let format = format(layers, controller)?;
        let format_schedule = own.format_schedule.clone().unwrap_or_default();
        Ok(Resolved {
            options: run_options(layers, controller, schedule, format)?,
            paths: Paths {
                config: own.config.clone(),
                data_dir: own.data_dir.clone(),
                trace: own.trace.clone(),
                trace_every: layers.whole("trace-every", own.trace_every, 1..=MAX_COUNT)?,
                summary: own.summary.clone(),
                checkpoint: own.checkpoint.clone(),
                overwrite: own.overwrite.unwrap_or(false),
                checkpoint_every: layers.whole(
                    "checkpoint-every",
                    own.checkpoint_every,
                    1..=MAX_COUNT,
                )?,
                resume: own.resume.clone(),
                save_model: own.save_model.clone(),
            },
            threads: layers.optional("threads", own.threads, 1..=1024)?,
            with_baseline: own.with_baseline.unwrap_or(false),
            quiet: own.quiet.unwrap_or(false),
            layer_formats: own.layer_formats.clone().unwrap_or_default(),
            format_schedule,
            format,
            explicit: layers.explicit(),
        })
    }
}

fn run_options(
    layers: &Layers,
    controller: ControllerKind,
    schedule: ScheduleKind,
    format: Format,
) -> Result<RunOptions, SettingsError> {
    let own = &layers.merged;
    let arch = layers.present("arch", own.arch.as_deref())?;
    let arch = layers.known("arch", arch, arch::names().collect(), |name| name)?.to_owned();
    let positive = (Excluded(0.0), Included(MAX_NUMBER));
    Ok(RunOptions {
        dataset: layers.present("dataset", own.dataset)?,
        text: text(layers)?,
        limit_train: layers.optional("limit-train", own.limit_train, 1..=MAX_COUNT)?,
        limit_test: layers.optional("limit-test", own.limit_test, 1..=MAX_COUNT)?,
        augment: layers.present("augment", own.augment)?,
        epochs: layers.whole("epochs", own.epochs, 1..=MAX_EPOCHS)?,
        max_steps: layers.optional("max-steps", own.max_steps, 1..=i64::MAX)?,
        batch_size: layers.whole("batch-size", own.batch_size, 1..=1 << 20)?,
        seed: layers.whole("seed", own.seed, 0..=i64::MAX)?,
        learning_rate: layers.real("learning-rate", own.learning_rate, positive)?,
        schedule: schedule::options(layers, schedule)?,
        optimiser: optimiser::options(layers)?,
        penalty: controller.is_adapt() && penalty(own, &arch),
        initialisation_scale: layers.real(
            "initialisation-scale",
            own.initialisation_scale,
            positive,
        )?,
        controller: match controller {
            ControllerKind::Adapt => ControllerOptions::Adapt(adapt(layers, format)?),
            ControllerKind::Adept => ControllerOptions::Adept(AdaptOptions {
                granularity: Granularity::Batch,
                ..adapt(layers, format)?
            }),
            ControllerKind::Muppet => ControllerOptions::Muppet(rivals::muppet(layers)?),
            ControllerKind::Shen => ControllerOptions::Shen(rivals::shen(layers)?),
            ControllerKind::Static => ControllerOptions::Static(static_formats(layers, format)?),
            ControllerKind::Float32 => ControllerOptions::Float32,
        },
        rounding: RoundingOptions {
            weights: layers.present("rounding-weights", own.rounding_weights)?,
            activations: layers.present("rounding-activations", own.rounding_activations)?,
            gradients: layers.present("rounding-gradients", own.rounding_gradients)?,
            evaluation: layers.present("rounding-evaluation", own.rounding_evaluation)?,
        },
        random: random(layers)?,
        overflow: layers.present("overflow", own.overflow)?,
        accumulator: own.accumulator.map(|width| Accumulator {
            width,
            overflow: own.accumulator_overflow.unwrap_or_default(),
        }),
        machine: layers.present("machine", own.machine.clone())?,
        backward: rivals::backward(layers)?,
        // The file is read when the run begins.
        init_from: own
            .init_from
            .as_ref()
            .map(|file| StartingModel { file: file.to_string_lossy().into_owned(), checksum: 0 }),
        arch,
    })
}

fn text(layers: &Layers) -> Result<TextOptions, SettingsError> {
    let own = &layers.merged;
    let longest = TextOptions::MAX_SEQUENCE_LENGTH as i64;
    let largest = TextOptions::MAX_VOCABULARY as i64;
    Ok(TextOptions {
        level: layers.present("text-level", own.text_level)?,
        sequence_length: layers.whole("sequence-length", own.sequence_length, 1..=longest)?,
        vocabulary: layers.whole("vocabulary", own.vocabulary, 1..=largest)?,
    })
}

/// Whether P is in the loss: as asked for, otherwise everywhere but in the released LeNet-5
/// (papers/adapt.md section 6, item 2).
fn penalty(own: &TrainArguments, arch: &str) -> bool {
    let released_lenet = own.variant == Some(Variant::Released) && arch == "lenet5";
    own.penalty.unwrap_or(!released_lenet)
}

/// ⟨WL, FL⟩ of `--wl` and `--fl`.
fn format(layers: &Layers, controller: ControllerKind) -> Result<Format, SettingsError> {
    let own = &layers.merged;
    let wl = layers.whole("wl", own.wl, 1..=32)?;
    let range = if controller.is_adapt() { 0..=31 } else { -64..=64 };
    let fl = layers.whole("fl", own.fl, range)?;
    Format::new(wl, fl).map_err(|error| layers.refuse("wl", wl, error.to_string()))
}

/// The formats of all layers, by epoch.
fn static_formats(layers: &Layers, format: Format) -> Result<StaticOptions, SettingsError> {
    let own = &layers.merged;
    let schedule = own.format_schedule.clone().unwrap_or_default();
    let known = ["epochs", "preset"].iter().any(|name| layers.is_explicit(name));
    let epochs = own.epochs.filter(|_| known).unwrap_or(i64::MAX);
    if let Some(late) = schedule.changes().into_iter().find(|&epoch| i64::from(epoch) >= epochs) {
        let value = format!("for epoch {late}");
        let allowed = format!("epochs below the {epochs} of the run, counted from 0");
        return Err(layers.refuse("format-schedule", value, allowed));
    }
    Ok(global_options(format, &schedule))
}

fn random(layers: &Layers) -> Result<RandomSource, SettingsError> {
    let own = &layers.merged;
    let kind = layers.present("random-source", own.random_source)?;
    let settings = RandomSettings {
        bits: layers.optional("random-bits", own.random_bits, 1..=RandomBits::MOST.into())?,
        width: layers.optional("lfsr-width", own.lfsr_width, 8..=32)?,
        steps: layers.optional("lfsr-steps", own.lfsr_steps, 1..=64)?,
    };
    if let (RandomSourceKind::Lfsr, Some(width), Some(bits)) = (kind, settings.width, settings.bits)
        && bits > width
    {
        let allowed = format!("at most {width}, the bits of the register (`lfsr-width`)");
        return Err(layers.refuse("random-bits", bits, allowed));
    }
    let source = settings.source(kind);
    source.map_err(|error| layers.refuse("random-source", kind.name(), error.to_string()))
}

fn adapt(layers: &Layers, start: Format) -> Result<AdaptOptions, SettingsError> {
    let own = &layers.merged;
    let options = AdaptOptions {
        variant: layers.present("variant", own.variant)?,
        granularity: layers.present("granularity", own.granularity)?,
        start,
        epsilon_kl: layers.real(
            "epsilon-kl",
            own.epsilon_kl,
            (Included(0.0), Included(MAX_NUMBER)),
        )?,
        push_down_range: layers.present("pushdown-range", own.pushdown_range)?,
        buffer_bits: layers.whole("buffer-bits", own.buffer_bits, 0..=32)?,
        resolution: bounds(
            layers,
            ("resolution-lower", own.resolution_lower),
            ("resolution-upper", own.resolution_upper),
            MAX_RESOLUTION.into(),
        )?,
        lookback: bounds(
            layers,
            ("lookback-lower", own.lookback_lower),
            ("lookback-upper", own.lookback_upper),
            MAX_LOOKBACK,
        )?,
        lookback_momentum: layers.real(
            "lookback-momentum",
            own.lookback_momentum,
            (Included(0.0), Included(1.0)),
        )?,
    };
    // The ranges above are at most those of the controller, which has the last word.
    let checked = options.check();
    checked.map_err(|error| layers.refuse("controller", "adapt", error.to_string()))?;
    Ok(options)
}

fn bounds(
    layers: &Layers,
    (lower_name, lower): (&str, Option<i64>),
    (upper_name, upper): (&str, Option<i64>),
    most: i64,
) -> Result<Bounds, SettingsError> {
    let lower_value = layers.whole(lower_name, lower, 1..=most)?;
    let upper_value = layers.whole(upper_name, upper, 1..=most)?;
    if lower_value > upper_value {
        let (lower, upper) = (layers.setting(lower_name), layers.setting(upper_name));
        return Err(SettingsError::Bounds { lower, lower_value, upper, upper_value });
    }
    Ok(Bounds::new(lower_value, upper_value))
}
