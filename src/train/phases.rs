//! Wall time by phase.
//!
//! Time is the host's, never a result: nothing that is computed depends on it.

use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Wall time of the parts of a run in seconds; what is missing to the run's whole time is reading data and
/// building the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseSeconds {
    /// Preparing batches: decoding, augmentation, normalisation.
    pub data: f64,
    /// Forward pass: layers on the array, with the quantisers of their inputs and outputs.
    pub forward_array: f64,
    /// Forward pass: all other layers, and the loss.
    pub forward_vector: f64,
    /// Backward pass: layers on the array.
    pub backward_array: f64,
    /// Backward pass: all other layers.
    pub backward_vector: f64,
    /// Gradients (regularisers, norms, quantisers), the optimiser, and quantising the new weights.
    pub update: f64,
    /// The precision controller.
    pub controller: f64,
    /// Timing, energy and cost equations of the simulated machine.
    pub accounting: f64,
    /// Trace and checkpoints.
    pub output: f64,
    /// Evaluations.
    pub evaluation: f64,
}

impl PhaseSeconds {
    /// Every phase with its name, in the order of a step.
    pub fn named(&self) -> [(&'static str, f64); 10] {
        [
            ("data", self.data),
            ("forward, array", self.forward_array),
            ("forward, vector", self.forward_vector),
            ("backward, array", self.backward_array),
            ("backward, vector", self.backward_vector),
            ("update", self.update),
            ("controller", self.controller),
            ("accounting", self.accounting),
            ("output", self.output),
            ("evaluation", self.evaluation),
        ]
    }

    /// Their sum in seconds.
    pub fn total(&self) -> f64 {
        self.named().iter().map(|(_, seconds)| seconds).sum()
    }
}

/// How long a run has taken.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WallTime {
    /// All of it in seconds.
    pub seconds: f64,
    /// Of these, the seconds of each phase.
    pub phases: PhaseSeconds,
}

/// Assigns the time that passes to phases.
#[derive(Debug, Clone)]
pub(super) struct PhaseClock {
    seconds: PhaseSeconds,
    since: Instant,
}

impl PhaseClock {
    /// A clock that continues `seconds`.
    pub(super) fn after(seconds: PhaseSeconds) -> Self {
        Self { seconds, since: Instant::now() }
    }

    /// Times so far.
    pub(super) fn seconds(&self) -> PhaseSeconds {
        self.seconds
    }

    /// Forgets the time since the last call: it belongs to no phase.
    pub(super) fn skip(&mut self) {
        self.since = Instant::now();
    }

    /// The time since the last call belongs to `phase`.
    pub(super) fn lap(&mut self, phase: impl FnOnce(&mut PhaseSeconds) -> &mut f64) {
        let passed = self.passed();
        *phase(&mut self.seconds) += passed.as_secs_f64();
    }

    /// Of the time since the last call, `part` belongs to the first phase and the rest to the second.
    pub(super) fn split(
        &mut self,
        part: Duration,
        phases: impl FnOnce(&mut PhaseSeconds) -> (&mut f64, &mut f64),
    ) {
        let passed = self.passed();
        let (first, second) = phases(&mut self.seconds);
        *first += part.as_secs_f64();
        *second += passed.saturating_sub(part).as_secs_f64();
    }

    fn passed(&mut self) -> Duration {
        let now = Instant::now();
        let passed = now - self.since;
        self.since = now;
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laps_add_up_to_the_time_that_passed() {
        let start = Instant::now();
        let before = PhaseSeconds { data: 5.0, ..PhaseSeconds::default() };
        let mut clock = PhaseClock::after(before);
        std::thread::sleep(Duration::from_millis(3));
        clock.lap(|phases| &mut phases.update);
        std::thread::sleep(Duration::from_millis(3));
        clock.skip();
        std::thread::sleep(Duration::from_millis(3));
        let part = Duration::from_millis(1);
        clock.split(part, |phases| (&mut phases.forward_array, &mut phases.forward_vector));
        let seconds = clock.seconds();
        assert_eq!(seconds.data, 5.0);
        assert_eq!(seconds.forward_array, 0.001);
        assert!(seconds.update >= 0.003 && seconds.forward_vector >= 0.002, "{seconds:?}");
        let passed = start.elapsed().as_secs_f64();
        assert!(seconds.total() - 5.0 <= passed - 0.003, "{seconds:?}, {passed}");
    }
}
