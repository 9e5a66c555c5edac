//! Progress of work on a known number of things.

use super::{Output, PlainLines};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Instant;

/// Shows how many of some things are done: a bar on a terminal, otherwise a line each ten seconds.
pub(in crate::cli) struct Counted {
    output: Output,
    total: usize,
    start: Instant,
    unit: &'static str,
}

impl Counted {
    /// Progress on `total` things called `unit`; `quiet` shows nothing.
    pub(in crate::cli) fn new(total: usize, unit: &'static str, quiet: bool) -> Self {
        let output = if quiet {
            Output::Silent
        } else if std::io::stderr().is_terminal() {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(total as u64), target);
            // The template is constant; should it ever be refused, the plain bar does as well.
            if let Ok(style) =
                ProgressStyle::with_template("{elapsed} {bar:20} {pos}/{len} {msg}, {eta} left")
            {
                bar.set_style(style);
            }
            bar.set_message(unit);
            Output::Bar(bar)
        } else {
            // Short work needs no line.
            Output::Plain(PlainLines { to: std::io::stderr(), next: super::PLAIN_INTERVAL })
        };
        Self { output, total, start: Instant::now(), unit }
    }

    /// Says that the first `count` are done.
    pub(in crate::cli) fn done(&mut self, count: usize) {
        let (total, unit) = (self.total, self.unit);
        match &mut self.output {
            Output::Silent => {}
            Output::Bar(bar) => bar.set_position(count as u64),
            Output::Plain(lines) => {
                lines.step(self.start.elapsed(), || format!("{count} of {total} {unit}"));
            }
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Output::Bar(bar) = &self.output {
            bar.finish_and_clear();
        }
    }
}
