//! Which settings need which others; a setting that would have no effect is an error.

use super::choices::{BackwardKind, ControllerKind, ScheduleKind};
use super::error::SettingsError;
use super::layers::Layers;
use super::random_source::RandomSourceKind;
use crate::precision::Variant;
use hwmodel::Rounding;

const VARIANT: [&str; 1] = ["variant"];
const GRANULARITY: [&str; 1] = ["granularity"];
const ADAPT: [&str; 7] = [
    "buffer-bits",
    "resolution-lower",
    "resolution-upper",
    "lookback-lower",
    "lookback-upper",
    "lookback-momentum",
    "penalty",
];
const PAPER: [&str; 2] = ["epsilon-kl", "pushdown-range"];
const STATIC: [&str; 1] = ["layer-formats"];
const MUPPET: [&str; 8] = [
    "levels",
    "window-epochs",
    "violations",
    "threshold-alpha",
    "threshold-beta",
    "threshold-lambda",
    "float32-epochs",
    "smallest-learning-rate",
];
const SHEN: [&str; 4] = ["factor", "strategy", "bits", "depth"];
const FORMAT: [&str; 2] = ["wl", "fl"];
const GRADIENT: [&str; 2] = ["gradient-wl", "gradient-fl"];
/// The policy of MuPPET is the schedule.
const SCHEDULE: [&str; 1] = ["schedule"];
const QUANTISED: [&str; 13] = [
    "backward",
    "rounding-weights",
    "rounding-activations",
    "rounding-gradients",
    "rounding-evaluation",
    "random-source",
    "random-bits",
    "lfsr-width",
    "lfsr-steps",
    "overflow",
    "accumulator",
    "accumulator-overflow",
    "with-baseline",
];
const RANDOM: [&str; 4] = ["random-source", "random-bits", "lfsr-width", "lfsr-steps"];
const LFSR: [&str; 2] = ["lfsr-width", "lfsr-steps"];
const PLATEAU: [&str; 4] =
    ["plateau-factor", "plateau-patience", "plateau-threshold", "plateau-minimum"];
const STEP: [&str; 2] = ["milestones", "schedule-factor"];
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
    let roundings = [
        own.rounding_weights,
        own.rounding_activations,
        own.rounding_gradients,
        own.rounding_evaluation,
    ];
    let stochastic = roundings.contains(&Some(Rounding::Stochastic));
    let by_rounding = format!("--rounding-weights {}", roundings[0].unwrap_or(Rounding::Floor));
    let lfsr = own.random_source == Some(RandomSourceKind::Lfsr);
    let (muppet, shen) = (ControllerKind::Muppet, ControllerKind::Shen);
    let (adapt, float32) = (controller.is_adapt(), ControllerKind::Float32);
    let fixed_backward = own.backward == Some(BackwardKind::Fixed);
    let epochs_too = controller == ControllerKind::Adapt;
    let has_variant = adapt || controller == muppet;
    let has_format = adapt || controller == ControllerKind::Static;
    let constant = schedule == ScheduleKind::Constant;
    let any_schedule = controller != muppet || constant;
    let groups: [(bool, &[&str], &'static str, &str); 16] = [
        (has_variant, &VARIANT, "`--controller adapt`, `adept` or `muppet`", &by_controller),
        (epochs_too, &GRANULARITY, "`--controller adapt`", &by_controller),
        (adapt, &ADAPT, "`--controller adapt`", &by_controller),
        (adapt, &PAPER, "`--controller adapt`", &by_controller),
        (controller == muppet, &MUPPET, "`--controller muppet`", &by_controller),
        (controller == shen, &SHEN, "`--controller shen`", &by_controller),
        (has_format, &FORMAT, "`--controller adapt` or `static`", &by_controller),
        (any_schedule, &SCHEDULE, "a controller other than muppet", &by_controller),
        (fixed_backward, &GRADIENT, "`--backward fixed`", "--backward float32"),
        (variant == Variant::Paper, &PAPER, "`--variant paper`", &by_variant),
        (controller == ControllerKind::Static, &STATIC, "`--controller static`", &by_controller),
        (controller != float32, &QUANTISED, "a controller other than float32", &by_controller),
        (stochastic, &RANDOM, "a rounding that is `stochastic`", &by_rounding),
        (lfsr, &LFSR, "`--random-source lfsr`", "--random-source pcg"),
        (schedule == ScheduleKind::Plateau, &PLATEAU, "`--schedule plateau`", &by_schedule),
        (schedule == ScheduleKind::Step, &STEP, "`--schedule step`", &by_schedule),
    ];
    for (met, names, needs, found) in groups {
        if let Some(name) = names.iter().find(|name| !met && has_effect(layers, name)) {
            let (setting, found) = (layers.setting(name), found.to_owned());
            return Err(SettingsError::NotWith { setting, needs, found });
        }
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
