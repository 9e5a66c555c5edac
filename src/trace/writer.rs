//! Writing a trace so that a killed run can continue it.

use super::TraceError;
use super::codec::{columns, encode, header_line};
use super::row::Row;
use super::target::Target;
use crate::checkpoint::durable::sync_folder;
use flate2::{Compression, GzBuilder};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Writes a trace.
///
/// Rows go to `<path>.partial`, plain CSV beside the final file `<path>`, which appears, or is
/// replaced, only in [`finish`](TraceWriter::finish). Dropping the writer leaves the partial file,
/// and [`resume`](TraceWriter::resume) continues it from the [`position`](TraceWriter::position)
/// that a checkpoint kept, so that a run that was killed and resumed ends with the same bytes as one
/// that was not.
#[derive(Debug)]
pub struct TraceWriter {
    target: Target,
    csv: csv::Writer<File>,
}

impl TraceWriter {
    /// Starts the trace `path`, gzip if it ends in `.csv.gz`, plain if in `.csv`.
    ///
    /// The partial file of an earlier run is overwritten; an existing final file stays until
    /// [`finish`](TraceWriter::finish).
    ///
    /// # Errors
    /// If the name has another ending, the place is not writable, or another process writes there.
    pub fn create(path: &Path) -> Result<Self, TraceError> {
        let target = Target::new(path)?;
        let partial = target.partial();
        // The old content goes only once the lock is held.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&partial);
        let file = file.map_err(io_error("create", &partial))?;
        lock(&file, &partial)?;
        file.set_len(0).map_err(io_error("write", &partial))?;
        let mut writer = Self { target, csv: csv::Writer::from_writer(file) };
        let header = writer.csv.write_record(columns());
        header.map_err(|error| writer.write_error(error.into()))?;
        writer.flush()?;
        Ok(writer)
    }

    /// Continues the trace `path` of a killed run after its first `position` bytes.
    ///
    /// # Errors
    /// If the partial file is missing, has another header, does not reach to `position`, or has no
    /// row that ends there.
    pub fn resume(path: &Path, position: u64) -> Result<Self, TraceError> {
        let target = Target::new(path)?;
        let partial = target.partial();
        let mut file = match OpenOptions::new().read(true).write(true).open(&partial) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(if path.exists() {
                    TraceError::Finished { path: path.to_owned() }
                } else {
                    TraceError::NoPartial { partial }
                });
            }
            other => other.map_err(io_error("open", &partial))?,
        };
        lock(&file, &partial)?;
        check_end(&mut file, &partial, position)?;
        let cut = file.set_len(position).and_then(|()| file.seek(SeekFrom::Start(position)));
        cut.map_err(io_error("write", &partial))?;
        Ok(Self { target, csv: csv::Writer::from_writer(file) })
    }

    /// The files beside the trace `path` that exist while it is written.
    #[must_use]
    pub fn files_on_the_way(path: &Path) -> [PathBuf; 2] {
        let with = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        [with(Target::PARTIAL), with(Target::COMPRESSED_PARTIAL)]
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If the partial file cannot be written, for instance because the disk is full.
    pub fn write(&mut self, row: &Row) -> Result<(), TraceError> {
        let written = encode(row, |cell| self.csv.write_field(cell));
        let ended = written.and_then(|()| self.csv.write_record(None::<&[u8]>));
        ended.map_err(|error| self.write_error(error.into()))
    }

    /// Bytes written so far, all of them on the disk: what a checkpoint keeps.
    ///
    /// # Errors
    /// If the partial file cannot be written.
    pub fn position(&mut self) -> Result<u64, TraceError> {
        self.flush()?;
        let mut file = self.csv.get_ref();
        let position = file.sync_data().and_then(|()| file.stream_position());
        position.map_err(|error| self.write_error(error))
    }

    /// The file that grows during the run.
    pub fn partial(&self) -> PathBuf {
        self.target.partial()
    }

    /// Makes the final file, and removes the partial one.
    ///
    /// # Errors
    /// If a file cannot be written or renamed. The partial file is kept then.
    pub fn finish(mut self) -> Result<(), TraceError> {
        self.position()?;
        let (partial, path) = (self.partial(), self.target.path());
        let rename = |from: &Path| std::fs::rename(from, path).map_err(io_error("replace", path));
        if self.target.is_compressed() {
            let compressed = self.target.compressed_partial();
            compress(self.csv.get_ref(), &compressed).map_err(io_error("write", &compressed))?;
            rename(&compressed)?;
            // A kill before the removal leaves both, and resuming makes the same final file again.
            std::fs::remove_file(&partial).map_err(io_error("remove", &partial))?;
        } else {
            rename(&partial)?;
        }
        let folder = self.target.folder();
        sync_folder(folder).map_err(io_error("write", folder))
    }

    /// Ends without a final file; returns the partial file with all rows, from which the run can be
    /// resumed.
    ///
    /// # Errors
    /// If the partial file cannot be written.
    pub fn abandon(mut self) -> Result<PathBuf, TraceError> {
        self.position()?;
        Ok(self.partial())
    }

    fn flush(&mut self) -> Result<(), TraceError> {
        self.csv.flush().map_err(|error| self.write_error(error))
    }

    fn write_error(&self, source: io::Error) -> TraceError {
        TraceError::Io { action: "write", path: self.partial(), source }
    }
}

/// Turns the system's reason into an error that says what was tried on `path`.
fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TraceError + use<> {
    let path = path.to_owned();
    move |source| TraceError::Io { action, path, source }
}

/// Keeps other processes from writing the same file until it is closed.
fn lock(file: &File, partial: &Path) -> Result<(), TraceError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(TraceError::InUse { partial: partial.to_owned() }),
        // File systems without locks: nothing protects the file, as with most programs.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Checks that `file` is a trace of which a row ends at `position`.
fn check_end(file: &mut File, partial: &Path, position: u64) -> Result<(), TraceError> {
    let read_error = || io_error("read", partial);
    let expected = header_line();
    let header_length = expected.len() as u64;
    let mut header = Vec::new();
    file.by_ref().take(header_length).read_to_end(&mut header).map_err(read_error())?;
    if header != expected.as_bytes() {
        return Err(TraceError::Header { file: partial.to_owned() });
    }
    let length = file.metadata().map_err(read_error())?.len();
    if length < position {
        return Err(TraceError::TooShort { partial: partial.to_owned(), length, position });
    }
    let mut last = [0];
    if position >= header_length {
        let read =
            file.seek(SeekFrom::Start(position - 1)).and_then(|_| file.read_exact(&mut last));
        read.map_err(read_error())?;
    }
    if last != *b"\n" {
        return Err(TraceError::NoRowEnd { partial: partial.to_owned(), position });
    }
    Ok(())
}

/// Compresses all of `plain` into the new file `path`; equal content gives equal bytes.
fn compress(mut plain: &File, path: &Path) -> io::Result<()> {
    plain.rewind()?;
    let output = BufWriter::new(File::create(path)?);
    let mut encoder = GzBuilder::new().mtime(0).write(output, Compression::default());
    io::copy(&mut plain, &mut encoder)?;
    let output = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    output.sync_all()
}
