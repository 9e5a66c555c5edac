//! Errors of golden-vector files.

use std::path::PathBuf;

/// A file that cannot be read as golden vectors.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not what the layout says.
    #[error("{file}, line {line}: {reason}")]
    Line {
        /// The file.
        file: String,
        /// Number of the line, from 1.
        line: usize,
        /// The problem.
        reason: String,
    },
}

impl GoldenError {
    /// The message without the name of the file.
    pub fn without_file(&self) -> String {
        match self {
            Self::Read { source, .. } => source.to_string(),
            Self::Line { line, reason, .. } => format!("line {line}: {reason}"),
        }
    }
}
