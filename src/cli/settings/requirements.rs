//! Which settings need which others; a setting that would have no effect is an error.

use super::choices::{BackwardKind, ControllerKind, OptimiserKind, ScheduleKind};
use super::controller_settings;
use super::error::{Setting, SettingsError};
use super::layers::Layers;
use super::random_source::RandomSourceKind;
use crate::data::DatasetKind;
use crate::network::arch;
use crate::precision::Variant;
use hwmodel::Rounding;

const PAPER: [&str; 2] = ["epsilon-kl", "pushdown-range"];
const DATA_DIR: [&str; 1] = ["data-dir"];
const TEXT: [&str; 3] = ["text-level", "sequence-length", "vocabulary"];
const FORMAT: [&str; 2] = ["wl", "fl"];
const GRADIENT: [&str; 4] = ["gradient-wl", "grad-input-wl", "grad-weight-wl", "gradient-fl"];
const RANDOM: [&str; 4] = ["random-source", "random-bits", "lfsr-width", "lfsr-steps"];
const LFSR: [&str; 2] = ["lfsr-width", "lfsr-steps"];
const SGD: [&str; 1] = ["momentum"];
const ADAM: [&str; 3] = ["beta1", "beta2", "adam-epsilon"];
const PLATEAU: [&str; 4] =
    ["plateau-factor", "plateau-patience", "plateau-threshold", "plateau-minimum"];
const STEP: [&str; 2] = ["milestones", "schedule-factor"];
const COSINE: [&str; 2] = ["warmup-epochs", "cosine-minimum"];
/// A setting, and those of which it needs one; the first is named in the message. A resumed run has
/// the folder of its checkpoints already.
const COMPANIONS: [(&str, &[&str]); 3] = [
    ("accumulator-overflow", &["accumulator"]),
    ("trace-every", &["trace"]),
    ("checkpoint-every", &["checkpoint", "resume"]),
];

/// Checks that every setting given by flag or file has an effect.
///
/// # Errors
/// Names the first that has none, and what it needs.
pub(super) fn check(
    layers: &Layers,
    controller: ControllerKind,
    variant: Variant,
    schedule: ScheduleKind,
) -> Result<(), SettingsError> {
    let by_controller = format!("--controller {}", controller.name());
    let by_variant = format!("--variant {}", variant.name());
    let by_schedule = format!("--schedule {}", schedule.name());
    let own = &layers.merged;
    for group in controller_settings::groups(controller, schedule) {
        refuse(layers, group.met, group.names, (group.needs, &by_controller))?;
    }
    let roundings = [
        own.rounding_weights,
        own.rounding_activations,
        own.rounding_gradients,
        own.rounding_evaluation,
    ];
    let stochastic = roundings.contains(&Some(Rounding::Stochastic));
    let by_rounding = format!("--rounding-weights {}", roundings[0].unwrap_or(Rounding::Floor));
    let lfsr = own.random_source == Some(RandomSourceKind::Lfsr);
    let fixed_backward = own.backward == Some(BackwardKind::Fixed);
    let formats = own.format_schedule.as_ref().filter(|formats| formats.begins_at_once());
    let by_formats = formats.map(|formats| format!("--format-schedule {formats}"));
    let dataset = own.dataset.unwrap_or(DatasetKind::FashionMnistSlice);
    let by_dataset = format!("--dataset {dataset}");
    let text = dataset == DatasetKind::Text;
    // What is embedded in the program is in no folder.
    let slice = dataset == DatasetKind::FashionMnistSlice;
    tokens_or_images(layers, dataset)?;
    let sgd = own.optimiser == Some(OptimiserKind::Sgd);
    let [plateau, step, cosine] =
        [ScheduleKind::Plateau, ScheduleKind::Step, ScheduleKind::Cosine].map(|k| k == schedule);
    let groups: [(bool, &[&str], &'static str, &str); 12] = [
        (text, &TEXT, "`--dataset text`", &by_dataset),
        (!slice, &DATA_DIR, "another data set", &by_dataset),
        (fixed_backward, &GRADIENT, "`--backward fixed`", "--backward float32"),
        (variant == Variant::Paper, &PAPER, "`--variant paper`", &by_variant),
        (stochastic, &RANDOM, "a rounding that is `stochastic`", &by_rounding),
        (lfsr, &LFSR, "`--random-source lfsr`", "--random-source pcg"),
        (
            by_formats.is_none(),
            &FORMAT,
            "a format schedule that begins after epoch 0",
            by_formats.as_deref().unwrap_or_default(),
        ),
        (sgd, &SGD, "`--optimiser sgd`", "--optimiser adam"),
        (!sgd, &ADAM, "`--optimiser adam`", "--optimiser sgd"),
        (plateau, &PLATEAU, "`--schedule plateau`", &by_schedule),
        (step, &STEP, "`--schedule step`", &by_schedule),
        (cosine, &COSINE, "`--schedule cosine`", &by_schedule),
    ];
    for (met, names, needs, found) in groups {
        refuse(layers, met, names, (needs, found))?;
    }
    for (name, needs) in COMPANIONS {
        if layers.is_explicit(name) && !needs.iter().any(|needed| layers.is_explicit(needed)) {
            return Err(SettingsError::Needs { setting: layers.setting(name), needs: needs[0] });
        }
    }
    if schedule == ScheduleKind::Step && layers.merged.milestones.is_none() {
        let (setting, needs) = (layers.setting("schedule"), "milestones");
        return Err(SettingsError::Needs { setting, needs });
    }
    Ok(())
}

/// Refuses an architecture that takes tokens for images, or the other way round.
fn tokens_or_images(layers: &Layers, dataset: DatasetKind) -> Result<(), SettingsError> {
    let Some(arch) = layers.merged.arch.as_deref() else { return Ok(()) };
    let setting = || Setting { name: format!("arch {arch}"), ..layers.setting("arch") };
    match (arch::is_language_model(arch), dataset == DatasetKind::Text) {
        (true, false) => Err(SettingsError::NeedsTokens { setting: setting(), dataset }),
        (false, true) if arch::names().any(|known| known == arch) => {
            Err(SettingsError::NeedsImages { setting: setting() })
        }
        _ => Ok(()),
    }
}

/// Refuses the first of `names` that was given and asks for something, unless what they need is `met`.
fn refuse(
    layers: &Layers,
    met: bool,
    names: &[&str],
    (needs, found): (&'static str, &str),
) -> Result<(), SettingsError> {
    match names.iter().find(|name| !met && has_effect(layers, name)) {
        None => Ok(()),
        Some(name) => {
            let (setting, found) = (layers.setting(name), found.to_owned());
            Err(SettingsError::NotWith { setting, needs, found })
        }
    }
}

/// Whether a setting was given and asks for something; `--no-with-baseline`, `--no-penalty` and `--backward float32` only
/// say what other controllers do anyway.
fn has_effect(layers: &Layers, name: &str) -> bool {
    let off = match name {
        "penalty" => layers.merged.penalty == Some(false),
        "with-baseline" => layers.merged.with_baseline == Some(false),
        "backward" => layers.merged.backward == Some(BackwardKind::Float32),
        _ => false,
    };
    layers.is_explicit(name) && !off
}
