//! A JSON value and named tensors in one file.

use super::decode::decode;
use super::durable::replace;
use super::encode::Encoded;
use super::{SnapshotError, SnapshotTensor};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// The contents of a snapshot file, restored bit for bit.
///
/// ```
/// use hwsim::files::checkpoint::Snapshot;
/// let folder = tempfile::tempdir()?;
/// let mut snapshot = Snapshot { meta: serde_json::json!({ "step": 7 }), ..Snapshot::default() };
/// snapshot.tensors.insert("weights".into(), vec![0.5f32, f32::NEG_INFINITY].into());
/// let path = snapshot.save(folder.path(), "run.safetensors")?;
/// assert_eq!(Snapshot::load(&path)?, snapshot);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Integers, words and lists of them. Floats belong into `tensors`, since JSON text does not
    /// keep all of them.
    pub meta: serde_json::Value,
    /// Arrays by name.
    pub tensors: BTreeMap<String, SnapshotTensor>,
}

impl Snapshot {
    /// Saves as `file_name` in `folder`, which is made if it is missing; returns the file's path.
    ///
    /// The file is in the safetensors format, and equal snapshots give equal bytes. A process killed
    /// or a machine stopped at any moment leaves either the old file or the new one, complete; the
    /// temporary file that a kill may leave too is removed by the next save.
    ///
    /// # Errors
    /// If a tensor's shape does not fit its data, `meta` would not read back, `file_name` has
    /// folders in it, or the file cannot be written. The old file stays then.
    pub fn save(&self, folder: &Path, file_name: &str) -> Result<PathBuf, SnapshotError> {
        let mut components = Path::new(file_name).components();
        let plain = matches!(components.next(), Some(Component::Normal(name)) if name == file_name);
        if !plain || components.next().is_some() {
            return Err(SnapshotError::FileName(file_name.to_owned()));
        }
        let encoded = Encoded::new(self)?;
        std::fs::create_dir_all(folder).map_err(|source| SnapshotError::Io {
            action: "make folder",
            path: folder.to_owned(),
            source,
        })?;
        replace(folder, file_name, |output| encoded.write(output))?;
        Ok(folder.join(file_name))
    }

    /// Loads what [`save`](Snapshot::save) saved.
    ///
    /// # Errors
    /// If the file cannot be read, is cut off or damaged in any part (a CRC-32 covers all of the
    /// content), is no snapshot, or was saved by a newer version.
    pub fn load(path: &Path) -> Result<Self, SnapshotError> {
        let bytes = std::fs::read(path).map_err(|source| SnapshotError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        decode(&bytes, path)
    }
}
