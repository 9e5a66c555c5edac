//! Progress of a sweep: a bar on a terminal, otherwise a line at intervals.

use crate::cli::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const TEMPLATE: &str = "{bar:24} {pos}/{len} points, {eta} left";
/// Without a terminal, points are reported at most this often.
const INTERVAL: Duration = Duration::from_secs(10);

/// Shows progress on standard error.
pub(in crate::cli) enum Shown {
    Silent,
    Bar(ProgressBar),
    Plain(Mutex<Instant>),
}

impl Shown {
    pub(in crate::cli) fn new(quiet: bool) -> Self {
        if quiet {
            Self::Silent
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            // The template is constant; should it ever be refused, the plain bar does as well.
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            Self::Bar(bar)
        } else {
            Self::Plain(Mutex::new(Instant::now()))
        }
    }

    pub(in crate::cli) fn show(&self, done: usize, of: usize) {
        match self {
            Self::Silent => {}
            Self::Bar(bar) => {
                bar.set_length(of as u64);
                bar.set_position(done as u64);
            }
            Self::Plain(last) => {
                let Ok(mut last) = last.try_lock() else { return };
                if last.elapsed() >= INTERVAL {
                    *last = Instant::now();
                    output::note(&format!("{done}/{of} points"));
                }
            }
        }
    }

    pub(in crate::cli) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
