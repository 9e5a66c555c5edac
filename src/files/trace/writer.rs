//! Writing a trace so that a killed run can continue it.

use super::TraceError;
use super::codec::{encode, header_line};
use super::row::Row;
use super::target::Target;
use crate::files::checkpoint::durable::sync_folder;
use crate::files::temporary::without_name;
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use hwmodel::cast::index;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Writes a trace.
///
/// Rows go to `<path>.partial`, plain CSV next to the final file `<path>`, which appears, or is
/// replaced, only in [`finish`](TraceWriter::finish). Dropping the writer leaves the partial file,
/// and [`resume`](TraceWriter::resume) continues it from the [`position`](TraceWriter::position)
/// that a checkpoint kept, so that a run that was killed and resumed ends with the same bytes as one
/// that was not.
///
/// Rows that the file does not take, for instance because the disk is full, stay in memory and are tried again: no row is
/// lost by an error, and [`pending`](TraceWriter::pending) can be kept in a checkpoint.
#[derive(Debug)]
pub struct TraceWriter {
    target: Target,
    file: File,
    /// Bytes in the file, all of them whole rows.
    position: u64,
    /// Rows that are not in the file yet.
    pending: Vec<u8>,
    /// Pending bytes from which the file is tried.
    threshold: usize,
    /// Whether the final file is there.
    finished: bool,
}

/// Bytes of rows that are gathered before they are written.
const CHUNK: usize = 1 << 13;
/// Bytes of rows after which a file that could not be written is tried again.
const RETRY: usize = 1 << 18;

