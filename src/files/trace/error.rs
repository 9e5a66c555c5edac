//! Errors of reading and writing traces.

use super::SCHEMA;
use std::io;
use std::path::PathBuf;

/// A trace that cannot be written, continued or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The name says neither plain CSV nor gzip.
    #[error("trace `{}`: the name must end in `.csv` or `.csv.gz`", .path.display())]
    Suffix {
        /// The file asked for.
        path: PathBuf,
    },
    /// There is a folder where the trace should be.
    #[error("trace `{}` is a folder: give a file in it", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// The attempted operation.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A living process writes to the same trace.
    #[error("another run is writing `{}`: wait for it or give another trace file", .partial.display())]
    InUse {
        /// The file that grows during the run.
        partial: PathBuf,
    },
    /// The partial file is missing.
    #[error("`{}` is missing, so the trace cannot be continued: put it back, or start the run anew", .partial.display())]
    NoPartial {
        /// The file that is missing.
        partial: PathBuf,
    },
    /// The trace is complete already.
    #[error(
        "trace `{}` is there and its partial file is not: the run has finished; to trace a \
         longer run, start it anew with another trace file", .path.display()
    )]
    Finished {
        /// The final file.
        path: PathBuf,
    },
    /// The partial file lacks rows from before the checkpoint.
    #[error(
        "`{}` has {length} bytes, but the checkpoint was taken after {position}: put back the file \
         that belongs to the checkpoint, or start the run anew", .partial.display()
    )]
    TooShort {
        /// The partial file.
        partial: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// Bytes written when the checkpoint was taken.
        position: u64,
    },
    /// The checkpoint's position is not the end of a row.
    #[error(
        "no row of `{}` ends at byte {position}, where the checkpoint was taken: put back the file \
         that belongs to the checkpoint, or start the run anew", .partial.display()
    )]
    NoRowEnd {
        /// The partial file.
        partial: PathBuf,
        /// Bytes written when the checkpoint was taken.
        position: u64,
    },
    /// The first line is not the header.
    #[error(
        "`{}` does not start with the header of a trace of schema {SCHEMA}: it is no trace, or one of \
         another version of hwsim", .file.display()
    )]
    Header {
        /// The file.
        file: PathBuf,
    },
    /// The row was written by another version.
    #[error("`{}`, line {line}: schema {found}, but this version reads schema {SCHEMA}: use the version of hwsim that wrote it", .file.display())]
    Schema {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What column `schema` says.
        found: String,
    },
    /// A row has too few or too many cells.
    #[error("`{}`, line {line}: {found} cells, expected {expected}", .file.display())]
    Cells {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Cells of the row.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A cell has no value of its column.
    #[error("`{}`, line {line}, column `{column}`: {reason}", .file.display())]
    Cell {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Name of the column.
        column: &'static str,
        /// The problem.
        reason: String,
    },
    /// The file ends within a row.
    #[error("`{}`, line {line}: the file ends within this row; it was cut off, or its run still goes on", .file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A row is not text.
    #[error("`{}`, line {line}: not UTF-8 text; the file is damaged or no trace", .file.display())]
    Encoding {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
    },
}
