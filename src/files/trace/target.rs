//! The file of a trace, and the temporary file next to it while the run is in progress.

use super::TraceError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The final file of a trace.
#[derive(Debug, Clone)]
pub(super) struct Target {
    path: PathBuf,
    compressed: bool,
}

impl Target {
    /// Suffix of the partial CSV that is written during the run.
    pub(super) const PARTIAL: &str = ".partial";
    /// Suffix of its compressed form.
    pub(super) const COMPRESSED_PARTIAL: &str = ".partial.gz";

    /// Takes a path that ends in `.csv` or `.csv.gz`.
    pub(super) fn new(path: &Path) -> Result<Self, TraceError> {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let compressed = name.ends_with(b".csv.gz");
        if !compressed && !name.ends_with(b".csv") {
            return Err(TraceError::Suffix { path: path.to_owned() });
        }
        if path.is_dir() {
            return Err(TraceError::Folder { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), compressed })
    }

    /// The final file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the final file is gzip.
    pub(super) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// The folder of all files.
    pub(super) fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The plain CSV that grows during the run.
    pub(super) fn partial(&self) -> PathBuf {
        self.with(Self::PARTIAL)
    }

    /// The file that the partial file is compressed into at the end.
    pub(super) fn compressed_partial(&self) -> PathBuf {
        self.with(Self::COMPRESSED_PARTIAL)
    }

    fn with(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(suffix);
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_decides() {
        let plain = Target::new(Path::new("a/run.csv")).unwrap();
        assert!(!plain.is_compressed());
        assert_eq!(plain.partial(), Path::new("a/run.csv.partial"));
        assert_eq!(plain.folder(), Path::new("a"));
        let gzip = Target::new(Path::new("run.csv.gz")).unwrap();
        assert!(gzip.is_compressed());
        assert_eq!(gzip.partial(), Path::new("run.csv.gz.partial"));
        assert_eq!(gzip.compressed_partial(), Path::new("run.csv.gz.partial.gz"));
        assert_eq!(gzip.folder(), Path::new("."));
        for bad in ["run.txt", "run.gz", "run", "", "..", "run.csv.zip"] {
            let error = Target::new(Path::new(bad)).unwrap_err();
            assert!(matches!(error, TraceError::Suffix { .. }), "{bad}");
        }
    }

    #[test]
    fn a_folder_is_no_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(Target::new(&path), Err(TraceError::Folder { .. })));
    }
}
