//! Settings that some controllers have and others have not.

use super::choices::{ControllerKind, ScheduleKind};

const VARIANT: [&str; 1] = ["variant"];
const GRANULARITY: [&str; 1] = ["granularity"];
const ADAPT: [&str; 9] = [
    "buffer-bits",
    "resolution-lower",
    "resolution-upper",
    "lookback-lower",
    "lookback-upper",
    "lookback-momentum",
    "penalty",
    "epsilon-kl",
    "pushdown-range",
];
const STATIC: [&str; 2] = ["layer-formats", "format-schedule"];
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
const SHEN: [&str; 5] = ["factor", "strategy", "bits", "depth", "output-wl"];
const FORMAT: [&str; 2] = ["wl", "fl"];
const SCHEDULE: [&str; 9] = [
    "schedule",
    "plateau-factor",
    "plateau-patience",
    "plateau-threshold",
    "plateau-minimum",
    "milestones",
    "schedule-factor",
    "warmup-epochs",
    "cosine-minimum",
];
const QUANTISED: [&str; 15] = [
    "backward",
    "gradient-wl",
    "gradient-fl",
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

/// Settings that belong together.
pub(super) struct Group {
    /// Whether the controller has them.
    pub(super) met: bool,
    /// Their names.
    pub(super) names: &'static [&'static str],
    /// What they need, in words.
    pub(super) needs: &'static str,
}

const fn group(met: bool, names: &'static [&'static str], needs: &'static str) -> Group {
    Group { met, names, needs }
}

/// Every setting that not all controllers have, for one of them. The policy of MuPPET is its schedule, so it goes with a
/// `constant` one only.
pub(super) fn groups(controller: ControllerKind, schedule: ScheduleKind) -> [Group; 9] {
    use ControllerKind::{Adapt, Float32, Muppet, Shen, Static};
    let adapt = controller.is_adapt();
    let free = controller != Muppet || schedule == ScheduleKind::Constant;
    let variant = adapt || controller == Muppet;
    let format = adapt || controller == Static;
    [
        group(variant, &VARIANT, "`--controller adapt`, `adept` or `muppet`"),
        group(controller == Adapt, &GRANULARITY, "`--controller adapt`"),
        group(adapt, &ADAPT, "`--controller adapt`"),
        group(controller == Muppet, &MUPPET, "`--controller muppet`"),
        group(controller == Shen, &SHEN, "`--controller shen`"),
        group(format, &FORMAT, "`--controller adapt` or `static`"),
        group(free, &SCHEDULE, "a controller other than muppet"),
        group(controller == Static, &STATIC, "`--controller static`"),
        group(controller != Float32, &QUANTISED, "a controller other than float32"),
    ]
}

/// What the setting `name` needs if `controller` does not have it. To MuPPET no schedule belongs.
pub(super) fn foreign(controller: ControllerKind, name: &str) -> Option<&'static str> {
    let groups = groups(controller, ScheduleKind::Plateau);
    let of = groups.into_iter().find(|group| !group.met && group.names.contains(&name));
    of.map(|group| group.needs)
}

#[cfg(test)]
mod tests {
    use super::super::TrainArguments;
    use super::super::choices::names;
    use super::*;

    #[test]
    fn groups_name_settings_that_exist() {
        let known = names::<TrainArguments>();
        for group in groups(ControllerKind::Adapt, ScheduleKind::Plateau) {
            assert!(group.names.iter().all(|name| known.contains(name)), "{:?}", group.names);
        }
    }

    #[test]
    fn foreign_settings() {
        use ControllerKind::{Adapt, Adept, Float32, Muppet, Shen, Static};
        let owners = |name| {
            let all = [Adapt, Adept, Muppet, Shen, Static, Float32];
            all.into_iter().filter(|kind| foreign(*kind, name).is_none()).collect::<Vec<_>>()
        };
        assert_eq!(owners("factor"), [Shen]);
        assert_eq!(owners("variant"), [Adapt, Adept, Muppet]);
        assert_eq!(owners("wl"), [Adapt, Adept, Static]);
        assert_eq!(owners("schedule"), [Adapt, Adept, Shen, Static, Float32]);
        assert_eq!(owners("overflow"), [Adapt, Adept, Muppet, Shen, Static]);
        assert_eq!(owners("epochs").len(), 6);
    }
}
