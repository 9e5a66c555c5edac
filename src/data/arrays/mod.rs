//! Arrays that users bring: NumPy's `.npy` files, and `.npz` archives of several by name.
//!
//! [`ArrayFile::open`] tells the two apart by their content. Sizes are checked against what is there before memory is taken, so
//! that a header cannot claim more than the file holds, and an archive cannot expand beyond [`MAX_ELEMENTS`] elements an array.
//!
//! ```
//! use hwsim::data::arrays::{ArrayFile, write_npz};
//! use hwsim::tensor::{ElementType, Elements, Tensor};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("x.npz");
//! let labels = Tensor::new(vec![2], ElementType::UInt8, Elements::Integers(vec![3, 7].into())).unwrap();
//! write_npz(std::fs::File::create(&path)?, [("y", &labels)])?;
//! let mut file = ArrayFile::open(&path)?;
//! assert_eq!(file.names(), ["y"]);
//! assert_eq!(file.read("y")?, labels);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod header;
mod npy;
mod npz;

pub use error::{ArrayError, ArrayProblem};
pub use npy::write_npy;
pub use npz::write_npz;

use crate::tensor::Tensor;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};

/// The most elements of an array.
pub const MAX_ELEMENTS: usize = 1 << 28;

/// A file with one array, or with several by name.
pub struct ArrayFile {
    path: PathBuf,
    content: Content,
}

enum Content {
    One(BufReader<File>),
    Archive(npz::Archive),
}

impl ArrayFile {
    /// Opens a `.npy` or `.npz` file; which of them it is follows from its first bytes.
    ///
    /// # Errors
    /// If it cannot be read or is something else.
    pub fn open(path: &Path) -> Result<Self, ArrayError> {
        let content = open(path).map_err(|problem| of(path, None, problem))?;
        Ok(Self { path: path.to_owned(), content })
    }

    /// Names of the arrays in the order of the archive; a `.npy` file has one without a name.
    pub fn names(&self) -> Vec<String> {
        match &self.content {
            Content::One(_) => vec![String::new()],
            Content::Archive(archive) => archive.names(),
        }
    }

    /// Whether it is an archive, whose arrays have names.
    pub fn is_archive(&self) -> bool {
        matches!(self.content, Content::Archive(_))
    }

    /// The array `name`; "" is that of a `.npy` file.
    ///
    /// # Errors
    /// If there is none of this name, it is damaged or too large, or its elements are not numbers.
    pub fn read(&mut self, name: &str) -> Result<Tensor, ArrayError> {
        let read = match &mut self.content {
            Content::One(file) => file.rewind().map_err(Into::into).and_then(|()| npy::read(file)),
            Content::Archive(archive) => archive.read(name),
        };
        read.map_err(|problem| of(&self.path, Some(name), problem))
    }
}

fn open(path: &Path) -> Result<Content, ArrayProblem> {
    if path.is_dir() {
        return Err(ArrayProblem::Folder);
    }
    let mut file = BufReader::new(File::open(path)?);
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start)?;
    file.rewind()?;
    match start.as_slice() {
        b"PK\x03\x04" | b"PK\x05\x06" => Ok(Content::Archive(npz::Archive::open(file)?)),
        _ if npy::MAGIC.starts_with(&start) && !start.is_empty() => Ok(Content::One(file)),
        _ => Err(ArrayProblem::NotArray),
    }
}

fn of(path: &Path, name: Option<&str>, problem: ArrayProblem) -> ArrayError {
    let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
    ArrayError { path: path.to_owned(), name, problem }
}

#[cfg(test)]
mod tests;
