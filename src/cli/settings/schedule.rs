//! The learning rate schedule as it was asked for.

use super::choices::ScheduleKind;
use super::error::SettingsError;
use super::layers::Layers;
use super::resolve::{MAX_EPOCHS, MAX_NUMBER};
use crate::train::Schedule;
use crate::train::schedule::{CosineOptions, PlateauOptions, StepOptions};
use std::ops::Bound::{Excluded, Included};

pub(super) fn options(layers: &Layers, kind: ScheduleKind) -> Result<Schedule, SettingsError> {
    let own = &layers.merged;
    let factor = (Excluded(0.0), Excluded(1.0));
    let minimum = (Included(0.0), Included(MAX_NUMBER));
    Ok(match kind {
        ScheduleKind::Constant => Schedule::Constant,
        ScheduleKind::Plateau => Schedule::Plateau(PlateauOptions {
            factor: layers.real("plateau-factor", own.plateau_factor, factor)?,
            patience: layers.whole("plateau-patience", own.plateau_patience, 0..=MAX_EPOCHS)?,
            threshold: layers.real(
                "plateau-threshold",
                own.plateau_threshold,
                (Included(0.0), Excluded(1.0)),
            )?,
            minimum: layers.real("plateau-minimum", own.plateau_minimum, minimum)?,
        }),
        ScheduleKind::Step => Schedule::Step(StepOptions {
            milestones: milestones(layers)?,
            factor: layers.real("schedule-factor", own.schedule_factor, factor)?,
        }),
        ScheduleKind::Cosine => Schedule::Cosine(cosine(layers)?),
    })
}

fn milestones(layers: &Layers) -> Result<Vec<u32>, SettingsError> {
    let given = layers.merged.milestones.as_deref().unwrap_or_default();
    if given.is_empty() || !given.is_sorted_by(|a, b| a < b) {
        let value = if given.is_empty() { "empty".to_owned() } else { format!("{given:?}") };
        return Err(layers.refuse("milestones", value, "at least one epoch, in ascending order"));
    }
    given.iter().map(|&epoch| layers.whole("milestones", Some(epoch), 1..=MAX_EPOCHS)).collect()
}

fn cosine(layers: &Layers) -> Result<CosineOptions, SettingsError> {
    let own = &layers.merged;
    let warmup_epochs = layers.whole("warmup-epochs", own.warmup_epochs, 0..=MAX_EPOCHS)?;
    // How many epochs there are without these is known only with the data.
    let known = ["epochs", "preset"].iter().any(|name| layers.is_explicit(name));
    if let Some(epochs) = own.epochs.filter(|&epochs| known && i64::from(warmup_epochs) >= epochs) {
        let allowed = format!("fewer than the {epochs} epochs of the run");
        return Err(layers.refuse("warmup-epochs", warmup_epochs, allowed));
    }
    let most = own.learning_rate.unwrap_or(MAX_NUMBER).min(MAX_NUMBER);
    let range = (Included(0.0), Included(most));
    Ok(CosineOptions {
        warmup_epochs,
        minimum: layers.real("cosine-minimum", own.cosine_minimum, range)?,
    })
}
