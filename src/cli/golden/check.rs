//! `hwsim golden check`.

use crate::cli::arguments::OutputArguments;
use crate::cli::errors::Failure;
use crate::cli::files::Files;
use crate::cli::setup;
use crate::verify::golden::{FileOutcome, Outcome, check_path};
use hwmodel::SimdLevel;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to check, and how to print it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CheckArguments {
    /// Folder with golden vectors (sub-folders are not searched), or one file.
    dir: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
    /// Threads; all processors if not given.
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Equal,
    Different,
    Corrupt,
    Skipped,
}

/// A line of the table.
#[derive(Debug, Serialize)]
struct FileResult {
    file: String,
    layout: Option<&'static str>,
    status: Status,
    /// Cases of a block file, rows of a table.
    cases: Option<u64>,
    values: Option<u64>,
    mismatches: Option<u64>,
    /// The first mismatch, or why the file is corrupt or skipped.
    note: Option<String>,
}

/// The last line.
#[derive(Debug, Serialize)]
struct Total {
    equal: usize,
    different: usize,
    corrupt: usize,
    skipped: usize,
    cases: u64,
    values: u64,
    mismatches: u64,
}

#[derive(Debug, Serialize)]
struct CheckResult {
    simd: Vec<&'static str>,
    files: Vec<FileResult>,
    total: Total,
}

pub(super) fn run(arguments: &CheckArguments) -> Result<ExitCode, Failure> {
    Files::default()
        .input("the golden vectors", files_of(&arguments.dir))
        .output("--output", arguments.output.file())
        .check()?;
    setup::threads(arguments.threads)?;
    let levels = setup::simd_levels()?;
    let outcomes = check_path(&arguments.dir, &levels).map_err(Failure::usage)?;
    let result = CheckResult::new(&levels, outcomes);
    arguments.output.emit_rows(&result, &result.files, CheckResult::render)?;
    let failed = result.total.different + result.total.corrupt > 0;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The files of a folder, or the one file.
pub(in crate::cli) fn files_of(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.to_owned()] };
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect()
}

impl FileResult {
    fn new(file: FileOutcome) -> Self {
        let empty = Self {
            file: file.name,
            layout: file.layout,
            status: Status::Skipped,
            cases: None,
            values: None,
            mismatches: None,
            note: None,
        };
        match file.outcome {
            Outcome::Checked(report) => Self {
                status: if report.passed() { Status::Equal } else { Status::Different },
                cases: Some(report.cases_or_rows()),
                values: Some(report.values),
                mismatches: Some(report.mismatches),
                note: report.first_mismatch,
                ..empty
            },
            Outcome::Corrupt(error) => {
                Self { status: Status::Corrupt, note: Some(error.without_file()), ..empty }
            }
            Outcome::Skipped(reason) => Self { note: Some(reason), ..empty },
        }
    }
}

impl CheckResult {
    fn new(levels: &[SimdLevel], outcomes: Vec<FileOutcome>) -> Self {
        let files: Vec<FileResult> = outcomes.into_iter().map(FileResult::new).collect();
        let with = |status| files.iter().filter(|file| file.status == status).count();
        let sum = |count: fn(&FileResult) -> Option<u64>| files.iter().filter_map(count).sum();
        let total = Total {
            equal: with(Status::Equal),
            different: with(Status::Different),
            corrupt: with(Status::Corrupt),
            skipped: with(Status::Skipped),
            cases: sum(|file| file.cases),
            values: sum(|file| file.values),
            mismatches: sum(|file| file.mismatches),
        };
        Self { simd: levels.iter().map(|level| level.name()).collect(), files, total }
    }

    fn render(&self) -> String {
        let name_width = |file: &FileResult| file.file.chars().count();
        let width = self.files.iter().map(name_width).max().unwrap_or(0).max("file".len());
        let mut out = format!(
            "{:<width$} {:>7} {:>9} {:>10}  result\n",
            "file", "cases", "values", "mismatches"
        );
        let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        for file in &self.files {
            let status = match file.status {
                Status::Equal => "equal",
                Status::Different => "DIFFERENT",
                Status::Corrupt => "CORRUPT",
                Status::Skipped => "skipped",
            };
            let note = file.note.as_ref().map_or(String::new(), |note| format!(": {note}"));
            out.push_str(&format!(
                "{:<width$} {:>7} {:>9} {:>10}  {status}{note}\n",
                file.file,
                number(file.cases),
                number(file.values),
                number(file.mismatches),
            ));
        }
        let total = &self.total;
        let mut counts = vec![format!("{} equal", total.equal)];
        for (count, what) in
            [(total.different, "different"), (total.corrupt, "corrupt"), (total.skipped, "skipped")]
        {
            if count > 0 {
                counts.push(format!("{count} {what}"));
            }
        }
        out.push_str(&format!(
            "{} of {} values differ in {} cases; files: {}; SIMD: {}\n",
            total.mismatches,
            total.values,
            total.cases,
            counts.join(", "),
            self.simd.join(", ")
        ));
        out
    }
}
