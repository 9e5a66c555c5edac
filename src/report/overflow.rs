//! Saturation of formats and overflow of accumulators.

use super::block::{Block, Row, Section, Table};
use super::layer::LayerRun;
use super::panels::Panels;
use super::run::Run;
use super::series::Series;
use super::totals::{ROLES, Totals, per_million};
use crate::chart::{ScaleKind, significant};

pub(super) fn section(runs: &[Run]) -> Section {
    let saturated = Panels {
        title: "Saturated values",
        caption: "Values beyond the range of their format, of a million quantised, by layer and step. The axis is that of 1 + rate.",
        value_name: "per million",
        factor: 1.0,
        low: Some(0.0),
        high: None,
        kind: ScaleKind::LogarithmicFromZero,
        steps: false,
        ticks: &[],
        wide: false,
    };
    let events = Panels {
        title: "Accumulator events",
        caption: "Additions that left the accumulator's range, by layer and step.",
        value_name: "additions",
        ..saturated
    };
    let stepped = Panels {
        title: "Stepped outputs",
        caption: "Outputs accumulated addition by addition, since no bound could rule out an overflow.",
        value_name: "outputs",
        ..saturated
    };
    let occurs = |series: fn(&LayerRun) -> &Series| {
        let highest = |run: &Run| {
            run.layers.iter().any(|layer| series(layer).range().is_some_and(|range| range.1 > 0.0))
        };
        runs.iter().any(highest)
    };
    let mut blocks = Vec::new();
    let mut silent = Vec::new();
    if occurs(|layer| &layer.saturated) {
        let figures = saturated.figures(runs, |layer| &layer.saturated);
        blocks.extend(figures.into_iter().map(Block::Figure));
    } else {
        silent.push("no quantised value saturated");
    }
    if occurs(|layer| &layer.accumulator_events) {
        let figures = events.figures(runs, |layer| &layer.accumulator_events);
        blocks.extend(figures.into_iter().map(Block::Figure));
    } else {
        silent.push("no addition left an accumulator's range");
    }
    if occurs(|layer| &layer.stepped_outputs) {
        let figures = stepped.figures(runs, |layer| &layer.stepped_outputs);
        blocks.extend(figures.into_iter().map(Block::Figure));
    } else {
        silent.push("no output had to be accumulated step by step");
    }
    if !silent.is_empty() {
        blocks.push(Block::Note(format!("In the traced steps {}.", silent.join(", "))));
    }
    for run in runs {
        let totals = run.totals();
        let counted = totals.quantised.iter().sum::<f64>() + totals.accumulator_events;
        blocks.push(match counted > 0.0 {
            true => Block::Table(table(run)),
            false => Block::Note(format!("{} quantised nothing.", run.name)),
        });
    }
    Section { id: "overflow", short: "Overflow", title: "Saturation and overflow", blocks }
}

/// Sums of each layer.
fn table(run: &Run) -> Table {
    let mut head = vec!["layer".to_owned()];
    head.extend(ROLES.map(|role| format!("{role} saturated")));
    head.extend(ROLES.map(|role| format!("{role} flushed to 0")));
    head.extend(
        ["accumulator events", "of a million additions", "stepped outputs"].map(str::to_owned),
    );
    let row = |name: &str, totals: &Totals| {
        let rate =
            |part: f64, whole: f64| per_million(part, whole).map(|rate| significant(rate, 4));
        let mut cells = vec![Some(name.to_owned())];
        cells.extend((0..4).map(|role| rate(totals.saturated[role], totals.quantised[role])));
        cells.extend((0..4).map(|role| rate(totals.flushed[role], totals.quantised[role])));
        cells.push(Some(significant(totals.accumulator_events, 6)));
        cells.push(totals.events_per_million().map(|rate| significant(rate, 4)));
        cells.push(Some(significant(totals.stepped_outputs, 6)));
        Row::of(cells)
    };
    let mut rows: Vec<Row> =
        run.layers.iter().map(|layer| row(&layer.name, &layer.totals())).collect();
    rows.push(Row { set_off: true, ..row("all layers", &run.totals()) });
    Table {
        title: format!("Saturation and overflow in all: {}", run.name),
        caption: "Saturated and flushed to 0: of a million quantised in that role. A dash: nothing was quantised in it."
            .to_owned(),
        head,
        rows,
    }
}
