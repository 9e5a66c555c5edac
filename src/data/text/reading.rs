//! Reading the files of a text.

use crate::data::DataError;
use crate::data::stream::Stream;
use std::fs;
use std::path::{Path, PathBuf};

/// Endings of the files that are read.
const ENDINGS: [&str; 2] = [".txt", ".txt.gz"];

/// The slice of a text that is part of the program: Genesis 1 to 24 of the King James Version, made by
/// scripts/make_text_excerpt.py.
const EMBEDDED: (&str, &[u8]) =
    ("embedded king-james-genesis.txt.gz", include_bytes!("../embedded/king-james-genesis.txt.gz"));

/// Whether `path` is a file, or a folder with a file that is read.
pub(in crate::data) fn is_in(path: &Path) -> bool {
    path.is_file() || files(path).is_ok_and(|files| !files.is_empty())
}

/// The text of the file `path`, or of all files of the folder `path` in the order of their names, each
/// on a new line.
pub(super) fn read(path: &Path) -> Result<String, DataError> {
    if path.is_file() {
        return text(Stream::open(path)?);
    }
    let files = files(path)?;
    if files.is_empty() {
        return Err(DataError::NoText { folder: path.to_owned() });
    }
    let texts = files.iter().map(|file| text(Stream::open(file)?));
    Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// The embedded text.
pub(super) fn embedded() -> Result<String, DataError> {
    let (name, bytes) = EMBEDDED;
    text(Stream::of_bytes(Path::new(name), bytes)?)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let error = |source| DataError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if ENDINGS.iter().any(|ending| name.ends_with(ending)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn text(mut stream: Stream<'_>) -> Result<String, DataError> {
    let bytes = stream.take_up_to(u64::MAX)?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to() as u64;
        DataError::Utf8 { at: stream.location(offset) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn files_are_read_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"first").unwrap();
        fs::write(folder.path().join("a.txt.gz"), encoder.finish().unwrap()).unwrap();
        fs::write(folder.path().join("b.txt"), "second\n").unwrap();
        fs::write(folder.path().join("c.md"), "not read").unwrap();
        assert!(is_in(folder.path()));
        assert_eq!(read(folder.path()).unwrap(), "first\nsecond\n");
        assert_eq!(read(&folder.path().join("b.txt")).unwrap(), "second\n");
    }

    #[test]
    fn bytes_that_are_no_text_are_located() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        fs::write(&file, b"four\xff").unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("a.txt`, byte 4: not UTF-8; convert the file to UTF-8"), "{error}");
    }

    #[test]
    fn folders_without_text_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_in(folder.path()));
        assert!(matches!(read(folder.path()), Err(DataError::NoText { .. })));
        assert!(matches!(read(&folder.path().join("none")), Err(DataError::Read { .. })));
    }
}
