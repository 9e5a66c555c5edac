//! What a command prints, and the files it writes at its end. Nothing else prints, so that a closed pipe (`| head`) does not
//! end a command early.

use super::errors::Failure;
use crate::files::temporary::without_name;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A temporary file next to `path` with the permissions that a new file gets.
fn temporary(path: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder(path)).map_err(without_name)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Fails now if `path` could not be written at the end of a long run.
pub(super) fn check_writable(path: &Path) -> Result<()> {
    let what = || format!("cannot write `{}`", path.display());
    if path.is_dir() {
        anyhow::bail!("cannot write `{}`: it is a folder", path.display());
    }
    if !is_special(path) {
        temporary(path).with_context(what)?;
    }
    Ok(())
}

/// Whether `path` is there and neither a file nor a folder: `/dev/stdout`, a pipe, a terminal. It is written to as it is, since a
/// file renamed to its place would destroy it.
pub(super) fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Writes `text` to `path` under a temporary name first, so that an old file is never half replaced.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let what = || format!("cannot write `{}`", path.display());
    if is_special(path) {
        return std::fs::write(path, text).with_context(what);
    }
    let mut file = temporary(path).with_context(what)?;
    file.write_all(text.as_bytes()).map_err(without_name).with_context(what)?;
    file.as_file().sync_all().with_context(what)?;
    file.persist(path).map_err(|error| error.error).with_context(what)?;
    Ok(())
}

/// A file that is written piece by piece under a temporary name, and takes its place when it is finished.
pub(super) struct Pending {
    path: PathBuf,
    to: BufWriter<Target>,
}

enum Target {
    Temporary(NamedTempFile),
    /// A device or pipe, which stays one.
    Special(File),
}

impl Pending {
    /// Begins the file `path`.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let opened = if is_special(path) {
            File::options().write(true).open(path).map(Target::Special)
        } else {
            temporary(path).map(Target::Temporary)
        };
        let target = opened.with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path: path.to_owned(), to: BufWriter::new(target) })
    }

    /// Puts the file in its place.
    pub(super) fn finish(self) -> Result<()> {
        let Self { path, to } = self;
        let what = || format!("cannot write `{}`", path.display());
        match to.into_inner().map_err(|error| error.into_error()).with_context(what)? {
            Target::Special(_) => Ok(()),
            Target::Temporary(file) => {
                file.as_file().sync_all().with_context(what)?;
                file.persist(&path).map_err(|error| error.error).with_context(what)?;
                Ok(())
            }
        }
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.to.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Temporary(file) => file.as_file_mut().write(bytes),
            Self::Special(file) => file.write(bytes),
        }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Temporary(file) => file.as_file_mut().flush(),
            Self::Special(file) => file.flush(),
        }
    }
}

/// Prints `text` to standard output; a closed pipe is not an error.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Prints a line to standard error; a closed standard error is not an error.
pub(super) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Tries every output of finished work, so that one failure does not prevent the others.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failed: Vec<anyhow::Error>,
}

impl Attempts {
    /// Records an output that failed.
    pub(super) fn add<E: Into<anyhow::Error>>(&mut self, written: Result<(), E>) {
        self.failed.extend(written.err().map(Into::into));
    }

    /// The failures, if there are any.
    ///
    /// # Errors
    /// [`Failure::Outputs`].
    pub(super) fn finish(self) -> Result<(), Failure> {
        if self.failed.is_empty() { Ok(()) } else { Err(Failure::Outputs(self.failed)) }
    }

    /// The failures.
    pub(super) fn into_failed(self) -> Vec<anyhow::Error> {
        self.failed
    }
}
