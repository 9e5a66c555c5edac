//! The golden vectors of controllers, optimiser and cost model, recomputed by this crate.

use hwsim::golden::{
    GoldenError, Report, check_adapt_sequences, check_adapt_units, check_cost_model,
};
use std::path::{Path, PathBuf};

type Check = fn(&Path) -> Result<Report, GoldenError>;
/// What replaces a field.
type Change<'a> = &'a dyn Fn(&str) -> String;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(golden(name)).unwrap()
}

/// Lines of `name` whose first field is `tag`.
fn lines(name: &str, tag: &str) -> u64 {
    text(name).lines().filter(|line| line.split(',').next() == Some(tag)).count() as u64
}

/// Checks a file and that every line of the given kinds was compared.
fn passes(check: Check, name: &str, kinds: &[&str]) -> Report {
    let report = check(&golden(name)).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(report.cases, lines(name, "case"));
    assert_eq!(report.rows.len(), kinds.len(), "{:?}", report.rows);
    for kind in kinds {
        let expected = lines(name, kind);
        assert!(expected > 0, "{kind}");
        assert_eq!(report.rows.get(*kind), Some(&expected), "{kind}");
    }
    report
}

#[test]
fn adapt_units_are_reproduced() {
    let kinds = ["loss", "push_down", "diversity", "push_up", "lookback", "resolution", "strategy"];
    let report = passes(check_adapt_units, "adapt_units.csv", &kinds);
    let rows = |kind: &str| report.rows[kind];
    // Three values a loss row and a diversity, two a format, one an integer, two strategies; the
    // number of steps of each strategy case.
    let strategy_cases =
        text("adapt_units.csv").lines().filter(|line| line.contains("kind=strategy")).count();
    let expected = 3 * (rows("loss") + rows("diversity"))
        + 2 * (rows("push_down") + rows("push_up") + rows("strategy"))
        + rows("lookback")
        + rows("resolution")
        + strategy_cases as u64;
    assert_eq!(report.values, expected);
}

#[test]
fn adapt_sequences_are_reproduced() {
    let report = passes(
        check_adapt_sequences,
        "adapt_sequences.csv",
        &["step", "div", "master", "quantised"],
    );
    assert!(report.values > 31 * report.rows["step"], "31 values a step and the tensors");
}

#[test]
fn the_cost_model_is_reproduced() {
    let report = passes(check_cost_model, "cost_model.csv", &["result"]);
    assert_eq!(report.values, report.rows["result"]);
}

/// Runs `check` on `text` as a file of its own.
fn check_text(check: Check, text: &str) -> Result<Report, GoldenError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.csv");
    std::fs::write(&path, text).unwrap();
    check(&path)
}

/// Replaces the last field of the first line that starts with `prefix`.
fn with_last_field(text: &str, prefix: &str, replace: impl Fn(&str) -> String) -> String {
    let mut done = false;
    let changed = text.lines().map(|line| {
        if done || !line.starts_with(prefix) {
            return line.to_owned();
        }
        done = true;
        let (rest, last) = line.rsplit_once(',').unwrap();
        format!("{rest},{}", replace(last))
    });
    let changed = changed.collect::<Vec<_>>().join("\n");
    assert!(done, "no line starts with {prefix}");
    changed
}

fn plus_one(field: &str) -> String {
    (field.parse::<i64>().unwrap() + 1).to_string()
}

#[test]
fn a_corrupted_value_is_caught() {
    let flip_high_bits = |field: &str| format!("4{}", &field[1..]);
    let relative = |field: &str| (field.parse::<f64>().unwrap() * (1.0 + 1e-8)).to_string();
    let cases: [(Check, &str, &str, Change); 9] = [
        (check_adapt_units, "adapt_units.csv", "push_down,released", &plus_one),
        (check_adapt_units, "adapt_units.csv", "push_down,paper", &plus_one),
        (check_adapt_units, "adapt_units.csv", "push_up", &plus_one),
        (check_adapt_units, "adapt_units.csv", "lookback", &plus_one),
        (check_adapt_units, "adapt_units.csv", "diversity", &flip_high_bits),
        (check_adapt_sequences, "adapt_sequences.csv", "step,released,30", &plus_one),
        (check_adapt_sequences, "adapt_sequences.csv", "step,paper_current,59", &plus_one),
        (check_adapt_sequences, "adapt_sequences.csv", "master,paper,2", &flip_high_bits),
        (check_cost_model, "cost_model.csv", "result,mem_exact", &relative),
    ];
    for (check, name, prefix, replace) in cases {
        let report = check_text(check, &with_last_field(&text(name), prefix, replace)).unwrap();
        assert_eq!(report.mismatches, 1, "{name} {prefix}: {report}");
        let line = text(name).lines().position(|line| line.starts_with(prefix)).unwrap() + 1;
        let first = report.first_mismatch.unwrap();
        assert!(first.starts_with(&format!("line {line}: ")), "{first}");
    }
}

