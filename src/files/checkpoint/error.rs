//! Errors of a snapshot file.

use std::io;
use std::path::PathBuf;

/// A snapshot that cannot be saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The system refuses.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// The attempted operation.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another run writes its checkpoints there.
    #[error("another run is writing checkpoints into `{}`: wait for it or give another folder", .folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The name is not that of a file in the folder.
    #[error("`{0}` is no file name: give one without folders")]
    FileName(String),
    /// A tensor that cannot be saved.
    #[error("tensor `{name}` cannot be saved: {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A JSON value that would not read back as it is.
    #[error(
        "the metadata would not read back from JSON text as they are ({reason}): put floats into tensors"
    )]
    Meta {
        /// The problem.
        reason: String,
    },
    /// The file ends too early, or too late.
    #[error(
        "`{}` is cut off, or is no safetensors file ({reason}): continue from an earlier checkpoint, or \
         start the run anew", .path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The mismatch.
        reason: String,
    },
    /// The file is not what was saved.
    #[error(
        "`{}` is damaged, or is no safetensors file ({reason}): continue from an earlier checkpoint, or \
         start the run anew", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        reason: String,
    },
    /// A safetensors file of something else.
    #[error("`{}` is a safetensors file but no snapshot of hwsim: give a checkpoint of a run", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of hwsim saved it.
    #[error(
        "`{}` is a snapshot of version {found}, but this hwsim reads up to version {supported}: use a \
         newer hwsim", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// [`VERSION`](super::VERSION).
        supported: u32,
    },
}
