//! Settings that choose the precision controller; those of each controller stand in its file in [`crate::precision`].

use crate::precision::ControllerKind;
use crate::precision::shared_settings::{FL, HEADING, WL};
use crate::setting::{Need, Setting, word, words};

/// Which controller decides on formats.
pub const CONTROLLER: Setting<ControllerKind> = word(
    "controller",
    "What decides on number formats: AdaPT, ADEPT (AdaPT that may switch after any batch), MuPPET, Shen et al. 2024, formats \
     chosen in advance, or none, which gives the float32 twin",
)
.default(|| ControllerKind::Adapt);

/// Several runs, one for each controller.
pub const CONTROLLERS: Setting<Vec<ControllerKind>> = words(
    "controllers",
    "Train with several controllers one after another and compare them, as in adapt,shen,float32; NAME goes before the \
     extension of each run's files, and --checkpoint gets a folder NAME",
)
.example("adapt,float32");

/// A setting without effect in float32.
pub(super) const QUANTISED: Need = Need::IsNot {
    setting: "controller",
    word: "float32",
    needs: "a controller other than float32",
    unless: None,
};

pub(super) const SETTINGS: super::table::Group = (HEADING, &[&CONTROLLER, &CONTROLLERS, &WL, &FL]);
