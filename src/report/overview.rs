//! Overview of the runs: settings, progress, results.

use super::block::{Block, Row, Section, Table};
use super::run::Run;
use super::settings::{self, Settings};
use super::totals::per_million;
use crate::chart::{Prefix, significant};
use serde_json::{Map, Value};

/// A quantity of a run, as text.
type Quantity = fn(&Run) -> Option<String>;

const QUANTITIES: [(&str, Quantity); 22] = [
    ("network", |run| run.word("arch").map(str::to_owned)),
    ("data", |run| run.word("dataset").map(str::to_owned)),
    ("controller", |run| run.word("controller").map(str::to_owned)),
    ("machine", |run| run.word("machine").map(str::to_owned)),
    ("seed", |run| Some(run.summary.as_ref()?.value("seed")?.to_string())),
    ("state", |run| Some(run.partial.map_or("complete", |_| "partial").to_owned())),
    ("epochs ended", |run| Some(run.evaluations.last().map_or(0, |last| last.epoch).to_string())),
    ("optimiser steps", |run| Some(steps(run).to_string())),
    ("of them traced", |run| Some(run.steps.to_string())),
    ("top-1 at the end, %", |run| run.top1().map(percent)),
    ("best top-1, %", |run| run.best_top1().map(percent)),
    ("test loss, nats", |run| Some(significant(run.evaluations.last()?.test_loss, 4))),
    ("mean word length, bits", |run| run.mean_word_length.mean().map(|bits| format!("{bits:.1}"))),
    ("zero weights at the end, %", |run| cost(run, "final_sparsity_exact").map(percent)),
    ("zero weights at the end, mean of layers, %", |run| cost(run, "final_sparsity").map(percent)),
    ("saturated, per million", |run| {
        run.totals().saturated_per_million().map(|rate| significant(rate, 4))
    }),
    ("accumulator events", |run| Some(significant(run.totals().accumulator_events, 6))),
    ("non-zero MACs, %", |run| {
        let totals = run.totals();
        per_million(totals.nonzero_macs, totals.macs).map(|share| percent(1e-6 * share))
    }),
    ("energy a step, mean", |run| Some(Prefix::show(1e-12 * run.energy.mean()?, 4, "J"))),
    ("cycles a step, mean", |run| Some(Prefix::show(run.cycles.mean()?, 4, ""))),
    ("energy of the run", |run| Some(Prefix::show(1e-12 * run.whole_energy()?, 4, "J"))),
    ("cycles of the run", |run| Some(Prefix::show(run.whole_cycles()?, 4, ""))),
];

/// Steps taken: the last evaluation or traced step says how many.
fn steps(run: &Run) -> u64 {
    let evaluated = run.evaluations.last().map_or(0, |last| last.step);
    evaluated.max(run.last_step.saturating_add(1))
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

/// A run's own value of a figure of the papers: the summary's, or that of the traced steps.
pub(super) fn cost(run: &Run, key: &str) -> Option<f64> {
    let traced = || {
        let costs = run.costs.summary()?;
        match key {
            "su1" => Some(costs.su1_paper),
            "mem" => Some(costs.mem_published),
            "mem_exact" => Some(costs.mem_exact),
            "size_ratio" => Some(costs.sz_released),
            "size_ratio_exact" => Some(costs.sz_exact),
            "inference_su" => Some(costs.inference_su),
            "mean_sparsity" => Some(costs.zeros_average),
            "mean_sparsity_exact" => Some(costs.zeros_average_exact),
            "final_sparsity" => Some(costs.zeros_final),
            "final_sparsity_exact" => Some(costs.zeros_final_exact),
            _ => None,
        }
    };
    run.summarised(key).or_else(traced)
}

pub(super) fn section(runs: &[Run]) -> Section {
    let mut head = vec![String::new()];
    head.extend(runs.iter().map(|run| run.name.clone()));
    let rows = QUANTITIES.iter().filter_map(|(name, quantity)| {
        let mut cells = vec![Some((*name).to_owned())];
        cells.extend(runs.iter().map(quantity));
        // What no run has tells nothing.
        cells[1..].iter().any(Option::is_some).then(|| Row::of(cells))
    });
    let (settings, rows) = (differences(runs), rows.collect::<Vec<_>>());
    // After what the runs are, before what came out.
    let identity = QUANTITIES.iter().position(|(name, _)| *name == "state").unwrap_or(0);
    let named = |row: &Row| {
        let name = row.cells[0].as_deref();
        QUANTITIES[..identity].iter().any(|(quantity, _)| Some(*quantity) == name)
    };
    let before = rows.iter().take_while(|row| named(row)).count();
    let mut all = rows;
    all.splice(before..before, settings);
    let mut blocks = vec![Block::Table(Table {
        title: "At a glance".to_owned(),
        caption: "Rates, means and shares are over the traced steps. Accumulator, overflow, formats, rounding and other options are named where runs differ in them.".to_owned(),
        head,
        rows: all,
    })];
    blocks.extend(runs.iter().flat_map(notes).map(Block::Note));
    Section { id: "runs", short: "Runs", title: "Runs", blocks }
}

/// A row for each setting in which `runs` differ. A setting that only some summaries know is that of all traces, if those say it.
fn differences(runs: &[Run]) -> Vec<Row> {
    let summaries: Vec<Option<&Map<String, Value>>> =
        runs.iter().map(|run| run.summary.as_ref().map(|summary| summary.values())).collect();
    let summarised: Vec<Settings> = summaries
        .iter()
        .map(|summary| summary.map_or_else(Settings::default, settings::of_summary))
        .collect();
    let traced: Vec<Settings> = runs.iter().map(settings::of_trace).collect();
    let named = settings::SETTINGS.iter().enumerate().map(|(index, setting)| {
        let of = |all: &[Settings]| -> Vec<Option<String>> {
            all.iter().map(|own| own[index].clone()).collect()
        };
        let (summarised, traced) = (of(&summarised), of(&traced));
        let whole = summaries.iter().all(Option::is_some);
        let values = match whole || traced.iter().all(Option::is_none) {
            true => summarised,
            false => traced,
        };
        (setting.label.to_owned(), values)
    });
    let others = settings::other_options(&summaries)
        .into_iter()
        .map(|(name, values)| (format!("option {name}"), values));
    named
        .chain(others)
        .filter(|(_, values)| settings::differ(values.iter().map(Option::as_deref)))
        .map(|(name, values)| {
            let mut cells = vec![Some(name)];
            cells.extend(values);
            Row::of(cells)
        })
        .collect()
}

/// Warnings about incomplete data of `run`.
fn notes(run: &Run) -> Vec<String> {
    let mut notes = Vec::new();
    let name = &run.name;
    if let Some(why) = run.partial {
        notes.push(format!(
            "{name} is a partial trace ({why}): everything on it here ends with step {}.",
            run.last_step
        ));
    }
    if !run.every_step() {
        notes.push(format!(
            "{name} has {} of {} optimiser steps in its trace: sums over steps are those of the traced ones.",
            run.steps,
            steps(run)
        ));
    }
    let odd = run.cross_entropy.not_finite();
    if odd > 0 {
        notes.push(format!("{name} has {odd} losses that are not finite; they are not drawn."));
    }
    if run.summary.is_none() {
        notes.push(format!(
            "{name} comes without its summary: network, data set, costs of the papers and provenance are not in a trace."
        ));
    }
    notes
}
