//! A run, read from its trace row by row.

use super::ReportError;
use super::arithmetic::Arithmetic;
use super::costs::Costs;
use super::layer::{LayerRun, LayerStepRows};
use super::series::Series;
use super::summary::RunSummary;
use super::totals::Totals;
use crate::files::trace::{EvaluationRow, GemmRow, Row, StepRow, TraceError, TraceReader};
use std::collections::HashMap;
use std::path::Path;

/// A run as the report shows it: its size does not depend on the length of the trace.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Name: that of its file, unless another run has it.
    pub name: String,
    /// The trace.
    pub file: String,
    /// The reason why the trace is incomplete, if it is.
    pub partial: Option<&'static str>,
    /// Rows read.
    pub rows: u64,
    /// Optimiser steps traced.
    pub steps: u64,
    /// The last step traced, from 0.
    pub last_step: u64,
    /// Layers on the array in their order.
    pub layers: Vec<LayerRun>,
    /// Cross entropy of each traced step in nats.
    pub cross_entropy: Series,
    /// Top-1 share of each traced step's images.
    pub batch_accuracy: Series,
    /// Learning rate over steps.
    pub learning_rate: Series,
    /// Mean word length over layers, in bits, over steps.
    pub mean_word_length: Series,
    /// Energy of each traced step in pJ.
    pub energy: Series,
    /// Clock cycles of each traced step.
    pub cycles: Series,
    /// Evaluations on the test set.
    pub evaluations: Vec<EvaluationRow>,
    /// Costs relative to float32.
    pub costs: Costs,
    /// Arithmetic that occurs in the trace.
    pub arithmetic: Arithmetic,
    /// The summary, if there is one.
    pub summary: Option<RunSummary>,
    index: HashMap<String, usize>,
    pending: Vec<LayerStepRows>,
    pending_step: Option<u64>,
}

