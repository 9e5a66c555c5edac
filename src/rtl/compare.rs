//! What the circuit gave against what it must give.

use super::error::RtlError;
use super::manifest::Manifest;
use serde::Serialize;
use std::fmt;
use std::fs;
use std::path::Path;

/// A file of expectations and its counterpart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// File name.
    pub file: String,
    /// Words or numbers compared.
    pub compared: u64,
    /// Words that differ.
    pub differing: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Difference>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// File name.
    pub file: String,
    /// Where, as in `group 0, row 3, column 2`.
    pub place: String,
    /// k of the first accumulator event of this output that hwsim expects, or the fold.
    pub k: Option<String>,
    /// The word expected.
    pub expected: String,
    /// The word found; empty if the file ends before.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, k, expected, got } = self;
        write!(f, "{file}, {place}")?;
        if let Some(k) = k {
            write!(f, ", {k}")?;
        }
        let got = if got.is_empty() { "nothing" } else { got };
        write!(f, ": expected {expected}, got {got}")
    }
}

/// Compares every file of `expect/` in `folder` with that of `out/`.
///
/// # Errors
/// If a file of the folder cannot be read; a missing result is a difference.
pub fn compare(folder: &Path, manifest: &Manifest) -> Result<Vec<Comparison>, RtlError> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|source| RtlError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })
    };
    let first_k = read(&folder.join("expect/first_k.hex"))?;
    let first_k: Vec<&str> = first_k.lines().collect();
    let mut all = Vec::new();
    for entry in &manifest.files {
        let Some(name) = entry.name.strip_prefix("expect/") else { continue };
        let expected = read(&folder.join(&entry.name))?;
        let found = folder.join("out").join(name);
        let got = if found.is_file() { read(&found)? } else { String::new() };
        let mut got = got.lines();
        let mut comparison =
            Comparison { file: name.to_owned(), compared: 0, differing: 0, first: None };
        for (at, expected) in expected.lines().enumerate() {
            comparison.compared += 1;
            let got = got.next().unwrap_or_default();
            if got != expected {
                comparison.differing += 1;
                comparison.first.get_or_insert_with(|| {
                    difference(manifest, name, at, (expected, got), &first_k)
                });
            }
        }
        let further = got.count() as u64;
        if further > 0 && comparison.first.is_none() {
            comparison.differing += further;
            comparison.first = Some(Difference {
                file: name.to_owned(),
                place: format!("line {}", comparison.compared + 1),
                k: None,
                expected: "no further line".to_owned(),
                got: format!("{further} more"),
            });
        }
        all.push(comparison);
    }
    Ok(all)
}

fn difference(
    manifest: &Manifest,
    name: &str,
    line: usize,
    (expected, got): (&str, &str),
    first_k: &[&str],
) -> Difference {
    let (file, expected, got) = (name.to_owned(), expected.to_owned(), got.to_owned());
    if name == "cycles.txt" {
        let place = expected.split(' ').next().unwrap_or_default().to_owned();
        return Difference { file, place, k: None, expected, got };
    }
    let folds = manifest.parameters.get("FOLD_WORDS").zip(manifest.parameters.get("OUT_WORDS"));
    let folds =
        folds.map_or(1, |(all, outputs)| hwmodel::cast::index(all / (*outputs).max(1))).max(1);
    let (output, fold) =
        if name == "fold_sums.hex" { (line / folds, Some(line % folds)) } else { (line, None) };
    let (m, n) = (manifest.m, manifest.n);
    let (group, row, column) = (output / (m * n), output / n % m, output % n);
    let place = match manifest.groups {
        1 => format!("row {row}, column {column}"),
        _ => format!("group {group}, row {row}, column {column}"),
    };
    let event = first_k.get(output).and_then(|k| u32::from_str_radix(k, 16).ok());
    let event = event.filter(|&k| k != u32::MAX).map(|k| format!("first overflow at k = {k}"));
    let k = match fold {
        Some(fold) if !manifest.dataflow.starts_with("output") => {
            let rows = manifest.parameters.get("R").copied().unwrap_or(1);
            let last = ((fold as u64 + 1) * rows).min(manifest.k as u64);
            Some(format!("after k = {}", last - 1))
        }
        _ => event.or_else(|| Some(format!("after k = {}", manifest.k - 1))),
    };
    Difference { file, place, k, expected, got }
}
