//! Reading and writing error matrices and tables.

use crate::cli::errors::Failure;
use crate::design::peppp::{ErrorMatrix, PepppError};
use anyhow::Context as _;
use std::path::Path;

/// The matrix in the table `path`.
pub(super) fn read_matrix(path: &Path) -> Result<ErrorMatrix, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read(path).with_context(|| format!("cannot read `{name}`"))?;
    ErrorMatrix::read(text.as_slice(), &name).map_err(Failure::usage)
}

/// A CSV table.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> Result<String, PepppError> {
    let failed = |source| PepppError::Csv { file: "the table".to_owned(), source };
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(header).map_err(failed)?;
    for row in rows {
        csv.write_record(row).map_err(failed)?;
    }
    let bytes = csv.into_inner().map_err(|error| failed(csv::Error::from(error.into_error())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Lines of cells in columns that are as wide as their widest cell.
pub(super) fn columns(lines: &[Vec<String>]) -> String {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
