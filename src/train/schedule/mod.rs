//! Learning rate schedules.
//!
//! [`Schedule`] is the choice as data, [`Scheduler`] its state in a run. A new schedule is one new file and one
//! variant of both.

pub mod cosine;
pub mod plateau;
pub mod step;

pub use cosine::{Cosine, CosineOptions};
pub use plateau::{PlateauOptions, ReduceOnPlateau};
pub use step::StepOptions;

use serde::{Deserialize, Serialize};

/// Learning rate schedules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It falls when the test loss of an epoch has stopped falling.
    Plateau(PlateauOptions),
    /// It falls before given epochs.
    Step(StepOptions),
    /// It falls along half a cosine.
    Cosine(CosineOptions),
}

impl Schedule {
    /// Whether the learning rate of a step depends on how many epochs the run has.
    #[must_use]
    pub fn depends_on_epochs(&self) -> bool {
        match self {
            Self::Cosine(_) => true,
            Self::Constant | Self::Plateau(_) | Self::Step(_) => false,
        }
    }
}

/// A schedule that does not fit the run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// The warm-up takes the whole run.
    #[error(
        "a warm-up of {warmup_epochs} epochs leaves none of the run's {epochs}: use more epochs or a smaller --warmup-epochs"
    )]
    Warmup {
        /// Epochs of the warm-up.
        warmup_epochs: u32,
        /// Epochs of the run.
        epochs: u32,
    },
    /// The rate at the end is above that of the beginning.
    #[error(
        "the smallest learning rate is {minimum}, the first {rate}: use a --cosine-minimum from 0 to that"
    )]
    Minimum {
        /// The rate at the end.
        minimum: f64,
        /// The initial learning rate.
        rate: f64,
    },
}

/// The schedule of a run under way. All but the cosine change the current rate; the cosine sets it.
#[derive(Debug, Clone, PartialEq)]
pub enum Scheduler {
    /// The rate stays.
    Constant,
    /// With what is known of earlier epochs.
    Plateau(ReduceOnPlateau),
    /// By epochs.
    Step(StepOptions),
    /// By steps.
    Cosine(Cosine),
}

impl Scheduler {
    /// The schedule of a run of `epochs` of `steps_per_epoch` whose initial learning rate is `rate`.
    ///
    /// # Errors
    /// If a cosine does not fit the run.
    pub fn new(
        schedule: &Schedule,
        rate: f64,
        epochs: u32,
        steps_per_epoch: u64,
    ) -> Result<Self, ScheduleError> {
        Ok(match schedule {
            Schedule::Constant => Self::Constant,
            Schedule::Plateau(options) => Self::Plateau(ReduceOnPlateau::new(*options, rate)),
            Schedule::Step(options) => Self::Step(options.clone()),
            Schedule::Cosine(options) => {
                Self::Cosine(Cosine::new(*options, rate, epochs, steps_per_epoch)?)
            }
        })
    }

    /// The learning rate of the next step after `done` steps, if that of the last one is `rate`; with `done` = 0 and the
    /// initial learning rate, that of the first step.
    pub fn after_step(&self, done: u64, rate: f64) -> f64 {
        match self {
            Self::Cosine(cosine) => cosine.at(done),
            Self::Constant | Self::Plateau(_) | Self::Step(_) => rate,
        }
    }

    /// The learning rate after `done` epochs, the last of which ended with `test_loss` and `rate`.
    pub fn after_epoch(&mut self, done: u32, test_loss: f64, rate: f64) -> f64 {
        match self {
            Self::Constant | Self::Cosine(_) => rate,
            Self::Plateau(plateau) => plateau.step(test_loss),
            Self::Step(step) => step.next(done, rate),
        }
    }

    /// Saved state: that of the plateau schedule.
    pub fn plateau(&self) -> Option<&ReduceOnPlateau> {
        match self {
            Self::Plateau(plateau) => Some(plateau),
            _ => None,
        }
    }

    /// Continues with a plateau's memory.
    pub fn restore(&mut self, saved: Option<ReduceOnPlateau>) {
        if let (Self::Plateau(plateau), Some(saved)) = (self, saved) {
            *plateau = saved;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schedule_changes_the_rate_at_its_own_time() {
        let cases = [
            (Schedule::Constant, [1.0, 1.0, 1.0]),
            (Schedule::Step(StepOptions { milestones: vec![1], factor: 0.5 }), [1.0, 1.0, 0.5]),
            (
                Schedule::Plateau(PlateauOptions { patience: 0, ..PlateauOptions::default() }),
                [1.0, 1.0, 1.0],
            ),
            (Schedule::Cosine(CosineOptions { warmup_epochs: 1, minimum: 0.0 }), [0.5, 1.0, 1.0]),
        ];
        for (schedule, expected) in cases {
            let mut scheduler = Scheduler::new(&schedule, 1.0, 2, 2).unwrap();
            let first = scheduler.after_step(0, 1.0);
            let second = scheduler.after_step(1, first);
            let third = scheduler.after_epoch(1, 2.0, scheduler.after_step(2, second));
            assert_eq!([first, second, third], expected, "{schedule:?}");
        }
    }

    #[test]
    fn options_are_named_in_files() {
        let text = "kind = 'cosine'\nwarmup_epochs = 2";
        let options = CosineOptions { warmup_epochs: 2, minimum: 0.0 };
        assert_eq!(toml::from_str::<Schedule>(text).unwrap(), Schedule::Cosine(options));
        let step = Schedule::Step(StepOptions { milestones: vec![3], factor: 0.1 });
        let text = toml::to_string(&step).unwrap();
        assert_eq!(text, "kind = \"step\"\nmilestones = [3]\nfactor = 0.1\n");
        assert_eq!(toml::from_str::<Schedule>(&text).unwrap(), step);
    }
}
