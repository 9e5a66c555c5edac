//! `hwsim report` on real runs and damaged files.

use assert_cmd::Command;
use predicates::prelude::*;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn hwsim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hwsim"));
    command.env_remove("HWSIM_DATA").env_remove("HWSIM_SIMD");
    command
}

/// A short run of the perceptron: `NAME.csv.gz` and `NAME.json` in `folder`.
fn train(folder: &TempDir, name: &str, more: &[&str]) -> (PathBuf, PathBuf) {
    let (trace, summary) =
        (folder.path().join(format!("{name}.csv.gz")), folder.path().join(format!("{name}.json")));
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    hwsim()
        .args("train --arch mlp --limit-train 320 --limit-test 50 --epochs 2 --batch-size 32 --seed 5 --quiet".split(' '))
        .args(more)
        .arg("--data-dir")
        .arg(data)
        .arg("--trace")
        .arg(&trace)
        .arg("--summary")
        .arg(&summary)
        .assert()
        .success();
    (trace, summary)
}

/// Whether every tag of `xml` is closed in order, and no attribute is without quotes.
fn check_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a bare > in {:.200}", rest);
        let end = rest[start..].find('>').expect("a tag ends") + start;
        let tag = &rest[start + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        assert!(!tag.contains('<'), "<{tag}>");
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    let entities = xml.split('&').skip(1);
    for entity in entities {
        let name = entity.split(';').next().unwrap();
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "&{name}");
    }
}

fn svgs(page: &str) -> Vec<&str> {
    let starts = page.match_indices("<svg ").map(|(start, _)| start);
    starts.map(|start| &page[start..start + page[start..].find("</svg>").unwrap() + 6]).collect()
}

const SECTIONS: [&str; 10] = [
    "runs",
    "results",
    "learning",
    "precision",
    "sparsity",
    "costs",
    "overflow",
    "energy",
    "pareto",
    "provenance",
];

#[test]
fn two_runs_make_one_page_that_needs_nothing_else() {
    let folder = TempDir::new().unwrap();
    let adapt = train(&folder, "adapt", &["--lookback-lower", "3", "--lookback-upper", "6"]);
    let float = train(&folder, "float", &["--controller", "float32"]);
    let points = folder.path().join("points.csv");
    std::fs::write(&points, "rows,energy_total_pj,top1\n8,1e9,0.5\n16,2e9,0.75\n").unwrap();
    let out = folder.path().join("report.html");
    let report = || {
        hwsim()
            .arg("report")
            .args([&adapt.0, &float.0])
            .arg("--summary")
            .args([&adapt.1, &float.1])
            .arg("--front")
            .arg(&points)
            .args(["--group", "rows"])
            .arg("-o")
            .arg(&out)
            .assert()
            .success();
        std::fs::read_to_string(&out).unwrap()
    };
    let page = report();
    for id in SECTIONS {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
        assert!(page.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    // No reference leaves the page; a name space is none.
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    for reference in ["http://", "https://", "src=\"//", "@import", "url("] {
        assert!(!outside.contains(reference), "{reference}");
    }
    let svgs = svgs(&page);
    assert!(svgs.len() >= 20, "{}", svgs.len());
    svgs.iter().for_each(|svg| check_well_formed(svg));
    for block in page.split("<script type=\"application/json\">").skip(1) {
        let json = block.split("</script>").next().unwrap();
        serde_json::from_str::<serde_json::Value>(json).unwrap();
    }
    // Panels of both runs, and their common figures.
    for text in [
        "Word length of the weights: adapt",
        "Mean word length",
        "Test accuracy",
        "rows = 16",
        "on the front of their group",
        "<th scope=\"row\">formats of weights at the end</th>",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("NaN") && !page.contains("Infinity"), "a number that is none");
    // The summary says how the run was made.
    assert!(page.contains("train --arch mlp") && page.contains("Machine of adapt"));
    assert!(page.len() < 1_000_000, "{}", page.len());
    assert_eq!(report(), page, "equal inputs, equal bytes");
}

fn fails(folder: &TempDir, arguments: &[&str], code: i32, message: &str) {
    hwsim()
        .current_dir(folder.path())
        .arg("report")
        .args(arguments)
        .assert()
        .code(code)
        .stderr(predicate::str::contains(message));
}

#[test]
fn damaged_inputs_and_wrong_usage_are_told_in_a_line() {
    let folder = TempDir::new().unwrap();
    let (trace, _) = train(&folder, "run", &["--controller", "float32"]);
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("empty.csv", b"");
    write("text.csv", b"a,b\n1,2\n");
    write("old.csv", b"schema,row,step\n1,gemm,0\n");
    let gzip = std::fs::read(&trace).unwrap();
    write("cut.csv.gz", &gzip[..gzip.len() / 2]);
    write("old.html", b"the page of yesterday");
    write("list.json", b"[]");
    let out = ["-o", "old.html"];
    let with = |trace: &'static str| [&[trace][..], &out].concat();
    fails(&folder, &with("missing.csv"), 1, "cannot read `missing.csv`");
    fails(&folder, &with("empty.csv"), 1, "header of a trace");
    fails(&folder, &with("text.csv"), 1, "header of a trace");
    fails(&folder, &with("old.csv"), 1, "schema 1");
    fails(&folder, &with("cut.csv.gz"), 1, "cut.csv.gz");
    fails(&folder, &["run.csv.gz", "--summary", "list.json", "-o", "old.html"], 1, "no summary");
    fails(&folder, &["run.csv.gz", "--front", "text.csv", "-o", "old.html"], 1, "has no two of");
    assert_eq!(std::fs::read(folder.path().join("old.html")).unwrap(), b"the page of yesterday");
    fails(&folder, &["run.csv.gz", "-o", "no/such/folder.html"], 1, "cannot write");
    fails(&folder, &["run.csv.gz", "-o", "."], 1, "it is a folder");
    fails(&folder, &["run.csv.gz", "-o", "run.csv.gz"], 2, "would overwrite a trace");
    fails(&folder, &["run.csv.gz"], 2, "--output");
    fails(&folder, &["-o", "x.html"], 2, "TRACE");
    fails(
        &folder,
        &["run.csv.gz", "--summary", "a", "b", "-o", "x.html"],
        2,
        "2 summaries for 1 traces",
    );
    assert_eq!(std::fs::read(&trace).unwrap(), gzip);
    let left = std::fs::read_dir(folder.path()).unwrap();
    assert!(
        left.filter_map(Result::ok)
            .all(|entry| !entry.file_name().to_string_lossy().starts_with(".tmp"))
    );
}
