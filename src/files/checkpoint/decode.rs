//! Decodes a snapshot from the bytes of a safetensors file.

use super::checksum::checksum;
use super::{Envelope, METADATA_KEY, Snapshot, SnapshotError, SnapshotTensor, VERSION};
use safetensors::{SafeTensorError, SafeTensors};
use serde_json::Value;
use std::path::Path;

/// Reads `bytes`; `path` only names them in errors.
pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<Snapshot, SnapshotError> {
    let damaged = |reason: String| SnapshotError::Damaged { path: path.to_owned(), reason };
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| unreadable(&error, path))?;
    let envelope = metadata.metadata().as_ref().and_then(|entries| entries.get(METADATA_KEY));
    let envelope = envelope.ok_or_else(|| SnapshotError::Foreign { path: path.to_owned() })?;
    let envelope: Value =
        serde_json::from_str(envelope).map_err(|error| damaged(error.to_string()))?;
    // A newer version may have other fields, so this one is looked at first.
    if let Some(found) = envelope.get("version").and_then(Value::as_u64)
        && found > u64::from(VERSION)
    {
        let path = path.to_owned();
        return Err(SnapshotError::Newer { path, found, supported: VERSION });
    }
    let envelope: Envelope<Value> =
        serde_json::from_value(envelope).map_err(|error| damaged(error.to_string()))?;
    if envelope.version != VERSION {
        return Err(damaged(format!("there is no version {}", envelope.version)));
    }

    let file = SafeTensors::deserialize(bytes).map_err(|error| unreadable(&error, path))?;
    let mut snapshot = Snapshot { meta: envelope.meta, ..Snapshot::default() };
    for (name, view) in file.iter() {
        let tensor = SnapshotTensor::from_bytes(view.dtype(), view.shape().to_vec(), view.data());
        let Some(tensor) = tensor else {
            let dtype = view.dtype();
            return Err(damaged(format!("tensor `{name}` has unknown elements {dtype}")));
        };
        snapshot.tensors.insert(name.to_owned(), tensor);
    }
    let meta = serde_json::to_string(&snapshot.meta).map_err(|error| damaged(error.to_string()))?;
    let found = checksum(&meta, &snapshot.tensors);
    if found != envelope.crc32 {
        let saved = envelope.crc32;
        return Err(damaged(format!("its checksum is {found}, but {saved} was saved")));
    }
    Ok(snapshot)
}

/// A file that is not a valid safetensors file.
fn unreadable(error: &SafeTensorError, path: &Path) -> SnapshotError {
    let (path, reason) = (path.to_owned(), error.to_string());
    match error {
        SafeTensorError::HeaderTooSmall
        | SafeTensorError::InvalidHeaderLength
        | SafeTensorError::MetadataIncompleteBuffer => SnapshotError::Truncated { path, reason },
        _ => SnapshotError::Damaged { path, reason },
    }
}
