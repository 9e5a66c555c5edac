//! Checkpoint files, from which a stopped run resumes.
//!
//! A [`Snapshot`] is named tensors and a JSON value in one safetensors file: this module
//! guarantees that a file is complete or absent and detects damage. It does not interpret the contents;
//! `train::state` does.

mod checksum;
mod decode;
pub(crate) mod durable;
mod encode;
mod error;
mod folder_lock;
mod snapshot;
mod tensor;
#[cfg(test)]
mod tests;

pub use error::SnapshotError;
pub use folder_lock::FolderLock;
pub use snapshot::Snapshot;
pub use tensor::SnapshotTensor;

/// Version of the contents of a snapshot file.
pub const VERSION: u32 = 1;

/// The one entry of a snapshot file's `__metadata__`. Its value is JSON: see [`Envelope`].
const METADATA_KEY: &str = "hwsim-snapshot";

/// Contents of the header other than the tensors. Its fields stand in one JSON text since the order of
/// several `__metadata__` entries would differ from file to file.
#[derive(serde::Serialize, serde::Deserialize)]
struct Envelope<M> {
    /// [`VERSION`] of the writer.
    version: u32,
    /// CRC-32 of all content, in hexadecimal.
    crc32: String,
    /// The JSON value of the snapshot.
    meta: M,
}
