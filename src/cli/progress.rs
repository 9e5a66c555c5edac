//! Progress of a training run on standard error: a bar on a terminal, otherwise plain lines.

mod counted;
mod rate;

pub(super) use counted::Counted;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rate::Rate;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Without a terminal, steps are reported at most this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// A finished step, as progress shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepView {
    /// Optimiser steps done so far, this one included; those before a resumed run's start count.
    pub step: u64,
    /// Epoch under way, from 1.
    pub epoch: u32,
    /// Loss of the step.
    pub loss: f64,
    /// Mean word length of the parameter tensors in bits.
    pub mean_word_length: f64,
    /// Images of the step.
    pub images: u64,
}

/// Shows how far a run is.
///
/// ```
/// use hwsim::cli::progress::{Progress, StepView};
/// let mut progress = Progress::new(1, true);
/// progress.step(StepView { step: 1, epoch: 1, loss: 2.3, mean_word_length: 8.0, images: 128 });
/// progress.line("epoch 1: test accuracy 81.2 %");
/// progress.finish();
/// ```
pub struct Progress {
    output: Output,
    total_steps: u64,
    start: Instant,
    rate: Rate,
    /// What the samples are.
    unit: &'static str,
}

enum Output {
    Silent,
    Bar(ProgressBar),
    Plain(PlainLines<std::io::Stderr>),
}

impl Progress {
    /// Progress of a run of `total_steps` steps; `quiet` shows nothing at all.
    pub fn new(total_steps: u64, quiet: bool) -> Self {
        let output = if quiet {
            Output::Silent
        } else if std::io::stderr().is_terminal() {
            Output::Bar(bar(total_steps))
        } else {
            Output::Plain(PlainLines { to: std::io::stderr(), next: Duration::ZERO })
        };
        let rate = Rate::starting_at(Duration::ZERO);
        Self { output, total_steps, start: Instant::now(), rate, unit: "images" }
    }

    /// The same with samples called `unit`, as in "sequences" of a text.
    #[must_use]
    pub fn of(self, unit: &'static str) -> Self {
        let mut progress = self;
        progress.unit = unit;
        progress
    }

    /// Shows a finished step.
    pub fn step(&mut self, view: StepView) {
        let now = self.start.elapsed();
        self.rate.step(now, view.images);
        match &mut self.output {
            Output::Silent => {}
            Output::Bar(bar) => {
                bar.set_position(view.step);
                let rate = self.rate.per_second(now);
                bar.set_message(brief(&view, self.total_steps, rate, self.unit));
            }
            Output::Plain(lines) => {
                let rate = &self.rate;
                let (total_steps, unit) = (self.total_steps, self.unit);
                lines.step(now, || {
                    let text = describe(&view, total_steps, rate.per_second(now), unit);
                    format!("step {}/{total_steps}, {text}", view.step)
                });
            }
        }
    }

