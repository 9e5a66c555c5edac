//! Format and destination of a command's result: `--format table|csv|json`, `-o/--output FILE`.

use super::records;
use crate::cli::output;
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum OutputFormat {
    /// For people.
    Table,
    /// Rows of comma-separated values with a header.
    Csv,
    /// JSON.
    Json,
}

/// `--format` alone, for commands whose `--output` is a file of data.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct FormatArguments {
    /// Form of what is printed: a table for people, csv or json for programs [default: table].
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<OutputFormat>,
    /// An older spelling of `--format json`.
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
}

impl FormatArguments {
    fn given(&self) -> Option<OutputFormat> {
        self.format.or(self.json.then_some(OutputFormat::Json))
    }

    /// The form.
    pub(in crate::cli) fn format(&self) -> OutputFormat {
        self.given().unwrap_or(OutputFormat::Table)
    }

    /// Prints `value` in the form asked for, as CSV its `rows`.
    pub(in crate::cli) fn print_rows<T: Serialize, R: Serialize>(
        &self,
        value: &T,
        rows: &[R],
        table: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        output::print(&render(self.format(), value, rows, table)?)
    }

    /// Prints `value` in the form asked for; as CSV it is one row.
    pub(in crate::cli) fn print<T: Serialize>(
        &self,
        value: &T,
        table: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        self.print_rows(value, std::slice::from_ref(value), table)
    }
}

/// `--format` and `--output`, for commands whose result is what they print.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct OutputArguments {
    /// Form of the result: a table for people, csv or json for programs [default: by the ending .csv or .json of the file,
    /// else table].
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<OutputFormat>,
    /// An older spelling of `--format json`.
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
    /// Write the result into this file instead of printing it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl OutputArguments {
    /// The format that older command lines give as `--output csv`.
    fn older_format(&self) -> Option<OutputFormat> {
        if self.format.is_some() || self.json {
            return None;
        }
        match self.output.as_ref()?.to_str()? {
            "table" => Some(OutputFormat::Table),
            "csv" => Some(OutputFormat::Csv),
            "json" => Some(OutputFormat::Json),
            _ => None,
        }
    }

    /// The form.
    pub(in crate::cli) fn format(&self) -> OutputFormat {
        let given = self.format.or(self.json.then_some(OutputFormat::Json));
        given.or_else(|| self.older_format()).unwrap_or_else(|| {
            let ending = self.output.as_ref().and_then(|file| file.extension());
            match ending.and_then(|ending| ending.to_str()) {
                Some("csv") => OutputFormat::Csv,
                Some("json") => OutputFormat::Json,
                _ => OutputFormat::Table,
            }
        })
    }

    /// The file.
    pub(in crate::cli) fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|_| self.older_format().is_none())
    }

    /// The same without the file, for commands that have written something else to it.
    pub(in crate::cli) fn printed(&self) -> Self {
        Self { output: None, ..self.clone() }
    }

    /// Writes `text` into the file, or prints it.
    ///
    /// # Errors
    /// If it cannot be written. What was meant for a file is printed then, so that the work is not lost.
    pub(in crate::cli) fn emit(&self, text: &str) -> Result<()> {
        let Some(file) = self.file() else { return output::print(text) };
        output::write(file, text).inspect_err(|_| {
            // The error that is returned says more.
            let _ = output::print(text);
        })
    }

    /// Writes or prints `value` in the form asked for, as CSV its `rows`.
    pub(in crate::cli) fn emit_rows<T: Serialize, R: Serialize>(
        &self,
        value: &T,
        rows: &[R],
        table: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        self.emit(&render(self.format(), value, rows, table)?)
    }
}

fn render<T: Serialize, R: Serialize>(
    format: OutputFormat,
    value: &T,
    rows: &[R],
    table: impl FnOnce(&T) -> String,
) -> Result<String> {
    match format {
        OutputFormat::Table => Ok(table(value)),
        OutputFormat::Csv => records(rows),
        OutputFormat::Json => {
            let json =
                serde_json::to_string_pretty(value).context("the result has no JSON form")?;
            Ok(json + "\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        output: OutputArguments,
    }

    fn of(line: &str) -> (OutputFormat, Option<PathBuf>) {
        let Line { output } = Line::try_parse_from(line.split_whitespace()).unwrap();
        (output.format(), output.file().map(Path::to_owned))
    }

    #[test]
    fn the_form_is_asked_for_or_follows_from_the_file() {
        use OutputFormat::{Csv, Json, Table};
        let file = |name: &str| Some(PathBuf::from(name));
        assert_eq!(of("x"), (Table, None));
        assert_eq!(of("x --format csv"), (Csv, None));
        assert_eq!(of("x -o a.csv"), (Csv, file("a.csv")));
        assert_eq!(of("x --output a.json"), (Json, file("a.json")));
        assert_eq!(of("x -o a.txt"), (Table, file("a.txt")));
        assert_eq!(of("x --format json -o a.csv"), (Json, file("a.csv")));
        // Older spellings.
        assert_eq!(of("x --json"), (Json, None));
        assert_eq!(of("x --output csv"), (Csv, None));
        assert_eq!(of("x --output json"), (Json, None));
        assert_eq!(of("x --output table"), (Table, None));
        // With a format the word is a file.
        assert_eq!(of("x --format csv --output json"), (Csv, file("json")));
        assert!(Line::try_parse_from(["x", "--json", "--format", "csv"]).is_err());
    }
}
