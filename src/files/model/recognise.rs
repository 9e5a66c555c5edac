//! Recognises files that are not saved models, for an error message that says what the file is.

use super::ModelError;
use crate::files::checkpoint::SnapshotError;
use std::path::Path;

/// Refuses a path that its name or kind shows not to be a safetensors file, before it is read.
pub(super) fn by_name(path: &Path) -> Result<(), ModelError> {
    if path.is_dir() {
        return Err(match path.join("checkpoint.safetensors").is_file() {
            true => ModelError::CheckpointFolder { folder: path.to_owned() },
            false => ModelError::Folder,
        });
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "onnx" if path.is_file() => Err(ModelError::Onnx { file: path.to_owned() }),
        _ => Ok(()),
    }
}

/// The advice about a container is about checkpoints: what it means for a model.
pub(super) fn of_container(error: SnapshotError) -> ModelError {
    match error {
        SnapshotError::Foreign { .. } => ModelError::OtherProgram,
        SnapshotError::Truncated { reason, .. } | SnapshotError::Damaged { reason, .. } => {
            ModelError::Damaged { reason }
        }
        other => other.into(),
    }
}

/// The error of a snapshot whose metadata are not those of a model.
pub(super) fn of_metadata(path: &Path, meta: &serde_json::Value, reason: String) -> ModelError {
    let is_run = ["controller", "options", "progress"].iter().any(|key| meta.get(key).is_some());
    match meta.get("kind").and_then(serde_json::Value::as_str) {
        None if is_run => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            ModelError::Checkpoint { folder: folder.unwrap_or(Path::new(".")).to_owned() }
        }
        _ => ModelError::Kind(reason),
    }
}