    /// Shows a line, such as the outcome of an evaluation.
    pub fn line(&mut self, text: &str) {
        match &mut self.output {
            Output::Silent => {}
            Output::Bar(bar) => bar.println(text),
            Output::Plain(lines) => lines.write(text),
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Output::Bar(bar) = &self.output {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn bar(total_steps: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total_steps), ProgressDrawTarget::stderr());
    // The template is constant and tested; should it ever be refused, the plain bar does as well.
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// The elapsed time keeps running during an evaluation, in which there are no steps. With the message of [`brief`] it fits 80 columns.
const TEMPLATE: &str = "{elapsed} {bar:10} {pos}/{len} {wide_msg}";

/// How often the bar is drawn without a step.
const TICK: Duration = Duration::from_secs(1);

/// A step for the bar: what is left and what is learnt first, since a narrow terminal cuts the end off.
fn brief(view: &StepView, total_steps: u64, rate: Option<(f64, f64)>, unit: &str) -> String {
    let StepView { step, epoch, loss, mean_word_length, .. } = *view;
    let mut text = String::new();
    if let Some((steps, _)) = rate {
        let seconds = total_steps.saturating_sub(step) as f64 / steps;
        if let Ok(left) = Duration::try_from_secs_f64(seconds.ceil()) {
            text += &format!("{:#} left, ", HumanDuration(left));
        }
    }
    text += &format!("epoch {epoch}, loss {loss:.3}, WL {mean_word_length:.1}");
    if let Some((_, samples)) = rate {
        text += &format!(", {samples:.0} {unit}/s");
    }
    text
}

/// One line about a step. `rate` is steps and images a second.
fn describe(view: &StepView, total_steps: u64, rate: Option<(f64, f64)>, unit: &str) -> String {
    let StepView { step, epoch, loss, mean_word_length, .. } = *view;
    let mut text = format!("epoch {epoch}, loss {loss:.4}, mean WL {mean_word_length:.1} bits");
    if let Some((steps, images)) = rate {
        text += &format!(", {steps:.1} steps/s, {images:.0} {unit}/s");
        let seconds = total_steps.saturating_sub(step) as f64 / steps;
        if let Ok(left) = Duration::try_from_secs_f64(seconds.ceil()) {
            text += &format!(", {} left", HumanDuration(left));
        }
    }
    text
}

/// Lines for a log file.
struct PlainLines<W> {
    to: W,
    /// When a step may be reported again.
    next: Duration,
}

impl<W: Write> PlainLines<W> {
    fn step(&mut self, now: Duration, text: impl FnOnce() -> String) {
        if now >= self.next {
            self.next = now + PLAIN_INTERVAL;
            self.write(&text());
        }
    }

    fn write(&mut self, text: &str) {
        // Nobody listening is no reason to end a run.
        let _ = writeln!(self.to, "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: StepView =
        StepView { step: 40, epoch: 2, loss: 0.51239, mean_word_length: 11.25, images: 128 };

    #[test]
    fn a_step_in_words() {
        insta::assert_snapshot!(describe(&VIEW, 100, None, "images"), @"epoch 2, loss 0.5124, mean WL 11.2 bits");
        insta::assert_snapshot!(describe(&VIEW, 100, Some((0.5, 64.0)), "images"), @"epoch 2, loss 0.5124, mean WL 11.2 bits, 0.5 steps/s, 64 images/s, 2 minutes left");
        let diverged = StepView { loss: f64::NAN, ..VIEW };
        insta::assert_snapshot!(describe(&diverged, 30, Some((12.34, 1580.0)), "images"), @"epoch 2, loss NaN, mean WL 11.2 bits, 12.3 steps/s, 1580 images/s, 0 seconds left");
        insta::assert_snapshot!(describe(&VIEW, u64::MAX, Some((1e-300, 1.0)), "images"), @"epoch 2, loss 0.5124, mean WL 11.2 bits, 0.0 steps/s, 1 images/s");
    }

    #[test]
    fn the_bar_fits_80_columns() {
        let view = StepView { step: 11_000, epoch: 12, images: 64, ..VIEW };
        let text = brief(&view, 12_345, Some((9.9, 634.0)), "sequences");
        insta::assert_snapshot!(text, @"2m left, epoch 12, loss 0.512, WL 11.2, 634 sequences/s");
        // Elapsed time, bar and position stand before it; the rate alone may be cut off.
        let before = "00:01:23 ".len() + 10 + " 11000/12345 ".len();
        assert!(before + text.find(", 634").unwrap() <= 80);
        assert!(describe(&VIEW, 100, Some((0.5, 64.0)), "sequences").contains("64 sequences/s"));
    }

    #[test]
    fn plain_steps_are_ten_seconds_apart_and_other_lines_are_not() {
        let mut lines = PlainLines { to: Vec::new(), next: Duration::ZERO };
        for second in [0, 1, 9, 10, 19, 21] {
            lines.step(Duration::from_secs(second), || format!("step at {second} s"));
        }
        lines.write("evaluation");
        let text = String::from_utf8(lines.to).unwrap();
        assert_eq!(text, "step at 0 s\nstep at 10 s\nstep at 21 s\nevaluation\n");
    }

    #[test]
    fn the_bar_shows_position_and_message() {
        ProgressStyle::with_template(TEMPLATE).unwrap();
        let bar = bar(100);
        bar.set_draw_target(ProgressDrawTarget::hidden());
        let rate = Rate::starting_at(Duration::ZERO);
        let output = Output::Bar(bar.clone());
        let start = Instant::now();
        let mut progress = Progress { output, total_steps: 100, start, rate, unit: "images" };
        progress.step(VIEW);
        assert_eq!(bar.position(), 40);
        assert!(bar.message().contains("epoch 2, loss 0.512, WL 11.2"), "{}", bar.message());
        drop(progress);
        assert!(bar.is_finished());
    }
}
