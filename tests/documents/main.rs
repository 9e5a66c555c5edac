//! Every command in README.md and docs/*.md runs as printed, and every `hwsim ...` in running text names a
//! command and flags that exist.

mod block;
mod directive;
mod inline;
mod run;

use std::fs;
use std::path::Path;

macro_rules! pages {
    ($($test:ident: $page:literal),* $(,)?) => {
        const PAGES: &[&str] = &[$($page),*];
        $(#[test] fn $test() { run::page($page); })*
    };
}

pages! {
    readme: "README.md",
    accumulators: "docs/accumulators.md",
    calibration: "docs/calibration.md",
    command_line: "docs/command-line.md",
    conventions: "docs/conventions.md",
    cost: "docs/cost.md",
    data: "docs/data.md",
    explore: "docs/explore.md",
    export: "docs/export.md",
    figures: "docs/figures.md",
    gap: "docs/gap.md",
    gemm: "docs/gemm.md",
    glossary: "docs/glossary.md",
    golden: "docs/golden.md",
    integer: "docs/integer.md",
    language_models: "docs/language-models.md",
    machine: "docs/machine.md",
    networks: "docs/networks.md",
    peppp: "docs/peppp.md",
    report: "docs/report.md",
    rivals: "docs/rivals.md",
    rtl: "docs/rtl.md",
    scale_sim: "docs/scale-sim.md",
    trace: "docs/trace.md",
    train: "docs/train.md",
}

/// README.md and all of docs/*.md, as found.
fn found() -> Vec<String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let names = fs::read_dir(docs).expect("docs").flatten().map(|entry| entry.file_name());
    let mut found: Vec<String> = names
        .filter_map(|name| Some(format!("docs/{}", name.to_str()?)))
        .filter(|name| name.ends_with(".md"))
        .collect();
    found.push("README.md".to_owned());
    found.sort();
    found
}

#[test]
fn every_page_has_its_test() {
    assert_eq!(found(), PAGES);
}

#[test]
fn commands_in_running_text_exist() {
    let mut faults = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page));
        faults.extend(inline::faults(page, &text.expect("the page")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
