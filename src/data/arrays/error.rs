//! Errors of array files.

use super::MAX_ELEMENTS as MAX;
use std::fmt;
use std::path::PathBuf;

/// What is wrong with an array or its file.
#[derive(Debug, thiserror::Error)]
pub enum ArrayProblem {
    /// The system cannot read it, or it ends too early.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A folder.
    #[error("is a folder: give a .npy or .npz file")]
    Folder,
    /// Neither kind of file.
    #[error("is neither a .npy nor a .npz file: write it with numpy.save or numpy.savez")]
    NotArray,
    /// An archive that is damaged, or packed in another way.
    #[error("is a damaged archive: {0}")]
    Archive(String),
    /// An archive with two arrays of one name.
    #[error("has two arrays of one name")]
    TwoOfOneName,
    /// No such array.
    #[error("is not in the archive, which has {}", list(.0))]
    NoSuch(Vec<String>),
    /// A version of the format that is not known.
    #[error("has version {0}.{1} of the .npy format; 1.0, 2.0 and 3.0 are known")]
    Version(u8, u8),
    /// A header that is not one.
    #[error("has a damaged header: {0}")]
    Header(&'static str),
    /// Python objects.
    #[error(
        "has Python objects (pickled), which are never loaded: save numbers, as in numpy.save(file, x.astype(\"float32\"))"
    )]
    Objects,
    /// Another type of elements.
    #[error("has elements of type `{descr}`: float16, float32, float64, bool and integers of 8 to 64 bits are read{}", advice(.descr))]
    Type {
        /// The type as the file has it.
        descr: String,
    },
    /// More elements than are read.
    #[error("has shape {0:?}: at most {MAX} elements are read")]
    TooLarge(Vec<u64>),
    /// Fewer bytes than the header says.
    #[error("ends after {found} of the {needed} bytes that its header states")]
    Short {
        /// Bytes that the header states.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// More bytes than the header says.
    #[error("has more bytes than its header states, {0}")]
    Long(u64),
    /// Unsigned integers from 2^63 on.
    #[error("has an integer of 2^63 or more, which is not supported")]
    TooHigh,
}

/// An array file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub struct ArrayError {
    /// The file.
    pub path: PathBuf,
    /// The array in an archive.
    pub name: Option<String>,
    /// What is wrong.
    #[source]
    pub problem: ArrayProblem,
}

impl fmt::Display for ArrayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => {
                write!(f, "`{}`: array `{name}` {}", self.path.display(), self.problem)
            }
            None => write!(f, "`{}` {}", self.path.display(), self.problem),
        }
    }
}

fn list(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(MOST);
    match (shown.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (_, 0) => shown.join(", "),
        _ => format!("{} and {more} more", shown.join(", ")),
    }
}

fn advice(descr: &str) -> &'static str {
    match descr.trim_start_matches(['<', '>', '|', '=']) {
        "V2" => " (`.npy` files cannot say bfloat16: save x.astype(\"float32\"))",
        rest if rest.starts_with(['U', 'S']) => " (classes as numbers, not as text)",
        _ => "",
    }
}
