//! The current rate of a run, for the progress display.

use std::collections::VecDeque;
use std::time::Duration;

/// Samples are at least this far apart.
const SPACING: Duration = Duration::from_millis(500);
/// The rate is taken over this many samples, so over at least 15 s in a run that long.
const SAMPLES: usize = 30;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    time: Duration,
    steps: u64,
    images: u64,
}

/// Steps and images a second over the last samples.
///
/// Only work seen here counts: a resumed run starts at step 1000 without having done 1000 steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Rate {
    samples: VecDeque<Sample>,
    steps: u64,
    images: u64,
}

impl Rate {
    /// Starts to measure at `time` since any fixed moment.
    pub(super) fn starting_at(time: Duration) -> Self {
        let start = Sample { time, steps: 0, images: 0 };
        Self { samples: VecDeque::from([start]), steps: 0, images: 0 }
    }

    /// A step of `images` images ended at `time`.
    pub(super) fn step(&mut self, time: Duration, images: u64) {
        self.steps += 1;
        self.images += images;
        let last = self.samples.back().map_or(Duration::ZERO, |sample| sample.time);
        if time.saturating_sub(last) >= SPACING {
            self.samples.push_back(Sample { time, steps: self.steps, images: self.images });
            if self.samples.len() > SAMPLES {
                self.samples.pop_front();
            }
        }
    }

    /// Steps and images a second at `time`; `None` before the first step or without time passed.
    pub(super) fn per_second(&self, time: Duration) -> Option<(f64, f64)> {
        let first = self.samples.front()?;
        let seconds = time.saturating_sub(first.time).as_secs_f64();
        let (steps, images) = (self.steps - first.steps, self.images - first.images);
        (seconds > 0.0 && steps > 0).then(|| (steps as f64 / seconds, images as f64 / seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_steady_run_has_its_rate() {
        let mut rate = Rate::starting_at(at(2000));
        assert_eq!(rate.per_second(at(2000)), None);
        for step in 1..=10 {
            rate.step(at(2000 + 250 * step), 32);
        }
        assert_eq!(rate.per_second(at(4500)), Some((4.0, 128.0)));
    }

    #[test]
    fn old_steps_are_forgotten() {
        let mut rate = Rate::starting_at(at(0));
        rate.step(at(100_000), 1);
        for step in 1..=40 {
            rate.step(at(100_000 + 1000 * step), 1);
        }
        assert_eq!(rate.per_second(at(140_000)), Some((1.0, 1.0)));
    }
}
