//! Settings of the optimiser.

use crate::setting::common::LEARNING_RATE;
use crate::setting::{
    Given, MAX_NUMBER, Need, Off, Refusal, Setting, Values, real, switch, whole, word,
};
use crate::train::optimiser::adam::AdamOptions;
use crate::train::optimiser::sgd::SgdOptions;
use crate::train::optimiser::{OptimiserOptions, RuleOptions};
use hwmodel::cast::nearest_f32;
use serde::{Deserialize, Serialize};
use std::ops::Bound::{self, Excluded, Included};

/// Adam's usual initial learning rate (Kingma and Ba 2015, algorithm 1).
const ADAM_LEARNING_RATE: f64 = 1e-3;
/// Well above the smallest float32, in which the update is computed.
const SMALLEST_EPSILON: f64 = 1e-30;

const BELOW_ONE: (Bound<f64>, Bound<f64>) = (Included(0.0), Excluded(1.0));
const WEIGHT: (Bound<f64>, Bound<f64>) = (Included(0.0), Included(MAX_NUMBER));

/// Which rule the optimiser's update has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserKind {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam.
    Adam,
}

/// Rule of the update.
pub const OPTIMISER: Setting<OptimiserKind> =
    word("optimiser", "Rule of the update: SGD with momentum, or Adam")
        .aliases(&["optimizer", "optim"])
        .default(|| OptimiserKind::Sgd);

const OF_SGD: &[Need] = &[Need::Is("optimiser", &["sgd"])];
const OF_ADAM: &[Need] = &[Need::Is("optimiser", &["adam"])];

/// μ of SGD.
pub const MOMENTUM: Setting<f64> =
    real("momentum", "sgd: momentum μ in m ← μ·m + d", BELOW_ONE).default(|| 0.9).needs(OF_SGD);

/// β₁ of Adam.
pub const BETA1: Setting<f64> = real("beta1", "adam: decay β₁ of the mean of gradients", BELOW_ONE)
    .default(|| AdamOptions::default().beta1)
    .needs(OF_ADAM);

/// β₂ of Adam.
pub const BETA2: Setting<f64> =
    real("beta2", "adam: decay β₂ of the mean of squared gradients", BELOW_ONE)
        .default(|| AdamOptions::default().beta2)
        .needs(OF_ADAM);

/// ε of Adam.
pub const ADAM_EPSILON: Setting<f64> = real(
    "adam-epsilon",
    "adam: ε, added to the root of the mean of squares",
    (Included(SMALLEST_EPSILON), Included(MAX_NUMBER)),
)
.default(|| AdamOptions::default().epsilon)
.needs(OF_ADAM);

/// α.
pub const L1: Setting<f64> =
    real("l1", "Weight α of the L1 norm in the loss, also a source of sparsity", WEIGHT)
        .default(|| 1e-5);

/// β.
pub const L2: Setting<f64> =
    real("l2", "Weight decay β, the L2 part of the loss, in the gradient", WEIGHT)
        .aliases(&["weight-decay", "wd"])
        .default(|| 1e-8);

/// Micro-batches of an update.
pub const ACCUMULATION: Setting<u32> =
    whole("accumulation", "Micro-batches whose gradients make one update", (1, 65536))
        .default(|| 1);

/// Gradients of length 1.
pub const NORMALISE_GRADIENTS: Setting<bool> = switch(
    "normalise-gradients",
    "Divide the gradient of each tensor by its L2 norm",
    Some(Off {
        names: &["no-normalise-gradients", "no-normalize-gradients"],
        help: "Take gradients as they are",
    }),
)
.aliases(&["normalize-gradients"])
.default(|| true);

/// Scale of the initial weights.
pub const INITIALISATION_SCALE: Setting<f64> = real(
    "initialisation-scale",
    "Scale s of the truncated normal initial weights",
    (Excluded(0.0), Included(MAX_NUMBER)),
)
.aliases(&["initialization-scale", "init-scale"])
.default(|| 0.5);

pub(super) const SETTINGS: super::table::Group = (
    "Optimiser",
    &[
        &OPTIMISER,
        &LEARNING_RATE,
        &MOMENTUM,
        &BETA1,
        &BETA2,
        &ADAM_EPSILON,
        &L1,
        &L2,
        &ACCUMULATION,
        &NORMALISE_GRADIENTS,
        &INITIALISATION_SCALE,
    ],
);

/// Values that a rule has in place of the defaults.
pub(super) fn own_defaults(optimiser: OptimiserKind) -> Values {
    match optimiser {
        OptimiserKind::Sgd => Values::default(),
        OptimiserKind::Adam => Values::default().with(&LEARNING_RATE, ADAM_LEARNING_RATE),
    }
}

/// The values of a `preset` that apply under a rule: learning rate and momentum of every preset are those of SGD.
pub(super) fn of_preset(preset: Values, optimiser: OptimiserKind) -> Values {
    match optimiser {
        OptimiserKind::Sgd => preset,
        OptimiserKind::Adam => {
            preset.without(|name| [LEARNING_RATE.name(), MOMENTUM.name()].contains(&name))
        }
    }
}

pub(super) fn options(given: &dyn Given) -> Result<OptimiserOptions, Refusal> {
    let rule = match OPTIMISER.get(given)? {
        OptimiserKind::Sgd => {
            RuleOptions::Sgd(SgdOptions { momentum: nearest_f32(MOMENTUM.get(given)?) })
        }
        OptimiserKind::Adam => RuleOptions::Adam(AdamOptions {
            beta1: BETA1.get(given)?,
            beta2: BETA2.get(given)?,
            epsilon: ADAM_EPSILON.get(given)?,
        }),
    };
    Ok(OptimiserOptions {
        rule,
        weight_decay: nearest_f32(L2.get(given)?),
        l1: nearest_f32(L1.get(given)?),
        accumulation: ACCUMULATION.get(given)?,
        normalise: NORMALISE_GRADIENTS.get(given)?,
    })
}
