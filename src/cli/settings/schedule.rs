//! Settings of the learning rate schedule.

use super::run::{EPOCHS, PRESET};
use crate::setting::common::LEARNING_RATE;
use crate::setting::{
    Given, MAX_EPOCHS, MAX_NUMBER, Need, Refusal, Setting, Unmet, real, whole, wholes, word,
};
use crate::train::Schedule;
use crate::train::schedule::{CosineOptions, PlateauOptions, StepOptions};
use serde::{Deserialize, Serialize};
use std::ops::Bound::{self, Excluded, Included};

const FACTOR: (Bound<f64>, Bound<f64>) = (Excluded(0.0), Excluded(1.0));
const MINIMUM: (Bound<f64>, Bound<f64>) = (Included(0.0), Included(MAX_NUMBER));

/// Which kind of learning rate schedule a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The learning rate stays.
    Constant,
    /// It falls when the test loss has stopped falling.
    Plateau,
    /// It falls before given epochs.
    Step,
    /// It falls along half a cosine.
    Cosine,
}

/// The policy of MuPPET is its schedule, so it goes with a constant one only.
const SCHEDULED: Need = Need::IsNot {
    setting: "controller",
    word: "muppet",
    needs: "a controller other than muppet",
    unless: Some(("schedule", "constant")),
};
const OF_PLATEAU: &[Need] = &[SCHEDULED, Need::Is("schedule", &["plateau"])];
const OF_STEP: &[Need] = &[SCHEDULED, Need::Is("schedule", &["step"])];
const OF_COSINE: &[Need] = &[SCHEDULED, Need::Is("schedule", &["cosine"])];

/// A step schedule has no default milestones.
const WITH_MILESTONES: Need = Need::Other(|given| {
    let step = SCHEDULE.unchecked(given) == Some(ScheduleKind::Step);
    let missing = step && given.value(MILESTONES.name()).is_none();
    missing.then_some(Unmet::Missing(MILESTONES.name()))
});

/// How the learning rate changes.
pub const SCHEDULE: Setting<ScheduleKind> = word(
    "schedule",
    "How the learning rate changes: never, when the test loss stalls, at given epochs, or with every step along half a cosine",
)
.aliases(&["scheduler", "lr-schedule", "lr-scheduler"])
.default(|| ScheduleKind::Plateau)
.needs(&[SCHEDULED, WITH_MILESTONES]);

/// Multiplier of a plateau schedule.
pub const PLATEAU_FACTOR: Setting<f64> =
    real("plateau-factor", "plateau: the learning rate is multiplied by this", FACTOR)
        .default(|| PlateauOptions::default().factor)
        .needs(OF_PLATEAU);

/// Epochs without improvement.
pub const PLATEAU_PATIENCE: Setting<u32> = whole(
    "plateau-patience",
    "plateau: epochs without improvement that are tolerated",
    (0, MAX_EPOCHS),
)
.default(|| PlateauOptions::default().patience)
.needs(OF_PLATEAU);

/// What an improvement is.
pub const PLATEAU_THRESHOLD: Setting<f64> = real(
    "plateau-threshold",
    "plateau: an improvement is a test loss below best·(1 - threshold)",
    (Included(0.0), Excluded(1.0)),
)
.default(|| PlateauOptions::default().threshold)
.needs(OF_PLATEAU);

/// Smallest learning rate of a plateau schedule.
pub const PLATEAU_MINIMUM: Setting<f64> =
    real("plateau-minimum", "plateau: the learning rate never falls below this", MINIMUM)
        .default(|| PlateauOptions::default().minimum)
        .needs(OF_PLATEAU);

/// Epochs of a step schedule.
pub const MILESTONES: Setting<Vec<u32>> = wholes(
    "milestones",
    "step: numbers of the epochs, counted from 0 and ascending, before which the learning rate is multiplied, as in 10,13 or \
     10..30:5",
    (1, MAX_EPOCHS),
)
.needs(OF_STEP);

/// Multiplier of a step schedule.
pub const SCHEDULE_FACTOR: Setting<f64> =
    real("schedule-factor", "step: the learning rate is multiplied by this", FACTOR)
        .default(|| 0.1)
        .needs(OF_STEP);

/// Rising epochs of a cosine schedule.
pub const WARMUP_EPOCHS: Setting<u32> = whole(
    "warmup-epochs",
    "cosine: epochs at the beginning in which the learning rate rises linearly; fewer than all",
    (0, MAX_EPOCHS),
)
.default(|| 0)
.needs(OF_COSINE);

/// Last learning rate of a cosine schedule.
pub const COSINE_MINIMUM: Setting<f64> = real(
    "cosine-minimum",
    "cosine: the learning rate at the end, at most the initial one",
    MINIMUM,
)
.default(|| 0.0)
.needs(OF_COSINE);

pub(super) const SETTINGS: super::table::Group = (
    "Learning rate schedule",
    &[
        &SCHEDULE,
        &PLATEAU_FACTOR,
        &PLATEAU_PATIENCE,
        &PLATEAU_THRESHOLD,
        &PLATEAU_MINIMUM,
        &MILESTONES,
        &SCHEDULE_FACTOR,
        &WARMUP_EPOCHS,
        &COSINE_MINIMUM,
    ],
);

/// The epochs of the run if they are given; without that they are known only with the data.
pub(super) fn known_epochs(given: &dyn Given) -> Option<u32> {
    let known = [EPOCHS.name(), PRESET.name()].iter().any(|name| given.is_explicit(name));
    EPOCHS.unchecked(given).filter(|_| known)
}

pub(super) fn options(given: &dyn Given) -> Result<Schedule, Refusal> {
    Ok(match SCHEDULE.get(given)? {
        ScheduleKind::Constant => Schedule::Constant,
        ScheduleKind::Plateau => Schedule::Plateau(PlateauOptions {
            factor: PLATEAU_FACTOR.get(given)?,
            patience: PLATEAU_PATIENCE.get(given)?,
            threshold: PLATEAU_THRESHOLD.get(given)?,
            minimum: PLATEAU_MINIMUM.get(given)?,
        }),
        ScheduleKind::Step => Schedule::Step(StepOptions {
            milestones: milestones(given)?,
            factor: SCHEDULE_FACTOR.get(given)?,
        }),
        ScheduleKind::Cosine => Schedule::Cosine(cosine(given)?),
    })
}

fn milestones(given: &dyn Given) -> Result<Vec<u32>, Refusal> {
    let epochs = MILESTONES.optional(given)?.unwrap_or_default();
    if epochs.is_empty() || !epochs.is_sorted_by(|a, b| a < b) {
        let value = if epochs.is_empty() { "empty".to_owned() } else { format!("{epochs:?}") };
        return Err(MILESTONES.refuse(value, "at least one epoch, in ascending order"));
    }
    Ok(epochs)
}

fn cosine(given: &dyn Given) -> Result<CosineOptions, Refusal> {
    let warmup_epochs = WARMUP_EPOCHS.get(given)?;
    if let Some(epochs) = known_epochs(given).filter(|&epochs| warmup_epochs >= epochs) {
        let allowed = format!("fewer than the {epochs} epochs of the run");
        return Err(WARMUP_EPOCHS.refuse(warmup_epochs, allowed));
    }
    let minimum = COSINE_MINIMUM.get(given)?;
    let most = LEARNING_RATE.get(given)?;
    if minimum > most {
        return Err(COSINE_MINIMUM.refuse(minimum, format!("a number from 0 to {most}")));
    }
    Ok(CosineOptions { warmup_epochs, minimum })
}
