//! What can be wrong with a golden-vector file.

use std::path::PathBuf;

/// A file that cannot be read as golden vectors.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The file cannot be opened or is not UTF-8.
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
        /// What is wrong.
        reason: String,
    },
}
