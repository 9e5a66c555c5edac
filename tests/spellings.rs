//! One scheme of flags over all commands, and the spellings of earlier versions.

use assert_cmd::Command;
use std::path::Path;

fn hwsim(line: &[&str]) -> Command {
    let mut command = Command::cargo_bin("hwsim").unwrap();
    command.args(line);
    command
}

fn printed(line: &[&str]) -> String {
    let done = hwsim(line).assert().success();
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

const PRODUCT: [&str; 7] = ["gap", "--m", "4", "--n", "4", "--k", "16"];

#[test]
fn older_spellings_give_the_same() {
    let gap = |more: &[&str]| printed(&[&PRODUCT[..], more].concat());
    let new = gap(&[
        "--formats",
        "8,4;16,12",
        "--accumulator",
        "12..16:4,exact",
        "--accumulator-overflow",
        "both",
        "--format",
        "json",
    ]);
    let old = ["--formats", "8,4", "16,12", "--acc", "12", "16", "exact", "--overflow", "both"];
    assert_eq!(new, gap(&[&old[..], &["--json"]].concat()));
    assert!(new.contains("\"schema\""), "{new}");

    let cost = ["cost", "--arch", "mlp", "--accumulator", "20"];
    for format in ["table", "csv", "json"] {
        let new = printed(&[&cost[..], &["--format", format]].concat());
        assert_eq!(new, printed(&["cost", "--arch", "mlp", "--acc", "20", "--output", format]));
    }
    assert_eq!(printed(&["machines", "--json"]), printed(&["machines", "--format", "json"]));
    let check = |flags: &[&str]| {
        printed(&[&["golden", "check", "golden/requant.csv", "--threads", "1"], flags].concat())
    };
    assert_eq!(check(&["--json"]), check(&["--format", "json"]));

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let gemm = |flags: &[&str]| {
        let sizes = ["gemm", "--m", "5", "--n", "4", "--k", "64", "--repeat", "1"];
        printed(&[&sizes[..], flags].concat());
    };
    let (new, old) = (path("new.txt"), path("old.txt"));
    gemm(&["--accumulator", "16", "--accumulator-overflow", "wrap", "-o", &new]);
    gemm(&["--acc", "16", "--overflow", "wrap", "--out", &old]);
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    assert_eq!(read("new.txt"), read("old.txt"));
    assert_eq!(read("new.txt").lines().count(), 5);
}

#[test]
fn a_file_after_a_list_is_none_of_its_items() {
    let line = ["gap", "--accumulator", "16,24", "no-model.safetensors"];
    let done = hwsim(&line).assert().failure();
    let error = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(error.contains("no-model.safetensors"), "{error}");
}

#[test]
fn a_file_gets_what_would_be_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let cost = |more: &[&str]| printed(&[&["cost", "--arch", "mlp"], more].concat());
    for (name, format) in [("a.csv", "csv"), ("a.json", "json"), ("a.txt", "table"), ("a", "table")]
    {
        let file = path(name);
        assert_eq!(cost(&["-o", &file]), "");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), cost(&["--format", format]), "{name}");
    }
    // A word of `--format` asked for by both is a file.
    hwsim(&["machines", "--format", "json", "--output", "csv"])
        .current_dir(folder.path())
        .assert()
        .success();
    assert!(std::fs::read_to_string(path("csv")).unwrap().starts_with('['));
    hwsim(&["machines", "-o", "no/where.csv"]).assert().failure();
}

/// A pipe or terminal is no file that another one may be renamed to.
#[test]
#[cfg(unix)]
fn a_device_is_written_to_and_stays_a_device() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("out");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    hwsim(&["machines", "-o"]).arg(&link).assert().success();
    assert!(link.is_symlink() && !link.is_file());
}

#[test]
fn tables_have_a_header_and_equal_rows_as_csv() {
    let lines = [
        vec!["machines"],
        vec!["machines", "show", "edge-16x16"],
        vec!["gemm", "--m", "2", "--n", "2", "--k", "2", "--repeat", "2"],
        vec!["quantise", "--elements", "9", "--repeat", "1"],
        vec!["golden", "check", "golden/requant.csv"],
        PRODUCT.to_vec(),
    ];
    for line in lines {
        let text = printed(&[&line[..], &["--format", "csv"]].concat());
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let width = reader.headers().unwrap().len();
        assert!(width > 3, "{line:?}: {text}");
        let rows = reader.records().map(|row| assert_eq!(row.unwrap().len(), width)).count();
        assert!(rows > 0, "{line:?}: {text}");
    }
}

#[test]
fn ranges_are_lists() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let sweep = |rows: &str, wl: &str, file: &str| {
        let line = ["sweep", "--arch", "mlp", "--rows", rows, "--wl", wl, "--quiet", "-o", file];
        hwsim(&line).assert().success();
        std::fs::read_to_string(file).unwrap()
    };
    let ranges = sweep("8..32:x2", "4..8:2", &path("ranges.csv"));
    assert_eq!(ranges, sweep("8,16,32", "4,6,8", &path("lists.csv")));
    assert_eq!(ranges.lines().count(), 1 + 9);
    let wrong = hwsim(&["sweep", "--rows", "8..4", "-o", &path("x.csv")]).assert().code(2);
    let error = String::from_utf8(wrong.get_output().stderr.clone()).unwrap();
    insta::assert_snapshot!(error.trim(), @"hwsim: `--rows`: `8..4` is no range: write FIRST..LAST, FIRST..LAST:STEP or FIRST..LAST:xFACTOR in whole numbers, both ends included, as in 8..64, 8..64:8 or 8..64:x2");
}

#[test]
fn help_shows_one_spelling() {
    let commands: [&[&str]; 14] = [
        &["eval"],
        &["gemm"],
        &["quantise"],
        &["cost"],
        &["gap"],
        &["machines"],
        &["compare"],
        &["replay"],
        &["sweep"],
        &["pareto", "front"],
        &["pareto", "measure"],
        &["golden", "check"],
        &["golden", "export"],
        &["golden", "verify"],
    ];
    for command in commands {
        let help = printed(&[command, &["--help"]].concat());
        for old in ["--json", "--out ", "--acc ", "--csv", " --overflow"] {
            // These have output words, for which `--overflow` is the only spelling.
            let words = ["gemm", "quantise"].contains(&command[0]) && old == " --overflow";
            assert!(words || !help.contains(old), "{command:?} shows {old}\n{help}");
        }
        assert!(help.contains("--output"), "{command:?}\n{help}");
    }
    assert!(Path::new("docs/command-line.md").is_file());
}
