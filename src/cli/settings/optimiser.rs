//! The optimiser as it was asked for.

use super::arguments::TrainArguments;
use super::choices::OptimiserKind;
use super::error::SettingsError;
use super::layers::Layers;
use super::resolve::MAX_NUMBER;
use crate::train::optimiser::adam::AdamOptions;
use crate::train::optimiser::sgd::SgdOptions;
use crate::train::optimiser::{OptimiserOptions, RuleOptions};
use std::ops::Bound::{Excluded, Included};

/// Adam's usual initial learning rate (Kingma and Ba 2015, algorithm 1).
const ADAM_LEARNING_RATE: f64 = 1e-3;
/// Well above the smallest float32, in which the update is computed.
const SMALLEST_EPSILON: f64 = 1e-30;

/// Settings that a rule has in place of the defaults.
pub(super) fn own_defaults(optimiser: OptimiserKind) -> TrainArguments {
    match optimiser {
        OptimiserKind::Sgd => TrainArguments::default(),
        OptimiserKind::Adam => {
            TrainArguments { learning_rate: Some(ADAM_LEARNING_RATE), ..TrainArguments::default() }
        }
    }
}

/// What holds of a `preset` under a rule: learning rate and momentum of every preset are those of SGD.
pub(super) fn of_preset(preset: TrainArguments, optimiser: OptimiserKind) -> TrainArguments {
    match optimiser {
        OptimiserKind::Sgd => preset,
        OptimiserKind::Adam => TrainArguments { learning_rate: None, momentum: None, ..preset },
    }
}

pub(super) fn options(layers: &Layers) -> Result<OptimiserOptions, SettingsError> {
    let own = &layers.merged;
    let weight = (Included(0.0), Included(MAX_NUMBER));
    let below_one = (Included(0.0), Excluded(1.0));
    let epsilon = (Included(SMALLEST_EPSILON), Included(MAX_NUMBER));
    let rule = match layers.present("optimiser", own.optimiser)? {
        OptimiserKind::Sgd => RuleOptions::Sgd(SgdOptions {
            momentum: layers.real("momentum", own.momentum, below_one)? as f32,
        }),
        OptimiserKind::Adam => RuleOptions::Adam(AdamOptions {
            beta1: layers.real("beta1", own.beta1, below_one)?,
            beta2: layers.real("beta2", own.beta2, below_one)?,
            epsilon: layers.real("adam-epsilon", own.adam_epsilon, epsilon)?,
        }),
    };
    Ok(OptimiserOptions {
        rule,
        weight_decay: layers.real("l2", own.l2, weight)? as f32,
        l1: layers.real("l1", own.l1, weight)? as f32,
        accumulation: layers.whole("accumulation", own.accumulation, 1..=65536)?,
        normalise: layers.present("normalise-gradients", own.normalise_gradients)?,
    })
}
