//! Data of tensors in other files.
//!
//! `external_data` of a tensor has the keys `location` (a path relative to the folder of the model), `offset` and `length`
//! in bytes. A model must not make hwsim read other files than those of its folder.

use crate::onnx::OnnxError;
use crate::onnx::proto;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// Whether the data of `message` are in another file.
pub(super) fn is_external(message: &proto::Tensor) -> bool {
    message.data_location == 1
}

/// The `needed` bytes of `message` from a file in `folder`.
///
/// # Errors
/// If there is no folder, the file is not in it or cannot be read, or has not exactly these bytes.
pub(super) fn read(
    message: &proto::Tensor,
    needed: usize,
    folder: Option<&Path>,
) -> Result<Vec<u8>, OnnxError> {
    let entry = |key: &str| {
        let found = message.external_data.iter().rfind(|entry| entry.key == key);
        found.map(|entry| entry.value.as_str())
    };
    let location = entry("location").unwrap_or_default();
    let refused = |why: String| OnnxError::External {
        tensor: message.name.clone(),
        location: location.to_owned(),
        why,
    };
    let number = |key: &str| match entry(key) {
        None | Some("") => Ok(None),
        Some(text) => {
            let number = text.trim().parse::<u64>().ok();
            number
                .map(Some)
                .ok_or_else(|| refused(format!("its {key} `{text}` is not a number of bytes")))
        }
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    let folder =
        folder.ok_or_else(|| refused("the model was not read from a folder".to_owned()))?;
    let path = inside(folder, location).map_err(refused)?;
    let metadata = std::fs::metadata(&path).map_err(|error| refused(error.to_string()))?;
    if !metadata.is_file() {
        return Err(refused("it is not a regular file".to_owned()));
    }
    let rest = metadata.len().checked_sub(offset);
    let rest = rest.ok_or_else(|| {
        refused(format!("it has {} bytes, but the data begin at {offset}", metadata.len()))
    })?;
    let length = length.unwrap_or(rest);
    if length > rest {
        return Err(refused(format!(
            "it has {rest} bytes from {offset} on, but the model says {length}"
        )));
    }
    if length != needed as u64 {
        return Err(refused(format!(
            "the model gives the tensor {length} bytes, but its shape needs {needed}"
        )));
    }
    let read = || {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(needed);
        file.take(length).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    read().map_err(|error| refused(error.to_string()))
}

/// The file `location` in `folder`.
fn inside(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let relative = Path::new(location);
    if relative.as_os_str().is_empty() {
        return Err("the model does not say which".to_owned());
    }
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !relative.components().all(plain) {
        return Err("only files in the folder of the model are read: no absolute path and no `..`"
            .to_owned());
    }
    let resolve = |path: &Path| path.canonicalize().map_err(|error| error.to_string());
    let home = resolve(folder)?;
    let path = resolve(&home.join(relative))?;
    if !path.starts_with(&home) {
        return Err("it is a link to a file outside the folder of the model, which is not read: copy the file there".to_owned());
    }
    Ok(path)
}
