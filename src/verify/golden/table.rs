//! Plain tables: one row a line, the columns named in the header.

use super::{BlockFile, GoldenError, Line};
use serde_json::Value;
use std::path::Path;

/// A table file.
#[derive(Debug)]
pub struct Table {
    file: BlockFile,
    columns: Vec<String>,
}

impl Table {
    /// Reads `path`.
    ///
    /// # Errors
    /// If the file cannot be read or its header names no columns.
    pub fn read(path: &Path) -> Result<Self, GoldenError> {
        Self::new(BlockFile::read(path)?)
    }

    /// Takes a file whose header has `columns`.
    ///
    /// # Errors
    /// If the header names no columns.
    pub fn new(file: BlockFile) -> Result<Self, GoldenError> {
        let Some(columns) = file.header().get("columns").and_then(Value::as_str) else {
            let reason = "the header has no `columns`".into();
            return Err(GoldenError::Line { file: file.name().to_owned(), line: 1, reason });
        };
        let columns = columns.split(',').map(str::to_owned).collect();
        Ok(Self { file, columns })
    }

    /// The file with its header.
    pub fn file(&self) -> &BlockFile {
        &self.file
    }

    /// Index of a column.
    ///
    /// # Errors
    /// If the header does not name it.
    pub fn column(&self, name: &str) -> Result<usize, GoldenError> {
        self.columns.iter().position(|column| column == name).ok_or_else(|| {
            let reason = format!("the header has no column `{name}`");
            GoldenError::Line { file: self.file.name().to_owned(), line: 1, reason }
        })
    }

    /// The rows in their order; each is checked for its number of fields.
    pub fn rows(&self) -> impl Iterator<Item = Result<Line<'_>, GoldenError>> {
        self.file.lines().map(|line| line.expect_fields(self.columns.len()).map(|()| line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table, GoldenError> {
        Table::new(BlockFile::from_text("t.csv", text.to_owned())?)
    }

    #[test]
    fn rows_by_column() {
        let table = table("#{\"columns\": \"mode,wl,x_hex\"}\nn,8,3f800000\ns,4,nan\n").unwrap();
        let (wl, x) = (table.column("wl").unwrap(), table.column("x_hex").unwrap());
        let rows: Vec<_> = table.rows().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].value::<u32>(wl, "wl").unwrap(), 8);
        assert_eq!(rows[0].float32(x, "x").unwrap(), 1.0);
        assert!(table.column("fl").is_err());
    }

    #[test]
    fn short_rows_and_headers_are_errors() {
        assert!(table("#{}\n1,2\n").is_err());
        let table = table("#{\"columns\": \"a,b\"}\n1,2\n1\n").unwrap();
        let error = table.rows().find_map(Result::err).unwrap().to_string();
        assert_eq!(error, "t.csv, line 3: 1 fields, expected 2");
    }
}
