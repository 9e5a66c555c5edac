//! What the systems that AdaPT is compared with need: their options, and the optimiser, schedule and backward
//! arithmetic that belong to them where nothing else is said.

use super::arguments::TrainArguments;
use super::choices::{BackwardKind, ControllerKind, ScheduleKind};
use super::error::SettingsError;
use super::layers::Layers;
use super::resolve::{MAX_EPOCHS, MAX_NUMBER};
use crate::network::{BackwardArithmetic, GradientFormat};
use crate::precision::muppet_policy::{MuppetPolicyOptions, MuppetReading};
use crate::precision::{ShenOptions, Variant};
use hwmodel::Rounding;
use hwmodel::number::format::MAX_WORD_LENGTH;
use std::ops::Bound::{Excluded, Included};

/// Settings that a controller's paper has and the defaults of AdaPT have not (papers/muppet.md section 4,
/// papers/shen2024.md sections 2.4 and 4): they lie between preset and defaults.
pub(super) fn own_defaults(controller: ControllerKind) -> TrainArguments {
    match controller {
        ControllerKind::Muppet => {
            TrainArguments { schedule: Some(ScheduleKind::Constant), ..plain_sgd() }
        }
        ControllerKind::Shen => TrainArguments {
            rounding_weights: Some(Rounding::NearestEven),
            rounding_activations: Some(Rounding::NearestEven),
            ..plain_sgd()
        },
        _ => TrainArguments::default(),
    }
}

/// SGD with momentum and weight decay, with every operand of all three products in fixed point.
fn plain_sgd() -> TrainArguments {
    TrainArguments {
        normalise_gradients: Some(false),
        l1: Some(0.0),
        l2: Some(1e-4),
        backward: Some(BackwardKind::Fixed),
        ..TrainArguments::default()
    }
}

pub(super) fn backward(layers: &Layers) -> Result<BackwardArithmetic, SettingsError> {
    let own = &layers.merged;
    let bits = |name, given| layers.optional(name, given, 1..=MAX_WORD_LENGTH.into());
    Ok(match layers.present("backward", own.backward)? {
        BackwardKind::Float32 => BackwardArithmetic::Float32,
        BackwardKind::Fixed => BackwardArithmetic::Fixed(GradientFormat {
            wl: bits("gradient-wl", own.gradient_wl)?,
            grad_input_wl: bits("grad-input-wl", own.grad_input_wl)?,
            grad_weight_wl: bits("grad-weight-wl", own.grad_weight_wl)?,
            fl: layers.present("gradient-fl", own.gradient_fl)?.fl(),
            rounding: layers.present("rounding-gradients", own.rounding_gradients)?,
        }),
    })
}

pub(super) fn muppet(layers: &Layers) -> Result<MuppetPolicyOptions, SettingsError> {
    let own = &layers.merged;
    let any = (Included(-MAX_NUMBER), Included(MAX_NUMBER));
    let not_negative = (Included(0.0), Included(MAX_NUMBER));
    let level = |&wl: &i64| layers.whole("levels", Some(wl), 1..=MAX_WORD_LENGTH.into());
    let word_lengths = match &own.levels {
        None => MuppetPolicyOptions::default().word_lengths,
        Some(levels) if levels.is_empty() => {
            return Err(layers.refuse("levels", "empty", "at least one word length"));
        }
        Some(levels) => levels.iter().map(level).collect::<Result<_, _>>()?,
    };
    Ok(MuppetPolicyOptions {
        reading: match layers.present("variant", own.variant)? {
            Variant::Paper => MuppetReading::Paper,
            Variant::Released => MuppetReading::Code,
        },
        resolution: layers.whole("window-epochs", own.window_epochs, 1..=MAX_EPOCHS)?,
        patience: layers.whole("violations", own.violations, 0..=MAX_EPOCHS)?,
        alpha: layers.real("threshold-alpha", own.threshold_alpha, any)?,
        beta: layers.real("threshold-beta", own.threshold_beta, any)?,
        lambda: layers.real("threshold-lambda", own.threshold_lambda, not_negative)?,
        word_lengths,
        learning_rate: layers.real(
            "learning-rate",
            own.learning_rate,
            (Excluded(0.0), Included(MAX_NUMBER)),
        )?,
        smallest_learning_rate: layers.real(
            "smallest-learning-rate",
            own.smallest_learning_rate,
            not_negative,
        )?,
        float32_epochs: layers.whole("float32-epochs", own.float32_epochs, 1..=MAX_EPOCHS)?,
        ..MuppetPolicyOptions::default()
    })
}

pub(super) fn shen(layers: &Layers) -> Result<ShenOptions, SettingsError> {
    let own = &layers.merged;
    let bits = layers.present("bits", own.bits)?;
    Ok(ShenOptions {
        factor: layers.present("factor", own.factor)?,
        strategy: layers.present("strategy", own.strategy)?,
        lowest: bits.lower,
        highest: bits.upper,
        depth: layers.present("depth", own.depth)?,
        output_wl: layers.whole("output-wl", own.output_wl, 1..=MAX_WORD_LENGTH.into())?,
        seed: layers.whole("seed", own.seed, 0..=i64::MAX)?,
    })
}
