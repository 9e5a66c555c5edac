//! `hwsim onnx operators`.

use crate::cli::arguments::OutputArguments;
use crate::cli::errors::Failure;
use crate::cli::files::Files;
use crate::graph::operators;
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Every operator that is supported, with its domain.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct OperatorsArguments {
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Clone, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct OperatorRow {
    domain: &'static str,
    operator: &'static str,
}

/// ONNX's own domain as files may spell it.
const ONNX: &str = "ai.onnx";

pub(super) fn run(arguments: &OperatorsArguments) -> Result<ExitCode, Failure> {
    Files::default().output("--output", arguments.output.file()).check()?;
    let mut rows: Vec<_> = operators::all()
        .map(|(domain, operator)| OperatorRow {
            domain: if domain.is_empty() { ONNX } else { domain },
            operator,
        })
        .collect();
    rows.sort();
    rows.dedup();
    arguments.output.emit_rows(&rows, &rows, |rows| render(rows))?;
    Ok(ExitCode::SUCCESS)
}

/// The operators of each domain, in lines of at most 100 characters.
fn render(rows: &[OperatorRow]) -> String {
    const WIDTH: usize = 100;
    let mut domains: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows {
        domains.entry(row.domain).or_default().push(row.operator);
    }
    let mut out = String::new();
    for (domain, names) in domains {
        out += &format!("{domain}: {} operators\n", names.len());
        let mut line = String::new();
        for name in names {
            if !line.is_empty() && line.len() + 2 + name.len() > WIDTH {
                out += &format!("  {line}\n");
                line.clear();
            }
            if !line.is_empty() {
                line += "  ";
            }
            line += name;
        }
        out += &format!("  {line}\n");
    }
    out
}
