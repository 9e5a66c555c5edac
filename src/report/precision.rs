//! Word and fractional lengths.

use super::block::{Block, Row, Section, Table};
use super::layer::LayerRun;
use super::overlay::{Overlay, by_run};
use super::panels::Panels;
use super::run::Run;
use super::series::Series;
use super::totals::PASSES;
use crate::chart::{ScaleKind, significant};
use hwmodel::Format;

const BITS: [f64; 5] = [0.0, 8.0, 16.0, 24.0, 32.0];
static NOTHING: Series = Series::new();

pub(super) fn section(runs: &[Run]) -> Section {
    let word_length = Panels {
        title: "Word length of the weights",
        caption: "By layer; 32 bits is the most, and what float32 counts as.",
        value_name: "word length, bits",
        factor: 1.0,
        low: Some(0.0),
        high: Some(33.0),
        kind: ScaleKind::Linear,
        steps: true,
        ticks: &BITS,
        wide: true,
    };
    let fractional_length = Panels {
        title: "Fractional length of the weights",
        caption: "By layer: a raw integer counts 2 to the power of minus this.",
        value_name: "fractional length, bits",
        low: None,
        high: None,
        ticks: &[],
        wide: false,
        ..word_length
    };
    let mut blocks: Vec<Block> = Vec::new();
    if runs.len() > 1 {
        let mean = Overlay {
            title: "Mean word length",
            caption: "Mean over layers of the word length of their weights.",
            x_name: "optimiser step",
            y_name: "bits",
            low: Some(0.0),
            high: Some(33.0),
            kind: ScaleKind::Linear,
            steps: true,
            marks: false,
            wide: true,
        };
        let lines = by_run(runs, |run| &run.mean_word_length, 1.0);
        blocks.extend(mean.with_ticks(lines, &BITS).map(Block::Figure));
    }
    // A layer that is in float32 all the time has no word length to follow.
    let word_lengths = word_length.figures(runs, |layer| {
        if layer.fractional_length.is_empty() { &NOTHING } else { &layer.word_length }
    });
    let fractional_lengths = fractional_length.figures(runs, |layer| &layer.fractional_length);
    blocks.extend(word_lengths.into_iter().chain(fractional_lengths).map(Block::Figure));
    for run in runs.iter().filter(|run| in_float32(run)) {
        blocks.push(Block::Note(format!("{} ran in float32 throughout.", run.name)));
    }
    let fixed = runs.iter().filter(|run| !in_float32(run));
    blocks.extend(fixed.map(|run| Block::Table(formats(run))));
    Section { id: "precision", short: "Precision", title: "Word and fractional length", blocks }
}

fn in_float32(run: &Run) -> bool {
    run.layers.iter().all(|layer| layer.fractional_length.is_empty())
}

/// The formats of each layer at the end.
fn formats(run: &Run) -> Table {
    let mut head: Vec<String> = ["layer", "mean WL, bits", "switches"].map(str::to_owned).to_vec();
    head.extend(PASSES.iter().map(|pass| format!("{pass}: inputs × weights → outputs")));
    let rows = run.layers.iter().map(|layer| {
        let mut cells = vec![
            Some(layer.name.clone()),
            layer.word_length.mean().map(|bits| format!("{bits:.1}")),
            Some(switches(run, layer)),
        ];
        cells.extend((0..PASSES.len()).map(|kind| {
            let counted = layer.passes[kind].macs > 0.0;
            let show = |format: Format| format.to_string();
            counted.then(|| match layer.formats[kind] {
                None => "float32".to_owned(),
                Some(formats) => format!(
                    "{} × {} → {}",
                    show(formats.input),
                    show(formats.weight),
                    show(formats.output)
                ),
            })
        }));
        Row::of(cells)
    });
    Table {
        title: format!("Formats at the end: {}", run.name),
        caption: "⟨WL, FL⟩ in bits, in the last traced step. In a gradient product the operands are gradients too."
            .to_owned(),
        head,
        rows: rows.collect(),
    }
}

/// Changes of a layer's format: the summary's, which sees every step, or those between traced steps.
fn switches(run: &Run, layer: &LayerRun) -> String {
    let all = run.summary.as_ref().and_then(|summary| {
        let layers = summary.value("layers")?.as_array()?;
        let of_layer =
            layers.iter().find(|one| one.get("name").is_some_and(|n| *n == layer.name.as_str()))?;
        of_layer.get("switches")?.as_f64()
    });
    match all {
        Some(all) => significant(all, 9),
        None if run.every_step() => layer.switches.to_string(),
        None => format!("≥ {}", layer.switches),
    }
}
