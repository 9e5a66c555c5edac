//! Several arrays by name: a ZIP archive of `.npy` files, stored or deflated.

use super::error::ArrayProblem;
use super::npy;
use crate::tensor::Tensor;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Ending of the entries.
const ENDING: &str = ".npy";

/// An archive that is open.
pub(super) struct Archive {
    archive: ZipArchive<BufReader<File>>,
    /// The arrays with the places of their entries.
    arrays: Vec<(String, usize)>,
}

impl Archive {
    pub(super) fn open(file: BufReader<File>) -> Result<Self, ArrayProblem> {
        let archive = ZipArchive::new(file).map_err(damaged)?;
        if archive.has_duplicate_names() {
            return Err(ArrayProblem::TwoOfOneName);
        }
        let mut arrays = Vec::new();
        for (place, name) in archive.file_names().enumerate() {
            let name = name.map_err(damaged)?;
            arrays.push((name.strip_suffix(ENDING).unwrap_or(&name).to_owned(), place));
        }
        Ok(Self { archive, arrays })
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.arrays.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn read(&mut self, name: &str) -> Result<Tensor, ArrayProblem> {
        let found = self.arrays.iter().find(|(known, _)| known == name);
        let &(_, place) = found.ok_or_else(|| ArrayProblem::NoSuch(self.names()))?;
        let mut entry = self.archive.by_index(place).map_err(damaged)?;
        let read = npy::read(&mut entry);
        // An error of the archive (a wrong checksum, a broken stream) is one of the archive, not of the system.
        match read {
            Err(ArrayProblem::Io(error)) => Err(ArrayProblem::Archive(error.to_string())),
            Ok(tensor) => {
                // The checksum is compared at the end of the entry.
                let rest = entry
                    .read(&mut [0])
                    .map_err(|error| ArrayProblem::Archive(error.to_string()))?;
                debug_assert_eq!(rest, 0);
                Ok(tensor)
            }
            other => other,
        }
    }
}

fn damaged(error: ZipError) -> ArrayProblem {
    match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => error.into(),
        other => ArrayProblem::Archive(other.to_string()),
    }
}

/// Writes arrays by name as NumPy's `savez` does, not compressed.
///
/// # Errors
/// If `to` cannot be written, or two arrays have one name.
pub fn write_npz<'a>(
    to: impl Write,
    arrays: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(to);
    for (name, tensor) in arrays {
        // Equal arrays give equal files: no time of writing.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(tensor.elements().len() >= 1 << 28);
        archive.start_file(format!("{name}{ENDING}"), options)?;
        npy::write_npy(&mut archive, tensor)?;
    }
    archive.finish()?.into_inner().flush()
}