#[test]
fn a_cut_off_file_does_not_pass() {
    for (check, name) in [
        (check_adapt_units as Check, "adapt_units.csv"),
        (check_adapt_sequences, "adapt_sequences.csv"),
        (check_cost_model, "cost_model.csv"),
    ] {
        let text = text(name);
        let lines: Vec<&str> = text.lines().collect();
        for part in [0, 1, 2, 3, lines.len() / 3, lines.len() / 2] {
            match check_text(check, &lines[..part].join("\n")) {
                Ok(report) => assert!(!report.passed(), "{name}: {part} lines: {report}"),
                Err(error) => assert!(error.to_string().contains("line "), "{error}"),
            }
        }
    }
}

#[test]
fn malformed_lines_are_errors_with_file_and_line() {
    let cases: [(Check, &str, &str, &str); 6] = [
        (check_adapt_units, "adapt_units.csv", "loss,", "5,3,x,00000000,0,0000000000000000"),
        (check_adapt_units, "adapt_units.csv", "push_up,", "neither,3f800000,32,30,min,0,32,31"),
        (check_adapt_units, "adapt_units.csv", "g,", "3f800000"),
        (check_adapt_sequences, "adapt_sequences.csv", "init,0", ",4x2x3x3,3cbe29f9"),
        (check_adapt_sequences, "adapt_sequences.csv", "step,paper,", "7,min,8"),
        (check_cost_model, "cost_model.csv", "step,1,", "8|99|3"),
    ];
    for (check, name, prefix, replacement) in cases {
        let text = text(name);
        let number = text.lines().position(|line| line.starts_with(prefix)).unwrap();
        let mut changed: Vec<String> = text.lines().map(str::to_owned).collect();
        changed[number] = format!("{prefix}{replacement}");
        let error = check_text(check, &changed.join("\n")).unwrap_err().to_string();
        let place = format!("changed.csv, line {}: ", number + 1);
        assert!(error.contains(&place), "{name} {prefix}: {error}");
    }
    for text in [
        "",
        "# not json",
        "#{}",
        "#{}\ncase,0,kind=loss,slices=1,n=1\nw,nan\nloss,8,4,5,00000000,0,0000000000000000",
    ] {
        for check in [check_adapt_units as Check, check_adapt_sequences, check_cost_model] {
            assert!(check_text(check, text).is_err(), "{text:?}");
        }
    }
}

/// The header, and the case that has the first line starting with `prefix`.
fn one_case(text: &str, prefix: &str) -> (Vec<String>, usize) {
    let lines: Vec<&str> = text.lines().collect();
    let line = lines.iter().position(|line| line.starts_with(prefix)).unwrap();
    let is_case = |line: &&str| line.starts_with("case,");
    let start = (0..=line).rev().find(|&i| is_case(&lines[i])).unwrap();
    let length = lines[start + 1..].iter().take_while(|line| !is_case(line)).count() + 1;
    let mut case = vec!["#{}".to_owned()];
    case.extend(lines[start..start + length].iter().map(|line| (*line).to_owned()));
    (case, line - start + 1)
}

/// Every damage of a single field gives a report or an error, never a panic.
#[test]
fn damaged_fields_never_panic() {
    let damage = ["", "-1", "nan", "999999999999999999999", "4294967295", "x", "inf"];
    let (mut reports, mut errors) = (0, 0);
    for (check, name, prefixes) in [
        (
            check_adapt_units as Check,
            "adapt_units.csv",
            &["case,0", "loss", "push_down,paper", "push_up", "lookback", "resolution", "strategy"]
                [..],
        ),
        (check_adapt_sequences, "adapt_sequences.csv", &["case,0", "step,released,3"]),
        (check_cost_model, "cost_model.csv", &["case,0", "layer", "step", "val", "case,6"]),
    ] {
        for prefix in prefixes {
            let (lines, number) = one_case(&text(name), prefix);
            let fields: Vec<&str> = lines[number].split(',').collect();
            for index in 0..fields.len().min(16) {
                for value in damage {
                    let keyed = fields[index].split_once('=');
                    let damaged =
                        keyed.map_or(value.to_owned(), |(key, _)| format!("{key}={value}"));
                    let mut fields = fields.clone();
                    fields[index] = &damaged;
                    let mut lines = lines.clone();
                    lines[number] = fields.join(",");
                    match check_text(check, &lines.join("\n")) {
                        Ok(_) => reports += 1,
                        Err(_) => errors += 1,
                    }
                }
            }
        }
    }
    assert!(reports > 0 && errors > reports, "{reports} reports, {errors} errors");
}