impl TraceWriter {
    /// Checks that `path` is a name of a trace: it ends in `.csv` or `.csv.gz`.
    ///
    /// # Errors
    /// If it has another ending, or is a folder.
    pub fn check_name(path: &Path) -> Result<(), TraceError> {
        Target::new(path).map(drop)
    }

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
        let mut writer = Self::at(target, file, 0);
        writer.pending.extend_from_slice(header_line().as_bytes());
        writer.flush()?;
        Ok(writer)
    }

    fn at(target: Target, file: File, position: u64) -> Self {
        Self { target, file, position, pending: Vec::new(), threshold: CHUNK, finished: false }
    }

    /// Continues the trace `path` of a killed run after its first `position` bytes with the rows `pending`, which the
    /// file did not have at the checkpoint.
    ///
    /// # Errors
    /// If the partial file is missing, has another header, does not reach to `position`, has no
    /// row that ends there, or cannot be written.
    pub fn resume(path: &Path, position: u64, pending: &[u8]) -> Result<Self, TraceError> {
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
        let mut writer = Self::at(target, file, position);
        writer.pending.extend_from_slice(pending);
        writer.flush()?;
        Ok(writer)
    }

    /// Makes the partial file of the finished trace `path` again, so that a longer run can continue it; does nothing if
    /// there is one. The final file stays until [`finish`](TraceWriter::finish).
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn reopen(path: &Path) -> Result<(), TraceError> {
        let target = Target::new(path)?;
        let partial = target.partial();
        if partial.exists() || !path.exists() {
            return Ok(());
        }
        let mut file = File::open(path).map_err(io_error("open", path))?;
        let made = tempfile::NamedTempFile::new_in(target.folder()).and_then(|mut copy| {
            if target.is_compressed() {
                io::copy(&mut GzDecoder::new(file), &mut copy)?;
            } else {
                io::copy(&mut file, &mut copy)?;
            }
            copy.persist(&partial).map_err(|error| error.error)
        });
        made.map(drop).map_err(without_name).map_err(io_error("write", &partial))
    }

    /// Takes the last row away, which must have no line break in a cell.
    ///
    /// # Errors
    /// If the partial file cannot be read or written.
    pub fn drop_last_row(&mut self) -> Result<(), TraceError> {
        self.position()?;
        let cut = |file: &mut File, end: u64| -> io::Result<u64> {
            let begin = end.saturating_sub(1 << 16);
            let mut tail = vec![0; index(end - begin)];
            file.seek(SeekFrom::Start(begin))?;
            file.read_exact(&mut tail)?;
            let rows = tail.strip_suffix(b"\n").unwrap_or(&tail);
            let keep = rows.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1);
            file.set_len(begin + keep)?;
            file.seek(SeekFrom::Start(begin + keep))
        };
        let position = cut(&mut self.file, self.position);
        self.position = position.map_err(|error| self.write_error(error))?;
        Ok(())
    }

    /// The files next to the trace `path` that exist while it is written.
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
    /// If the partial file cannot be written, for instance because the disk is full. The row is kept in memory all the
    /// same, and so are those that follow; the file is tried again from time to time.
    pub fn write(&mut self, row: &Row) -> Result<(), TraceError> {
        let mut csv =
            csv::WriterBuilder::new().buffer_capacity(1 << 10).from_writer(&mut self.pending);
        let written = encode(row, |cell| csv.write_field(cell));
        let ended = written.and_then(|()| csv.write_record(None::<&[u8]>));
        let ended = ended.map_err(io::Error::from).and_then(|()| csv.flush());
        drop(csv);
        ended.map_err(|error| self.write_error(error))?;
        if self.pending.len() >= self.threshold { self.flush() } else { Ok(()) }
    }

    /// Writes all rows to the disk; returns the bytes of the file, which a checkpoint keeps.
    ///
    /// # Errors
    /// If the partial file cannot be written. The rows that it lacks are [`pending`](Self::pending) then, after its first
    /// [`written`](Self::written) bytes.
    pub fn position(&mut self) -> Result<u64, TraceError> {
        if !self.finished {
            self.flush()?;
            self.file.sync_data().map_err(|error| self.write_error(error))?;
        }
        Ok(self.position)
    }

    /// Bytes in the file, all of them whole rows.
    pub fn written(&self) -> u64 {
        self.position
    }

    /// The rows that are not in the file yet.
    pub fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// The file that grows during the run.
    pub fn partial(&self) -> PathBuf {
        self.target.partial()
    }

    /// Makes the final file, and removes the partial one. What is there and no file, such as a pipe, gets the content.
    ///
    /// # Errors
    /// If a file cannot be written or renamed. The partial file is kept then, and this can be tried again.
    pub fn finish(&mut self) -> Result<(), TraceError> {
        if self.finished {
            return Ok(());
        }
        self.position()?;
        let (partial, path) = (self.partial(), self.target.path().to_owned());
        let rename = |from: &Path| std::fs::rename(from, &path).map_err(io_error("replace", &path));
        let remove =
            |partial: &Path| std::fs::remove_file(partial).map_err(io_error("remove", partial));
        // Renaming would put a file in the place of a device.
        if std::fs::metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let device = OpenOptions::new().write(true).open(&path);
            let copied = device.and_then(|device| {
                if self.target.is_compressed() {
                    compress(&self.file, device).map(drop)
                } else {
                    self.file.rewind()?;
                    io::copy(&mut &self.file, &mut &device).map(drop)
                }
            });
            copied.map_err(io_error("write", &path))?;
            remove(&partial)?;
        } else if self.target.is_compressed() {
            let compressed = self.target.compressed_partial();
            let made = File::create(&compressed)
                .and_then(|file| compress(&self.file, file)?.sync_all())
                .map_err(io_error("write", &compressed));
            if made.is_err() {
                // It takes space that may be what is missing.
                let _ = std::fs::remove_file(&compressed);
            }
            made?;
            rename(&compressed)?;
            // A kill before the removal leaves both, and resuming makes the same final file again.
            remove(&partial)?;
        } else {
            rename(&partial)?;
        }
        self.finished = true;
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

    /// Writes the pending rows; if that fails, none of them is in the file.
    fn flush(&mut self) -> Result<(), TraceError> {
        if self.finished || self.pending.is_empty() {
            return Ok(());
        }
        match self.file.write_all(&self.pending) {
            Ok(()) => {
                self.position += self.pending.len() as u64;
                self.pending.clear();
                self.threshold = CHUNK;
                Ok(())
            }
            Err(error) => {
                self.threshold = self.pending.len() + RETRY;
                // A part may have been written; without it the file ends with a row, as before.
                let position = self.position;
                let cut = self.file.set_len(position);
                let _ = cut.and_then(|()| self.file.seek(SeekFrom::Start(position)));
                Err(self.write_error(error))
            }
        }
    }

    fn write_error(&self, source: io::Error) -> TraceError {
        TraceError::Io { action: "write", path: self.partial(), source }
    }
}

impl Drop for TraceWriter {
    fn drop(&mut self) {
        // A run that ends early leaves what it can.
        let _ = self.flush();
        // A process that is being started has a copy of the open file for a moment; closing this one would not end the lock.
        let _ = self.file.unlock();
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
    Read::by_ref(file).take(header_length).read_to_end(&mut header).map_err(read_error())?;
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

/// Compresses all of `plain` into `output`, which is returned; equal content gives equal bytes.
fn compress(mut plain: &File, output: File) -> io::Result<File> {
    plain.rewind()?;
    let mut encoder =
        GzBuilder::new().mtime(0).write(BufWriter::new(output), Compression::default());
    io::copy(&mut plain, &mut encoder)?;
    encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)
}
