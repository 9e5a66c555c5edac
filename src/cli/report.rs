//! `hwsim report`: traces as one page of HTML.

use super::errors::Failure;
use super::files::Files;
use super::output;
use crate::report::{Designs, Report, ReportError, Run, RunSummary};
use anyhow::{Context, anyhow};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs as one page of HTML.
#[derive(Debug, Args)]
#[command(after_help = "docs/report.md describes the page.")]
pub(super) struct ReportArguments {
    /// Traces that `hwsim train --trace FILE` wrote, plain or gzip, finished or partial; several are overlaid.
    #[arg(required = true, value_name = "TRACE")]
    traces: Vec<PathBuf>,
    /// Summaries of the runs: those of the same names as traces, or one for each trace in the same order.
    #[arg(long, value_name = "FILE", num_args = 1.., value_delimiter = ',')]
    summary: Vec<PathBuf>,
    /// Tables of designs, as those of `hwsim sweep` and `hwsim pareto front --csv`.
    #[arg(long, value_name = "POINTS.csv", num_args = 1.., value_delimiter = ',')]
    front: Vec<PathBuf>,
    /// Columns of the tables whose values make groups of designs, each with its own front.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', requires = "front")]
    group: Vec<String>,
    /// Heading of the page [default: the names of the runs].
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// The page; replaced if it is there.
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
}

pub(super) fn run(arguments: &ReportArguments) -> Result<ExitCode, Failure> {
    let (traces, summaries) = (arguments.traces.len(), arguments.summary.len());
    if summaries > traces {
        return Err(Failure::usage(anyhow!(
            "{summaries} summaries for {traces} traces: give at most one for each"
        )));
    }
    Files::default()
        .input("a trace", &arguments.traces)
        .input("--summary", &arguments.summary)
        .input("--front", &arguments.front)
        .output("--output", [&arguments.output])
        .check()?;
    let runs = arguments.traces.iter().map(|path| Run::read(path)).collect::<Result<_, _>>()?;
    let mut summaries = Vec::new();
    for path in &arguments.summary {
        let text = String::from_utf8(read(path)?).map_err(|error| ReportError::Summary {
            file: path.display().to_string(),
            reason: error.to_string(),
        })?;
        summaries.push(RunSummary::parse(&text, &path.display().to_string())?);
    }
    let mut designs = Vec::new();
    for path in &arguments.front {
        designs.push(Designs::read(&read(path)?, &path.display().to_string(), &arguments.group)?);
    }
    let report = Report::new(arguments.title.clone(), runs, summaries, designs)?;
    output::write(&arguments.output, &report.render())?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?)
}
