//! Golden files and copies of them with something changed.
#![allow(dead_code, reason = "each test file uses its share")]

use hwsim::verify::golden::{Check, GoldenError, Report};
use std::path::{Path, PathBuf};

/// What replaces a field.
pub(crate) type Change<'a> = &'a dyn Fn(&str) -> String;

/// The shipped file `name`, of `golden/` or else of `golden/conventions/`.
pub(crate) fn golden(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let file = folder.join(name);
    if file.exists() { file } else { folder.join("conventions").join(name) }
}

/// Its text.
pub(crate) fn text(name: &str) -> String {
    std::fs::read_to_string(golden(name)).unwrap()
}

/// Lines of `name` whose first field is `tag`.
pub(crate) fn lines(name: &str, tag: &str) -> u64 {
    text(name).lines().filter(|line| line.split(',').next() == Some(tag)).count() as u64
}

/// Runs `check` on `text` as a separate file.
pub(crate) fn check_text(check: Check, text: &str) -> Result<Report, GoldenError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.csv");
    std::fs::write(&path, text).unwrap();
    check(&path)
}

/// Changes field `field` (the last one if `None`) of the first line that starts with `prefix`;
/// returns the text and the number of the line.
pub(crate) fn with_field(
    text: &str,
    prefix: &str,
    field: Option<usize>,
    change: impl Fn(&str) -> String,
) -> (String, usize) {
    let index = text.lines().position(|line| line.starts_with(prefix));
    let index = index.unwrap_or_else(|| panic!("no line starts with {prefix}"));
    let mut changed: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut fields: Vec<String> = changed[index].split(',').map(str::to_owned).collect();
    let field = field.unwrap_or(fields.len() - 1);
    fields[field] = change(&fields[field]);
    changed[index] = fields.join(",");
    (changed.join("\n"), index + 1)
}

/// The next integer.
pub(crate) fn plus_one(field: &str) -> String {
    (field.parse::<i64>().unwrap() + 1).to_string()
}

/// Every part of a file gives a report that does not pass, or an error.
pub(crate) fn cut_off_files_do_not_pass(check: Check, name: &str) {
    let text = text(name);
    let lines: Vec<&str> = text.lines().collect();
    for part in [0, 1, 2, 3, lines.len() / 3, lines.len() / 2] {
        does_not_pass(check, name, &lines[..part]);
    }
}

/// Without its last line a file gives a report that does not pass, or an error.
pub(crate) fn a_missing_last_line_does_not_pass(check: Check, name: &str) {
    let text = text(name);
    let lines: Vec<&str> = text.lines().collect();
    does_not_pass(check, name, &lines[..lines.len() - 1]);
}

fn does_not_pass(check: Check, name: &str, lines: &[&str]) {
    match check_text(check, &lines.join("\n")) {
        Ok(report) => assert!(!report.passed(), "{name}: {} lines: {report}", lines.len()),
        Err(error) => assert!(error.to_string().contains("line "), "{error}"),
    }
}

/// The header without counts, and the case that has the first line starting with `prefix`; also the
/// index of that line. In a table, the line alone.
pub(crate) fn one_case(text: &str, prefix: &str) -> (Vec<String>, usize) {
    let lines: Vec<&str> = text.lines().collect();
    let line = lines.iter().position(|line| line.starts_with(prefix)).unwrap();
    let is_case = |line: &&str| line.starts_with("case,");
    let start = (0..=line).rev().find(|&i| is_case(&lines[i])).unwrap_or(line);
    let length = if is_case(&lines[start]) {
        lines[start + 1..].iter().take_while(|line| !is_case(line)).count() + 1
    } else {
        1
    };
    let mut header: serde_json::Value = serde_json::from_str(&lines[0][1..]).unwrap();
    header.as_object_mut().unwrap().retain(|key, _| !key.starts_with("n_"));
    let mut case = vec![format!("#{header}")];
    case.extend(lines[start..start + length].iter().map(|line| (*line).to_owned()));
    (case, line - start + 1)
}

/// Damages the first 16 fields of the first line with each prefix, one at a time. Returns how many
/// copies gave a report and how many an error; none may panic.
pub(crate) fn damage(check: Check, name: &str, prefixes: &[&str]) -> (usize, usize) {
    let damages = ["", "-1", "nan", "999999999999999999999", "4294967295", "x", "inf", "0"];
    let (mut reports, mut errors) = (0, 0);
    for prefix in prefixes {
        let (lines, number) = one_case(&text(name), prefix);
        let fields: Vec<&str> = lines[number].split(',').collect();
        for index in 0..fields.len().min(16) {
            for value in damages {
                let keyed = fields[index].split_once('=');
                let damaged = keyed.map_or(value.to_owned(), |(key, _)| format!("{key}={value}"));
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
    (reports, errors)
}
