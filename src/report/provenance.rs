//! Provenance of the numbers, from trace and summary.

use super::block::{Block, Row, Section, Table};
use super::run::Run;
use crate::files::trace::SCHEMA;

use serde_json::Value;

pub(super) fn section(runs: &[Run]) -> Section {
    let mut blocks = Vec::new();
    for run in runs {
        blocks.push(Block::Table(table(run)));
        let part = |key: &str| run.summary.as_ref().and_then(|summary| summary.provenance(key));
        let options = run.summary.as_ref().and_then(|summary| summary.value("options"));
        if let Some(options) = options
            && let Ok(text) = serde_json::to_string_pretty(options)
        {
            blocks.push(Block::Text(format!("Options of {}", run.name), text));
        }
        if let Some(machine) = part("machine_description").and_then(Value::as_str) {
            blocks.push(Block::Text(format!("Machine of {}", run.name), machine.to_owned()));
        }
    }
    blocks.push(Block::Note(format!(
        "Report made by hwsim {}, which reads traces of schema {SCHEMA}. A dash: neither trace nor summary says it.",
        env!("CARGO_PKG_VERSION")
    )));
    Section { id: "provenance", short: "Provenance", title: "Provenance", blocks }
}

fn table(run: &Run) -> Table {
    let summary = run.summary.as_ref();
    let part = |key: &str| summary.and_then(|summary| summary.provenance(key)).map(plain);
    let own = |key: &str| summary.and_then(|summary| summary.value(key)).map(plain);
    let rows = [
        ("trace", Some(run.file.clone())),
        ("rows of the trace", Some(format!("{}, schema {SCHEMA}", run.rows))),
        ("summary", summary.map(|summary| summary.file.clone())),
        ("command", summary.and_then(|summary| summary.provenance("command")).and_then(command)),
        ("hwsim", part("hwsim")),
        ("seed", own("seed")),
        ("random numbers", own("random_source")),
        ("data", own("data_origin")),
        ("machine", own("machine")),
        ("arithmetic in the trace", Some(run.arithmetic.phrases().join("; "))),
        ("CPU that simulated it", part("cpu")),
        ("instructions", part("simd")),
        ("threads", part("threads")),
        ("seconds of computing", run.summarised("seconds").map(|s| format!("{s:.1}"))),
    ];
    let row = |(name, value): (&str, Option<String>)| Row::of(vec![Some(name.to_owned()), value]);
    Table {
        title: format!("Provenance of {}", run.name),
        caption: String::new(),
        head: vec![String::new(), run.name.clone()],
        rows: rows.into_iter().map(row).collect(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A command as one would type it.
fn command(value: &Value) -> Option<String> {
    let words: Option<Vec<&str>> = value.as_array()?.iter().map(Value::as_str).collect();
    words.map(shell_words::join)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_typed_again() {
        let words =
            serde_json::json!(["hwsim", "train", "--data-dir", "my data", "--x", "it's", ""]);
        let text = command(&words).unwrap();
        assert_eq!(text, "hwsim train --data-dir 'my data' --x 'it'\\''s' ''");
        assert_eq!(command(&serde_json::json!("hwsim")), None);
        assert_eq!(command(&serde_json::json!([1])), None);
    }
}
