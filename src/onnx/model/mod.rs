//! A model with its values: nodes in the file's order, initialisers, inputs and outputs.

mod decode;
mod node;

pub use crate::tensor::{ElementType, Elements, Tensor};
pub use node::{Attribute, Node};

use super::error::OnnxError;
use std::collections::BTreeMap;
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
    /// Constants by name.
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
    /// # Errors
    /// If it cannot be read, is damaged or not an ONNX model, or a tensor has a type that is not supported.
    pub fn read(path: &Path) -> Result<Self, OnnxError> {
        let bytes = std::fs::read(path).map_err(OnnxError::Io)?;
        decode::model(&bytes)
    }

    /// Version of ONNX's own operators.
    pub fn opset(&self) -> i64 {
        self.opsets.get("").copied().unwrap_or(1)
    }
}
