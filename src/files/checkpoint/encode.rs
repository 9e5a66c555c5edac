//! Encodes a snapshot as a safetensors file.

use super::checksum::checksum;
use super::{Envelope, METADATA_KEY, Snapshot, SnapshotError, SnapshotTensor, VERSION};
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{self, Write};

/// Bytes to which the header's length is rounded up, so that tensors start aligned.
const ALIGNMENT: usize = 8;

/// Readers of safetensors refuse longer headers.
const MAX_HEADER_BYTES: usize = 100_000_000;

/// A file that is only to be written: equal snapshots give equal bytes.
pub(super) struct Encoded<'a> {
    header: Vec<u8>,
    tensors: Vec<&'a SnapshotTensor>,
}

impl<'a> Encoded<'a> {
    /// Checks `snapshot` and lays out its file.
    pub(super) fn new(snapshot: &'a Snapshot) -> Result<Self, SnapshotError> {
        let meta = meta_text(&snapshot.meta)?;
        let mut tensors: Vec<_> = snapshot.tensors.iter().collect();
        // Wide elements first keeps all aligned; the names are in order already.
        tensors.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.dtype()));
        let mut end = 0;
        let mut infos = Vec::with_capacity(tensors.len());
        for (name, tensor) in &tensors {
            check(name, tensor)?;
            let start = end;
            end += tensor.bytes().len();
            let (dtype, shape) = (tensor.dtype(), tensor.shape().to_vec());
            infos.push(((*name).clone(), TensorInfo { dtype, shape, data_offsets: (start, end) }));
        }
        let crc32 = checksum(&meta, &snapshot.tensors);
        let envelope = Envelope { version: VERSION, crc32, meta: &snapshot.meta };
        let envelope = serde_json::to_string(&envelope).map_err(meta_error)?;
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), envelope)]);
        let metadata = Metadata::new(Some(metadata), infos).map_err(meta_error)?;
        let mut header = serde_json::to_vec(&metadata).map_err(meta_error)?;
        header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
        if header.len() > MAX_HEADER_BYTES {
            let reason = format!("a header of {} bytes is too long", header.len());
            return Err(SnapshotError::Meta { reason });
        }
        Ok(Self { header, tensors: tensors.into_iter().map(|(_, tensor)| tensor).collect() })
    }

    /// Writes all bytes.
    pub(super) fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        output.write_all(&(self.header.len() as u64).to_le_bytes())?;
        output.write_all(&self.header)?;
        self.tensors.iter().try_for_each(|tensor| output.write_all(&tensor.bytes()))
    }
}

/// The JSON text of `meta`, checked to give the same value back.
fn meta_text(meta: &Value) -> Result<String, SnapshotError> {
    let text = serde_json::to_string(meta).map_err(meta_error)?;
    let read: Value = serde_json::from_str(&text).map_err(meta_error)?;
    if read != *meta {
        return Err(SnapshotError::Meta { reason: "a number is rounded".into() });
    }
    Ok(text)
}

fn meta_error(error: impl std::fmt::Display) -> SnapshotError {
    SnapshotError::Meta { reason: error.to_string() }
}

fn check(name: &str, tensor: &SnapshotTensor) -> Result<(), SnapshotError> {
    let refuse = |reason| Err(SnapshotError::Tensor { name: name.to_owned(), reason });
    if name == "__metadata__" {
        return refuse("the safetensors format keeps this name for itself".to_owned());
    }
    if !tensor.fits() {
        let (shape, elements) = (tensor.shape(), tensor.len());
        return refuse(format!("shape {shape:?} does not have {elements} elements"));
    }
    Ok(())
}
