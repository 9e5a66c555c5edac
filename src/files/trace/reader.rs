//! Reading a trace back.

use super::codec::{columns, decode};
use super::row::Row;
use super::{SCHEMA, TraceError};
use csv::{ErrorKind, StringRecord};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The rows of a trace in their order, plain or gzip (recognised by content).
///
/// The partial file of a run can be read too; a row that is not complete is an error. No rows follow
/// the first error.
pub struct TraceReader {
    file: PathBuf,
    csv: csv::Reader<LastByte<Box<dyn Read + Send>>>,
    record: StringRecord,
    ended: bool,
}

impl TraceReader {
    /// Opens the trace `path` and checks its header.
    ///
    /// # Errors
    /// If the file cannot be read, is no trace, or one of another schema.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let io_error = |source| TraceError::Io { action: "read", path: path.to_owned(), source };
        let mut file = BufReader::new(File::open(path).map_err(io_error)?);
        let gzip = file.fill_buf().map_err(io_error)?.starts_with(&[0x1f, 0x8b]);
        let bytes: Box<dyn Read + Send> =
            if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(LastByte { bytes, last: None, ended: false });
        let mut reader =
            Self { file: path.to_owned(), csv, record: StringRecord::new(), ended: false };
        reader.check_header()?;
        Ok(reader)
    }

    fn check_header(&mut self) -> Result<(), TraceError> {
        let header = match self.next_record() {
            // Whatever it is the beginning of.
            Err(TraceError::Truncated { .. }) => false,
            other => other?,
        };
        if header && self.record.iter().eq(columns().iter().copied()) {
            return Ok(());
        }
        // Other columns are expected of another schema: then its number says more.
        if header && self.record.get(0) == Some("schema") && self.next_record()? {
            self.check_schema()?;
        }
        Err(TraceError::Header { file: self.file.clone() })
    }

    fn check_schema(&self) -> Result<(), TraceError> {
        let found = self.record.get(0).unwrap_or_default();
        if found.parse() == Ok(SCHEMA) {
            return Ok(());
        }
        Err(TraceError::Schema {
            file: self.file.clone(),
            line: self.line(),
            found: found.to_owned(),
        })
    }

    /// Reads the next line into `self.record`; false at the end.
    fn next_record(&mut self) -> Result<bool, TraceError> {
        let more = match self.csv.read_record(&mut self.record) {
            Ok(more) => more,
            Err(error) => return Err(self.csv_error(error)),
        };
        // Only a row that no newline ends makes the reader look for more before it gives the row.
        let bytes = self.csv.get_ref();
        if more && bytes.ended && bytes.last != Some(b'\n') {
            return Err(TraceError::Truncated { file: self.file.clone(), line: self.line() });
        }
        Ok(more)
    }

    fn next_row(&mut self) -> Result<Option<Row>, TraceError> {
        if !self.next_record()? {
            return Ok(None);
        }
        self.check_schema()?;
        let (found, expected) = (self.record.len(), columns().len());
        if found != expected {
            let (file, line) = (self.file.clone(), self.line());
            return Err(TraceError::Cells { file, line, found, expected });
        }
        decode(&self.record).map(Some).map_err(|error| TraceError::Cell {
            file: self.file.clone(),
            line: self.line(),
            column: error.column,
            reason: error.reason,
        })
    }

    /// The line, from 1, at which the current record starts.
    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn csv_error(&self, error: csv::Error) -> TraceError {
        let line = error.position().map_or(0, csv::Position::line);
        let source = match error.into_kind() {
            ErrorKind::Utf8 { .. } => {
                return TraceError::Encoding { file: self.file.clone(), line };
            }
            ErrorKind::Io(source) => source,
            other => io::Error::other(format!("{other:?}")),
        };
        TraceError::Io { action: "read", path: self.file.clone(), source }
    }
}

impl Iterator for TraceReader {
    type Item = Result<Row, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.next_row().transpose();
        self.ended = !matches!(row, Some(Ok(_)));
        row
    }
}

impl std::iter::FusedIterator for TraceReader {}

impl std::fmt::Debug for TraceReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceReader").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A reader that records its last byte and whether the input has ended.
struct LastByte<R> {
    bytes: R,
    last: Option<u8>,
    ended: bool,
}

impl<R: Read> Read for LastByte<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        match buffer[..read].last() {
            Some(last) => self.last = Some(*last),
            None => self.ended = true,
        }
        Ok(read)
    }
}