impl Run {
    /// Reads the trace `path`, plain or gzip, finished or partial.
    ///
    /// # Errors
    /// If it cannot be read, contradicts itself or has no complete step.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let mut run =
            Self { name: name(path), file: path.display().to_string(), ..Self::default() };
        let mut last_is_evaluation = false;
        for row in TraceReader::open(path)? {
            let row = match row {
                Err(TraceError::Truncated { .. }) => {
                    run.partial = Some("the trace ends within a row");
                    break;
                }
                other => other?,
            };
            run.rows += 1;
            last_is_evaluation = matches!(row, Row::Evaluation(_));
            run.push(row)?;
        }
        if run.steps == 0 {
            return Err(ReportError::Empty { file: run.file });
        }
        if run.partial.is_none() {
            let unfinished = path.extension().is_some_and(|extension| extension == "partial");
            run.partial = if unfinished {
                Some("the run had not ended")
            } else if !last_is_evaluation {
                Some("the trace does not end with an evaluation")
            } else {
                None
            };
        }
        run.pending = Vec::new();
        Ok(run)
    }

    /// Takes in a row.
    fn push(&mut self, row: Row) -> Result<(), ReportError> {
        match row {
            Row::Gemm(row) => self.product(row),
            Row::Step(row) => self.step(&row),
            Row::Evaluation(row) => {
                self.evaluations.push(row);
                Ok(())
            }
        }
    }

    fn product(&mut self, row: GemmRow) -> Result<(), ReportError> {
        if self.pending_step != Some(row.step) {
            // Products of a step whose own row is missing count for nothing.
            self.pending.iter_mut().for_each(|layer| *layer = LayerStepRows::default());
            self.pending_step = Some(row.step);
        }
        let step = row.step;
        let layer = match self.index.get(&row.layer) {
            Some(&layer) => layer,
            None if self.steps == 0 => {
                let layer = self.layers.len();
                self.layers.push(LayerRun { name: row.layer.clone(), ..LayerRun::default() });
                self.pending.push(LayerStepRows::default());
                self.index.insert(row.layer.clone(), layer);
                layer
            }
            None => {
                return Err(ReportError::Layer { file: self.file.clone(), step, layer: row.layer });
            }
        };
        if row.shape.macs().and_then(|macs| macs.checked_mul(row.groups)).is_none() {
            return Err(ReportError::Size { file: self.file.clone(), step, layer: row.layer });
        }
        self.arithmetic.add(&row);
        self.pending[layer].add(row);
        Ok(())
    }

    fn step(&mut self, row: &StepRow) -> Result<(), ReportError> {
        let x = row.step;
        self.steps += 1;
        self.last_step = row.step;
        self.cross_entropy.push(x, row.cross_entropy);
        self.batch_accuracy.push(x, row.batch_accuracy);
        self.learning_rate.push(x, row.learning_rate);
        if self.pending_step != Some(row.step) {
            return Ok(());
        }
        let (mut totals, mut bits, mut counted) = (Totals::default(), 0.0, 0.0);
        for (layer, rows) in self.layers.iter_mut().zip(&self.pending) {
            layer.push(row.step, rows);
            rows.passes.iter().flatten().for_each(|(of_kind, _)| totals += *of_kind);
            if let Some(word_length) = rows.word_length() {
                bits += f64::from(word_length);
                counted += 1.0;
            }
        }
        if counted > 0.0 {
            self.mean_word_length.push(x, bits / counted);
        }
        self.energy.push(x, totals.all_energy());
        self.cycles.push(x, totals.all_cycles());
        let (file, step) = (self.file.clone(), row.step);
        let pushed = self.costs.push(row.step, &self.pending);
        pushed.map_err(|source| ReportError::Cost { file, step, source })?;
        self.pending.iter_mut().for_each(|layer| *layer = LayerStepRows::default());
        self.pending_step = None;
        Ok(())
    }

    /// Sums over all layers and traced steps.
    pub fn totals(&self) -> Totals {
        self.layers.iter().map(LayerRun::totals).sum()
    }

    /// Whether every step of the run is in the trace.
    pub fn every_step(&self) -> bool {
        self.last_step.checked_add(1) == Some(self.steps)
    }

    /// Steps of an epoch; `None` before the first epoch has ended.
    pub fn steps_per_epoch(&self) -> Option<f64> {
        let whole = self.evaluations.iter().find(|evaluation| evaluation.epoch > 0)?;
        (whole.step > 0).then(|| whole.step as f64 / f64::from(whole.epoch))
    }

    /// Top-1 share of the last evaluation.
    pub fn top1(&self) -> Option<f64> {
        self.evaluations.last().map(|evaluation| evaluation.top1)
    }

    /// The best top-1 share of all evaluations.
    pub fn best_top1(&self) -> Option<f64> {
        self.evaluations.iter().map(|evaluation| evaluation.top1).reduce(f64::max)
    }

    /// The value of `key` in the summary.
    pub fn summarised(&self, key: &str) -> Option<f64> {
        self.summary.as_ref()?.number(key)
    }

    /// The text of `key` in the summary.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.summary.as_ref()?.text(key)
    }

    /// Energy of the whole run in pJ: the summary's, or the trace's if that has every step of a whole run.
    pub fn whole_energy(&self) -> Option<f64> {
        let traced = || self.is_whole().then(|| self.totals().all_energy());
        self.summarised("energy_pj").or_else(traced)
    }

    /// Clock cycles of the whole run, likewise.
    pub fn whole_cycles(&self) -> Option<f64> {
        let traced = || self.is_whole().then(|| self.totals().all_cycles());
        self.summarised("cycles").or_else(traced)
    }

    fn is_whole(&self) -> bool {
        self.every_step() && self.partial.is_none()
    }
}

/// The name of a file without what says that it is a trace.
pub(super) fn name(path: &Path) -> String {
    let mut name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    for suffix in [".partial", ".gz", ".csv"] {
        if let Some(shorter) = name.strip_suffix(suffix).filter(|shorter| !shorter.is_empty()) {
            name.truncate(shorter.len());
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_says_that_they_are_traces() {
        let names =
            ["a/run.csv.gz", "run.csv", "run.csv.gz.partial", "run.partial", "x.y.csv", ".csv"];
        let short: Vec<String> = names.iter().map(|path| name(Path::new(path))).collect();
        assert_eq!(short, ["run", "run", "run", "run", "x.y", ".csv"]);
    }
}
