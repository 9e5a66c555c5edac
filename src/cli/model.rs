//! MODEL: a network as every command takes it, a built-in name, a saved model or an ONNX file.

use super::errors::Failure;
use super::eval_network::{Dimension, resolve};
use crate::network::arch;
use crate::onnx;
use anyhow::{Context as _, anyhow};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What MODEL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Model {
    /// An architecture of the program.
    BuiltIn(String),
    /// A file that `hwsim train --save-model` wrote.
    Saved(PathBuf),
    /// An ONNX file.
    Onnx(PathBuf),
}

/// What a text names if there is a file of the name of an architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// The file: of MODEL.
    File,
    /// The architecture: of `--arch`, where `./lenet5` is the file.
    Architecture,
}

impl Model {
    /// What `text` names.
    ///
    /// # Errors
    /// If it is neither the name of an architecture nor anything that can be a file.
    pub(super) fn named(text: &Path, first: First) -> anyhow::Result<Self> {
        let names = first == First::Architecture || !text.is_file();
        if let Some(name) = text.to_str().filter(|text| names && is_built_in(text)) {
            return Ok(Self::BuiltIn(name.to_owned()));
        }
        if !may_be_file(text) {
            return Err(unknown(&text.to_string_lossy()));
        }
        let path = text.to_owned();
        Ok(if is_onnx(text) { Self::Onnx(path) } else { Self::Saved(path) })
    }

    /// The file, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Saved(path) | Self::Onnx(path) => Some(path),
        }
    }

    /// Whether it is an ONNX file.
    pub(super) fn is_onnx(&self) -> bool {
        matches!(self, Self::Onnx(_))
    }
}

/// Whether `name` is an architecture of the program.
pub(super) fn is_built_in(name: &str) -> bool {
    arch::names().any(|known| known == name)
}

/// `text`, unless it is a built-in name or can be no file.
pub(super) fn file_of(text: &Path) -> Option<&Path> {
    Some(text).filter(|text| !text.to_str().is_some_and(is_built_in) && may_be_file(text))
}

/// Whether `text` is a file, or written as one: with an ending or a folder.
pub(super) fn may_be_file(text: &Path) -> bool {
    text.exists() || text.extension().is_some() || text.components().count() > 1
}

/// The error of a text that names no network.
pub(super) fn unknown(text: &str) -> anyhow::Error {
    let known: Vec<_> = arch::names().collect();
    anyhow!(
        "unknown network `{text}`: use a file that `hwsim train --save-model` wrote, an ONNX file, or one of {}",
        known.join(", ")
    )
}

/// The graph of the ONNX file `path` with its values; `dimensions` are the sizes of open axes.
pub(super) fn graph(path: &Path, dimensions: &[Dimension]) -> Result<onnx::model::Model, Failure> {
    let mut model = onnx::model::Model::read(path)
        .with_context(|| format!("cannot load `{}`", path.display()))?;
    resolve(&mut model.inputs, dimensions)?;
    Ok(model)
}

/// Whether `path` is an ONNX file: by its ending, or because it does not begin as a saved model does.
fn is_onnx(path: &Path) -> bool {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) {
        return true;
    }
    // A saved model is a safetensors file: 8 bytes of length, then JSON. An ONNX file begins with the tag of its version.
    let mut start = Vec::new();
    // Opening a pipe would wait for its other end.
    let opened = if path.is_file() { File::open(path).ok() } else { None };
    let read = opened.and_then(|file| file.take(9).read_to_end(&mut start).ok());
    read.is_some() && start.first() == Some(&0x08) && start.get(8) != Some(&b'{')
}
