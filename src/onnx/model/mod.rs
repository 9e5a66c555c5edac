//! A model with its values: nodes in the file's order, initialisers, inputs and outputs.

mod decode;
mod external;
mod node;
mod payload;

pub use crate::tensor::{ElementType, Elements, Tensor};
pub use node::{Attribute, Node};

use super::error::OnnxError;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Cursor;
use std::path::Path;

/// An ONNX model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Version of the file format.
    pub ir_version: i64,
    /// Version of the operators of each domain that the file declares; ONNX's own has the name "".
    pub opsets: BTreeMap<String, i64>,
    /// The nodes, in an order in which no node reads what a later one makes if the file is sound.
    pub nodes: Vec<Node>,
    /// Constants that nodes or outputs read, by name.
    pub initialisers: Vec<(String, Tensor)>,
    /// Inputs that are not initialisers.
    pub inputs: Vec<Input>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
}

/// An input of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Type of its elements.
    pub element: ElementType,
    /// Its axes.
    pub shape: Vec<Dimension>,
}

/// Size of an axis of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// A number.
    Fixed(usize),
    /// A name, or nothing, for a size that is open.
    Open(Option<String>),
}

impl Model {
    /// The model in the file `path` with its values; external data are read from the folder of the file.
    ///
    /// A file has at most 2 GiB, of which at most 64 MiB are not elements of tensors, and at most 2^20 nodes, attributes,
    /// tensors and descriptions of values. Its tensors have at most 2^30 elements together. Nothing is allocated before the
    /// bytes that it is made of are found.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, too large or not an ONNX model, a node reads what no node before it makes, or a
    /// tensor that a node reads has a type that is not supported or data that do not fit its shape.
    pub fn read(path: &Path) -> Result<Self, OnnxError> {
        // A pipe would never end.
        if !std::fs::metadata(path).map_err(OnnxError::Io)?.is_file() {
            return Err(OnnxError::NotAFile);
        }
        let file = File::open(path).map_err(OnnxError::Io)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        decode::model(file, Some(folder.unwrap_or(Path::new("."))))
    }

    /// The model in `bytes`, which must hold all its data.
    ///
    /// # Errors
    /// As [`read`](Self::read), and if a tensor has its data in another file.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, OnnxError> {
        decode::model(Cursor::new(bytes), None)
    }

    /// Version of ONNX's own operators.
    pub fn opset(&self) -> i64 {
        self.opsets.get("").copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests;
