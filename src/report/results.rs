//! Result tables in the papers' layout, with the published values.

use super::block::{Block, Row, Section, Table};
use super::overview::{cost, percent};
use super::published::{PublishedMethod, published};
use super::run::Run;

fn is_float32(run: &Run) -> bool {
    run.word("controller") == Some("float32")
}

/// Accuracy without quantisers that a quantised run is compared with: its share and where it comes from.
fn float32_top1(run: &Run, runs: &[&Run]) -> Option<(f64, String)> {
    if let Some(top1) = run.summary.as_ref().and_then(|summary| summary.baseline("top1")) {
        return Some((top1, "its float32 twin".to_owned()));
    }
    let other = runs.iter().find(|other| is_float32(other))?;
    Some((other.top1()?, other.name.clone()))
}

/// A figure of a run as text.
fn own(run: &Run, key: &str) -> Option<String> {
    let decimals = if key.contains("sparsity") { 3 } else { 2 };
    cost(run, key).map(|value| format!("{value:.decimals$}"))
}

/// A network and a data set, if known, with its runs.
type Group<'a> = (Option<(&'a str, &'a str)>, Vec<&'a Run>);

/// Runs of the same network and data set, in the order of their first; those without a summary are a group.
fn groups(runs: &[Run]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for run in runs {
        let key = run.word("arch").zip(run.word("dataset"));
        match groups.iter_mut().find(|(of_group, _)| *of_group == key) {
            Some((_, of_group)) => of_group.push(run),
            None => groups.push((key, vec![run])),
        }
    }
    groups
}

pub(super) fn section(runs: &[Run]) -> Section {
    let mut blocks = Vec::new();
    let mut any_published = false;
    for (key, of_group) in groups(runs) {
        let (network, dataset) = key.unwrap_or_default();
        let methods = published(network, dataset);
        any_published |= !methods.is_empty();
        blocks.push(Block::Heading(match key {
            Some((network, dataset)) => format!("{network} on {dataset}"),
            None => "Runs without a summary".to_owned(),
        }));
        blocks.push(Block::Table(accuracy(&of_group, &methods)));
        blocks.push(Block::Table(costs(&of_group, &methods)));
        blocks.push(Block::Table(sizes(&of_group, &methods)));
        if methods.is_empty() && key.is_some() {
            blocks.push(Block::Note(format!(
                "The papers at hand printed nothing on {network} with {dataset}."
            )));
        }
    }
    if any_published {
        blocks.push(Block::Note(
            "Published numbers stand as printed. Their settings (epochs, batch, data preparation) need not be those of the runs here: see provenance."
                .to_owned(),
        ));
    }
    Section {
        id: "results",
        short: "Results",
        title: "Results compared with the published ones",
        blocks,
    }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

/// Rows of published methods that have at least one of `quantities`.
fn published_rows<'a>(
    methods: &'a [PublishedMethod],
    quantities: &'a [&str],
    cells: impl Fn(&PublishedMethod) -> Vec<Option<String>> + 'a,
) -> impl Iterator<Item = Row> + 'a {
    let has = move |method: &&PublishedMethod| {
        quantities.iter().any(|quantity| method.value(quantity).is_some())
    };
    methods.iter().filter(has).map(move |method| {
        let mut row = vec![Some(method.name.to_owned())];
        row.extend(cells(method));
        row.push(Some(method.source(quantities)));
        Row { cells: row, set_off: true }
    })
}

