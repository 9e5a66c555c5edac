//! The table of all settings of a training run.

use super::{arithmetic, controller, data, optimiser, outputs, run, schedule};
use crate::precision::ControllerKind;
use crate::setting::Described;

/// Settings under one heading of the help.
pub(in crate::cli) type Group = (&'static str, &'static [&'static dyn Described]);

/// Every setting with its heading, in the order of the help.
pub(in crate::cli) fn all() -> Vec<(&'static str, &'static dyn Described)> {
    let of_controllers = ControllerKind::ALL.iter().map(|kind| {
        let description = kind.description();
        (description.heading, description.settings)
    });
    let groups = [
        run::SETTINGS,
        data::SETTINGS,
        optimiser::SETTINGS,
        schedule::SETTINGS,
        controller::SETTINGS,
    ]
    .into_iter()
    .chain(of_controllers)
    .chain([arithmetic::SETTINGS, outputs::SETTINGS]);
    let mut all: Vec<(_, &dyn Described)> = Vec::new();
    for (heading, settings) in groups {
        for &setting in settings {
            // Several controllers may have the same setting.
            if !all.iter().any(|(_, known)| known.about().name == setting.about().name) {
                all.push((heading, setting));
            }
        }
    }
    all
}

/// Every setting.
pub(super) fn settings() -> impl Iterator<Item = &'static dyn Described> {
    all().into_iter().map(|(_, setting)| setting)
}

/// The setting `name`.
pub(in crate::cli) fn find(name: &str) -> Option<&'static dyn Described> {
    settings().find(|setting| setting.about().name == name)
}

/// The names of the keys of a configuration file.
pub(super) fn keys() -> Vec<&'static str> {
    settings()
        .map(Described::about)
        .filter(|about| !about.flag_only)
        .map(|about| about.name)
        .collect()
}

/// Whether `name` is a setting without influence on any result: where files are, threads, progress. A resumed run may change
/// it, and a sweep or a measurement decides on it itself. The name of a switch may begin with `no-`.
pub(in crate::cli) fn is_execution(name: &str) -> bool {
    find(name.strip_prefix("no-").unwrap_or(name)).is_some_and(|found| found.about().execution)
}

/// The controllers that have the setting `name`; all, unless it is one that some have and others have not.
pub(super) fn controllers_with(name: &str) -> Vec<ControllerKind> {
    let with: Vec<_> = ControllerKind::ALL.iter().copied().filter(|kind| kind.has(name)).collect();
    if with.is_empty() { ControllerKind::ALL.to_vec() } else { with }
}
