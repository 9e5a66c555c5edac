//! Checks that every setting given has an effect; one that has none is an error.

use super::controller::CONTROLLER;
use super::data::DATASET;
use super::error::{SettingName, SettingsError};
use super::layers::Layers;
use super::run::{ARCH, NetworkName};
use super::table;
use crate::data::DatasetKind;
use crate::network::arch;
use crate::precision::ControllerKind;
use crate::setting::{Given, Need, Unmet, Values, any_of};

/// Checks that every setting given by flag or file has an effect.
///
/// # Errors
/// Names the first that has none, and what it needs.
pub(super) fn check(layers: &Layers) -> Result<(), SettingsError> {
    let controller = CONTROLLER.get(layers).map_err(|refusal| layers.explain(refusal))?;
    tokens_or_images(layers)?;
    for about in table::settings().map(|setting| setting.about()) {
        let name = about.name;
        let value = layers.value(name).map(ToString::to_string);
        // `--no-penalty` only says what other controllers do anyway.
        let asks = about.neutral.is_none_or(|neutral| value.as_deref() != Some(neutral));
        if !layers.is_explicit(name) || !asks {
            continue;
        }
        if let Some(needs) = owners_but(controller, name) {
            let found = format!("--controller {}", controller.name());
            return Err(SettingsError::NotWith { setting: layers.name_of(name), needs, found });
        }
        let unmet = about.needs.iter().find_map(|need| need.unmet(layers));
        if let Some(unmet) = unmet {
            let setting = layers.name_of(name);
            return Err(match unmet {
                Unmet::Value { needs, found } => SettingsError::NotWith { setting, needs, found },
                Unmet::Missing(needs) => SettingsError::Needs { setting, needs },
            });
        }
    }
    Ok(())
}

/// Which controllers have the setting `name`, in words, unless `controller` is one of them.
fn owners_but(controller: ControllerKind, name: &str) -> Option<String> {
    let owners = table::controllers_with(name);
    let names: Vec<_> = owners.iter().map(|kind| kind.name()).collect();
    (!owners.contains(&controller)).then(|| any_of(CONTROLLER.name(), &names))
}

/// The condition on the setting `name` if `controller` does not have it. MuPPET has no schedule.
pub(super) fn of_another_controller(controller: ControllerKind, name: &str) -> Option<String> {
    if let Some(needs) = owners_but(controller, name) {
        return Some(needs);
    }
    let only = Values::default().with(&CONTROLLER, controller);
    let needs = table::find(name)?.about().needs.iter();
    let mut of_controller = needs.filter(|need| match need {
        Need::Is(setting, _) | Need::IsNot { setting, .. } => *setting == CONTROLLER.name(),
        Need::With(_) | Need::Other(_) => false,
    });
    of_controller.find_map(|need| match need.unmet(&only)? {
        Unmet::Value { needs, .. } => Some(needs),
        Unmet::Missing(_) => None,
    })
}

/// Refuses an architecture that takes tokens for images, or the other way round.
fn tokens_or_images(layers: &Layers) -> Result<(), SettingsError> {
    let dataset = DATASET.unchecked(layers).unwrap_or(DatasetKind::FashionMnistSlice);
    let Some(NetworkName(arch)) = ARCH.unchecked(layers) else { return Ok(()) };
    let setting = || SettingName { name: format!("arch {arch}"), ..layers.name_of(ARCH.name()) };
    match (arch::is_language_model(&arch), dataset == DatasetKind::Text) {
        (true, false) => Err(SettingsError::NeedsTokens { setting: setting(), dataset }),
        (false, true) if arch::names().any(|known| known == arch) => {
            Err(SettingsError::NeedsImages { setting: setting() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_other_controllers() {
        use ControllerKind::{Adapt, Adept, Muppet, Shen, Static};
        let owners = |name| {
            let has = |kind: &ControllerKind| of_another_controller(*kind, name).is_none();
            ControllerKind::ALL.iter().copied().filter(has).collect::<Vec<_>>()
        };
        assert_eq!(owners("factor"), [Shen]);
        assert_eq!(owners("variant"), [Adapt, Adept, Muppet]);
        assert_eq!(owners("wl"), [Adapt, Adept, Static]);
        assert_eq!(owners("schedule"), [Adapt, Adept, Shen, Static, ControllerKind::Float32]);
        assert_eq!(owners("overflow"), [Adapt, Adept, Muppet, Shen, Static]);
        assert_eq!(owners("epochs").len(), 6);
    }
}
