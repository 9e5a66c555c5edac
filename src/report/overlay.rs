//! One line for each run in the same figure.

use super::block::Figure;
use super::run::Run;
use super::series::Series;
use crate::chart::{Line, LineChart, Scale, ScaleKind};

/// Width of a figure of the whole page.
pub(super) const WIDE: f64 = 1040.0;
/// Width of a figure of half the page.
pub(super) const HALF: f64 = 520.0;

/// Layout of a figure over runs.
pub(super) struct Overlay<'a> {
    pub(super) title: &'a str,
    pub(super) caption: &'a str,
    pub(super) x_name: &'a str,
    pub(super) y_name: &'a str,
    /// Required range of the vertical axis; by default that of the data.
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) kind: ScaleKind,
    pub(super) steps: bool,
    pub(super) marks: bool,
    pub(super) wide: bool,
}

impl Overlay<'_> {
    /// The figure of `lines`; `None` if there is no point.
    pub(super) fn figure(&self, lines: Vec<Line>) -> Option<Figure> {
        self.with_ticks(lines, &[])
    }

    /// The same with these values marked on the vertical axis.
    pub(super) fn with_ticks(&self, lines: Vec<Line>, y_ticks: &[f64]) -> Option<Figure> {
        let lines: Vec<Line> = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
        let points = || lines.iter().flat_map(|line| line.points.iter().copied());
        let end = points().map(|point| point.0).reduce(f64::max)?;
        let begin = points().map(|point| point.0).fold(0.0, f64::min);
        let positive = |y: &f64| self.kind != ScaleKind::Logarithmic || *y > 0.0;
        let values = || points().map(|point| point.1).filter(positive);
        let low = values().chain(self.low).reduce(f64::min)?;
        let high = values().chain(self.high).reduce(f64::max)?;
        let (low, high) = match self.kind {
            ScaleKind::Linear => {
                // A margin on the sides that are not given.
                let margin = 0.06 * (high - low);
                let below = if self.low == Some(low) { 0.0 } else { margin };
                let above = if self.high == Some(high) { 0.0 } else { margin };
                (low - below, high + above)
            }
            ScaleKind::Logarithmic => (low / 1.3, high * 1.3),
            ScaleKind::LogarithmicFromZero => (0.0, (high * 1.3).max(10.0)),
        };
        let chart = LineChart {
            title: self.title,
            x_name: self.x_name,
            y_name: self.y_name,
            x: Scale::between(begin, end, ScaleKind::Linear),
            y: Scale::between(low, high, self.kind),
            width: if self.wide { WIDE } else { HALF },
            height: if self.wide { 240.0 } else { 210.0 },
            y_ticks,
            steps: self.steps,
            marks: self.marks,
            lines: &lines,
        };
        Some(Figure {
            title: self.title.to_owned(),
            caption: self.caption.to_owned(),
            wide: self.wide,
            new_row: false,
            drawing: chart.draw(),
        })
    }
}

/// A line for each run.
pub(super) fn by_run<'a>(
    runs: &'a [Run],
    series: impl Fn(&'a Run) -> &'a Series,
    factor: f64,
) -> Vec<Line> {
    let scaled = |(x, y): (f64, f64)| (x, factor * y);
    let line = |(style, run): (usize, &'a Run)| Line {
        name: run.name.clone(),
        style,
        points: series(run).points().into_iter().map(scaled).collect(),
    };
    runs.iter().enumerate().map(line).collect()
}

/// The largest value of `series` over runs.
pub(super) fn largest<'a>(runs: &'a [Run], series: impl Fn(&'a Run) -> &'a Series) -> f64 {
    runs.iter().filter_map(|run| series(run).range()).map(|range| range.1).fold(0.0, f64::max)
}
