//! Sparsity, memory and cost relative to float32: figures 5 to 8 of the AdaPT paper.

use super::block::{Block, Section};
use super::overlay::{Overlay, by_run};
use super::panels::Panels;
use super::run::Run;
use crate::chart::ScaleKind;

pub(super) fn sparsity(runs: &[Run]) -> Section {
    let panels = Panels {
        title: "Zero weights",
        caption: "Share of each layer's weights that are 0 as used in the product.",
        value_name: "zero weights, %",
        factor: 100.0,
        low: Some(0.0),
        high: None,
        kind: ScaleKind::Linear,
        steps: false,
        ticks: &[],
        wide: false,
    };
    let figures = panels.figures(runs, |layer| &layer.sparsity);
    let blocks = figures.into_iter().map(Block::Figure).collect();
    Section { id: "sparsity", short: "Sparsity", title: "Sparsity", blocks }
}

pub(super) fn costs(runs: &[Run]) -> Section {
    let memory = Overlay {
        title: "Memory of training",
        caption: "1 for the float32 master copy + (Σ WL) · (mean share of non-zero weights) / (32 · layers); 2 in float32. The mean over steps is the papers' MEM.",
        x_name: "optimiser step",
        y_name: "relative to the float32 master copy",
        low: Some(1.0),
        high: Some(2.05),
        kind: ScaleKind::Linear,
        steps: false,
        marks: false,
        wide: false,
    };
    let cost = Overlay {
        title: "Cost of training",
        caption: "Multiply-adds weighted by word length and non-zero weights forward, dense 32 bits backward, and the switching itself; 1 in float32. SU1 is the inverse of its mean.",
        y_name: "relative to float32",
        low: Some(0.5),
        high: Some(1.03),
        ..memory
    };
    let figures = [
        memory.figure(by_run(runs, |run| &run.costs.memory, 1.0)),
        cost.figure(by_run(runs, |run| &run.costs.relative, 1.0)),
    ];
    let mut blocks: Vec<Block> = figures.into_iter().flatten().map(Block::Figure).collect();
    blocks.push(Block::Note(
        "Both follow the papers' cost equations, which count operations and bits; what the simulated machine spends is under energy and cycles."
            .to_owned(),
    ));
    Section {
        id: "costs",
        short: "Memory and cost",
        title: "Memory and cost in the papers' equations",
        blocks,
    }
}
