//! Series and sums of one layer of a run.

use super::series::Series;
use super::totals::Totals;
use crate::files::trace::GemmRow;
use hwmodel::Format;
use hwmodel::product::{ByOperand, GemmKind};

/// One layer of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerRun {
    /// Name.
    pub name: String,
    /// Elements of its weights.
    pub elements: u64,
    /// Word length of the weights in bits, 32 in float32, over steps.
    pub word_length: Series,
    /// Fractional length of the weights in bits over steps; none in float32.
    pub fractional_length: Series,
    /// Share of zero weights over steps.
    pub sparsity: Series,
    /// Saturated elements of a million quantised over steps.
    pub saturated: Series,
    /// Additions that overflowed the accumulator, over steps.
    pub accumulator_events: Series,
    /// Outputs accumulated addition by addition, over steps.
    pub stepped_outputs: Series,
    /// Sums by kind of product.
    pub passes: [Totals; 3],
    /// Last formats by kind of product; `None` in float32, or without such a product.
    pub formats: [Option<ByOperand<Format>>; 3],
    /// Traced steps whose format is another than that of the traced step before.
    pub switches: u64,
}

impl LayerRun {
    /// Sums over all products.
    pub fn totals(&self) -> Totals {
        self.passes.iter().copied().sum()
    }
}

/// The place of a kind of product in a layer's sums.
pub(super) fn pass(kind: GemmKind) -> usize {
    match kind {
        GemmKind::Forward => 0,
        GemmKind::GradInput => 1,
        GemmKind::GradWeight => 2,
    }
}

/// Values of a layer in the step being read.
#[derive(Debug, Clone, Default)]
pub(super) struct LayerStepRows {
    pub(super) forward: Option<GemmRow>,
    pub(super) passes: [Option<(Totals, Option<ByOperand<Format>>)>; 3],
}

impl LayerStepRows {
    pub(super) fn add(&mut self, row: GemmRow) {
        let kind = pass(row.kind);
        self.passes[kind] = Some((Totals::of(&row), row.formats));
        if row.kind == GemmKind::Forward {
            self.forward = Some(row);
        }
    }

    /// The word length of the weights in bits; `None` without a forward product.
    pub(super) fn word_length(&self) -> Option<u32> {
        let row = self.forward.as_ref()?;
        Some(row.formats.map_or(32, |formats| formats.weight.wl()))
    }
}

impl LayerRun {
    /// Takes in a complete step.
    pub(super) fn push(&mut self, step: u64, rows: &LayerStepRows) {
        let mut totals = Totals::default();
        for (kind, (of_kind, formats)) in
            rows.passes.iter().enumerate().filter_map(|(kind, pass)| Some((kind, pass.as_ref()?)))
        {
            totals += *of_kind;
            self.passes[kind] += *of_kind;
            if kind == 0 && !self.word_length.is_empty() && self.formats[0] != *formats {
                self.switches += 1;
            }
            self.formats[kind] = *formats;
        }
        if let (Some(row), Some(word_length)) = (&rows.forward, rows.word_length()) {
            self.elements = row.weight_elements;
            self.word_length.push(step, f64::from(word_length));
            if let Some(formats) = row.formats {
                self.fractional_length.push(step, f64::from(formats.weight.fl()));
            }
            if let Some(sparsity) = row.sparsity() {
                self.sparsity.push(step, sparsity);
            }
        }
        if let Some(saturated) = totals.saturated_per_million() {
            self.saturated.push(step, saturated);
        }
        self.accumulator_events.push(step, totals.accumulator_events);
        self.stepped_outputs.push(step, totals.stepped_outputs);
    }
}
