//! Defaults that depend on the choice of a preset, a controller or a kind of data.

use super::optimiser::{ACCUMULATION, INITIALISATION_SCALE, L1, L2, MOMENTUM, OptimiserKind};
use super::table;
use super::{data, run};
use crate::data::DatasetKind;
use crate::precision::presets::Preset;
use crate::precision::{ControllerKind, adapt};
use crate::setting::Values;
use crate::setting::common::LEARNING_RATE;
use std::path::Path;

/// The values that a preset gives.
pub(super) fn values(preset: &Preset) -> Values {
    Values::default()
        .with(&run::ARCH, run::NetworkName(preset.network.to_owned()))
        .with_some(&data::DATASET, preset.data.parse().ok())
        .with(&run::EPOCHS, preset.epochs)
        .with(&data::BATCH_SIZE, preset.batch as usize)
        .with(&ACCUMULATION, preset.accumulation)
        .with(&LEARNING_RATE, preset.learning_rate)
        .with(&MOMENTUM, preset.momentum)
        .with(&L1, preset.l1)
        .with(&L2, preset.l2)
        .with(&INITIALISATION_SCALE, preset.initialisation_scale)
        .with(&adapt::PENALTY, preset.penalty_in_loss)
        .over(adapt::values(&preset.adapt))
}

/// Values of a controller's paper that replace the defaults: between preset and defaults.
pub(super) fn of_controller(controller: ControllerKind) -> Values {
    let mut values = Values::default();
    for (name, text) in controller.description().defaults {
        let about = table::find(name).map(|setting| setting.about());
        if let Some((about, Ok(value))) = about.map(|about| (about, about.kind.parse(text))) {
            values.set(about.name, value);
        }
    }
    values
}

/// The data set where a place is named but no data set: the slice is in no folder.
pub(super) fn of_place(place: &Path) -> Values {
    Values::default().with(&data::DATASET, DatasetKind::of_place(place))
}

/// Defaults of language models on text: an architecture for text, and batches
/// and learning rates at which it learns (docs/language-models.md).
pub(super) fn of_text(optimiser: OptimiserKind) -> Values {
    let sgd = optimiser == OptimiserKind::Sgd;
    Values::default()
        .with(&run::ARCH, run::NetworkName("lstm".to_owned()))
        .with(&data::BATCH_SIZE, 16)
        .with_some(&LEARNING_RATE, sgd.then_some(0.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::presets;

    #[test]
    fn defaults_are_the_small_batch_preset_for_any_network() {
        let preset = presets::find("small-batch").unwrap();
        let defaults = Values::defaults(table::settings());
        // AlexNet on CIFAR-10 has 4 buffer bits; elsewhere the released code has 8.
        let own = ["arch", "dataset", "epochs", "penalty", "buffer-bits"];
        let of_preset = values(&preset).without(|name| own.contains(&name));
        assert_eq!(of_preset.over(defaults.clone()), defaults);
    }

    #[test]
    fn presets_name_data_sets_that_exist() {
        for preset in presets::all() {
            let values = values(&preset);
            assert_eq!(
                values.get("dataset").map(ToString::to_string).as_deref(),
                Some(preset.data)
            );
        }
    }

    #[test]
    fn defaults_of_controllers_are_values_of_settings() {
        for kind in ControllerKind::ALL {
            let defaults = kind.description().defaults;
            let values = of_controller(*kind);
            assert_eq!(values.names().count(), defaults.len(), "{}", kind.name());
            for name in values.names() {
                let about = table::find(name).unwrap().about();
                assert_eq!(about.kind.check(values.get(name).unwrap()), Ok(()), "{name}");
            }
        }
    }
}
