//! Figures with a line or a row for each layer: a panel for each run, with the same axes in all.

use super::block::Figure;
use super::layer::LayerRun;
use super::overlay::{Overlay, WIDE};
use super::run::Run;
use super::series::Series;
use crate::chart::{HeatMap, HeatRow, Line, STYLES, ScaleKind};

/// The quantity shown for each layer.
pub(super) struct Panels<'a> {
    pub(super) title: &'a str,
    pub(super) caption: &'a str,
    pub(super) value_name: &'a str,
    pub(super) factor: f64,
    /// Required range of the value axis.
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) kind: ScaleKind,
    pub(super) steps: bool,
    pub(super) ticks: &'a [f64],
    /// Whether panels take the whole width even if there are several.
    pub(super) wide: bool,
}

impl Panels<'_> {
    /// A figure for each run that has values: lines for up to eight layers, a map of colours for more.
    pub(super) fn figures<'a>(
        &self,
        runs: &'a [Run],
        series: impl Fn(&'a LayerRun) -> &'a Series + Copy,
    ) -> Vec<Figure> {
        let ranges = || {
            let layers = runs.iter().flat_map(|run| &run.layers);
            layers.filter_map(|layer| series(layer).range())
        };
        let low = ranges().map(|range| self.factor * range.0).chain(self.low).reduce(f64::min);
        let high = ranges().map(|range| self.factor * range.1).chain(self.high).reduce(f64::max);
        let (Some(low), Some(high)) = (low, high) else { return Vec::new() };
        // Panels have one axis, so its margin is that of all of them.
        let margin = if self.high.is_some() { 0.0 } else { 0.05 * (high - low) };
        let top = high + margin;
        let wide = self.wide || runs.len() == 1;
        let mut figures: Vec<Figure> = runs
            .iter()
            .filter_map(|run| {
                let title = match runs.len() {
                    1 => self.title.to_owned(),
                    _ => format!("{}: {}", self.title, run.name),
                };
                if run.layers.len() > STYLES {
                    self.map(run, series, &title, (low, self.ticks.last().copied().unwrap_or(high)))
                } else {
                    self.lines(run, series, &title, (low, top), wide)
                }
            })
            .collect();
        if let Some(first) = figures.first_mut() {
            first.new_row = true;
        }
        figures
    }

    fn lines<'a>(
        &self,
        run: &'a Run,
        series: impl Fn(&'a LayerRun) -> &'a Series,
        title: &str,
        (low, high): (f64, f64),
        wide: bool,
    ) -> Option<Figure> {
        let line = |(style, layer): (usize, &'a LayerRun)| Line {
            name: layer.name.clone(),
            style,
            points: series(layer).points().into_iter().map(|(x, y)| (x, self.factor * y)).collect(),
        };
        let overlay = Overlay {
            title,
            caption: self.caption,
            x_name: "optimiser step",
            y_name: self.value_name,
            low: Some(low),
            high: Some(high),
            kind: self.kind,
            steps: self.steps,
            marks: false,
            wide,
        };
        overlay.with_ticks(run.layers.iter().enumerate().map(line).collect(), self.ticks)
    }

    fn map<'a>(
        &self,
        run: &'a Run,
        series: impl Fn(&'a LayerRun) -> &'a Series,
        title: &str,
        range: (f64, f64),
    ) -> Option<Figure> {
        // Layers of a run are counted in the same steps, so they have the same columns.
        let columns = run.layers.iter().map(|layer| series(layer).means());
        let (longest, width) = columns.max_by_key(|(means, _)| means.len())?;
        let x: Vec<f64> = (0..longest.len()).map(|column| column as f64 * width).collect();
        if x.is_empty() {
            return None;
        }
        let rows: Vec<HeatRow> = run
            .layers
            .iter()
            .map(|layer| {
                let mut values: Vec<f64> =
                    series(layer).means().0.iter().map(|mean| self.factor * mean).collect();
                if self.steps {
                    hold(&mut values);
                }
                values.resize(x.len(), f64::NAN);
                HeatRow { name: layer.name.clone(), values }
            })
            .collect();
        let range = match self.kind {
            ScaleKind::Linear => range,
            // A map has no place for a logarithm: the brightest bucket is the end of its colours.
            _ => {
                let values = rows.iter().flat_map(|row| &row.values).copied();
                (0.0, values.filter(|value| value.is_finite()).fold(1.0, f64::max))
            }
        };
        let map = HeatMap {
            title,
            x_name: "optimiser step",
            value_name: self.value_name,
            x: &x,
            range,
            width: WIDE,
            rows: &rows,
        };
        let caption = format!("{} Colours are means over neighbouring steps.", self.caption);
        Some(Figure {
            title: title.to_owned(),
            caption: caption.trim().to_owned(),
            wide: true,
            new_row: false,
            drawing: map.draw(),
        })
    }
}

/// Fills gaps with the value before them: what holds until it changes was the same in steps that were not traced.
fn hold(values: &mut [f64]) {
    let mut last = f64::NAN;
    for value in values {
        if value.is_nan() {
            *value = last;
        }
        last = *value;
    }
}