fn accuracy(runs: &[&Run], methods: &[PublishedMethod]) -> Table {
    let own_rows = runs.iter().map(|run| {
        let float = if is_float32(run) {
            run.top1().map(|top1| (top1, "this run".to_owned()))
        } else {
            float32_top1(run, runs)
        };
        let top1 = run.top1().filter(|_| !is_float32(run));
        let difference = float.as_ref().zip(top1).map(|((float, _), top1)| top1 - float);
        let from = |(_, from): &(f64, String)| match is_float32(run) {
            true => from.clone(),
            false => format!("this run; float32: {from}"),
        };
        Row::of(vec![
            Some(run.name.clone()),
            float.as_ref().map(|(top1, _)| percent(*top1)),
            top1.map(percent),
            difference.map(|points| format!("{:+.2}", 100.0 * points)),
            run.best_top1().map(percent),
            Some(float.as_ref().map_or("this run".to_owned(), from)),
        ])
    });
    let quantities = ["float32_top1", "top1"];
    let of_method = |method: &PublishedMethod| {
        let [float, top1] = quantities.map(|quantity| method.value(quantity));
        let number = |text: Option<&str>| text?.parse::<f64>().ok();
        let difference = number(float).zip(number(top1)).map(|(float, top1)| top1 - float);
        vec![
            float.map(str::to_owned),
            top1.map(str::to_owned),
            difference.map(|points| format!("{points:+.2}")),
            None,
        ]
    };
    Table {
        title: "Accuracy".to_owned(),
        caption: "Top-1 on the test set in %, Δ in percentage points to float32.".to_owned(),
        head: texts(["method", "float32", "quantised", "Δ", "best", "source"]),
        rows: own_rows.chain(published_rows(methods, &quantities, of_method)).collect(),
    }
}

fn costs(runs: &[&Run], methods: &[PublishedMethod]) -> Table {
    let own_rows = runs.iter().map(|run| {
        let mut cells = vec![Some(run.name.clone())];
        cells.extend(["mem_exact", "mem", "su1", "su2", "su3"].map(|key| own(run, key)));
        cells.push(run.mean_word_length.mean().map(|bits| format!("{bits:.1}")));
        cells.push(Some(origin(run)));
        Row::of(cells)
    });
    let quantities = ["mem", "su1", "su2", "su3"];
    let of_method = |method: &PublishedMethod| {
        let value = |quantity| method.value(quantity).map(str::to_owned);
        vec![None, value("mem"), value("su1"), value("su2"), value("su3"), None]
    };
    Table {
        title: "Memory and speed of training".to_owned(),
        caption: "MEM: master copy and the copy on the array, relative to the float32 master copy alone; weighted by elements, and as in the papers. SU1: speedup over float32 at equal epochs; SU2: at iso-accuracy; SU3: over MuPPET's baseline, a dash where a run does not reach it. Equations: docs/figures.md.".to_owned(),
        head: texts(["method", "MEM", "MEM, paper", "SU1", "SU2", "SU3", "mean WL, bits", "source"]),
        rows: own_rows.chain(published_rows(methods, &quantities, of_method)).collect(),
    }
}

fn sizes(runs: &[&Run], methods: &[PublishedMethod]) -> Table {
    // The usual figure, and where the papers' differs that next to it.
    let columns = [
        "final_sparsity_exact",
        "final_sparsity",
        "mean_sparsity_exact",
        "mean_sparsity",
        "size_ratio_exact",
        "size_ratio",
        "inference_su",
    ];
    let own_rows = runs.iter().map(|run| {
        let mut cells = vec![Some(run.name.clone())];
        cells.extend(columns.map(|key| own(run, key)));
        cells.push(Some(origin(run)));
        Row::of(cells)
    });
    let of_method = |method: &PublishedMethod| {
        columns.map(|quantity| method.value(quantity).map(str::to_owned)).to_vec()
    };
    Table {
        title: "Sparsity, size and speed of the model".to_owned(),
        caption: "Shares of zero weights and SZ, the size relative to float32 at the end: over all weights, and as in the papers, which weight layers alike. Inference SU: speedup of the final model. Equations: docs/figures.md.".to_owned(),
        head: texts([
            "method",
            "zero weights at the end",
            "at the end, paper",
            "zero weights on average",
            "on average, paper",
            "SZ",
            "SZ, paper",
            "inference SU",
            "source",
        ]),
        rows: own_rows.chain(published_rows(methods, &columns, of_method)).collect(),
    }
}

/// Source of a run's costs.
fn origin(run: &Run) -> String {
    let from = if run.summary.is_some() { "this run" } else { "this run, its traced steps" };
    from.to_owned()
}
